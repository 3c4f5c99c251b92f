import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import { SentencePiece } from '../../src/text/sentence-piece/sentence-piece.js';
import { awkwardLines } from './sample-text.js';
import { basicPieces, bytePair, mapBytes, modelBytes, type SmallModel, unigram, unknown } from './small-models.js';

const open = (model: SmallModel) => new SentencePiece(modelBytes(model), 'small.model');
const pieces = (model: SentencePiece, text: string) => model.encode(text).map(({ piece }) => piece);

test('the segmentation of greatest probability is found', () => {
  const model = open(unigram);
  assert.deepEqual(pieces(model, 'the dogs'), ['\u2581the', '\u2581do', 'gs']);
  assert.deepEqual(pieces(model, 'the dog'), ['\u2581the', '\u2581dog']);
});

test('text is normalised: rules, spaces, a dummy prefix', () => {
  const model = open(unigram);
  const forms = {
    '  the \t dog  ': '\u2581the\u2581dog',
    Ａ: '\u2581a',
    'ﬁe\u0301\u00ADs': '\u2581fies',
    '\u3000': '',
    '': '',
    '\uD800x': '\u2581\uFFFDx',
  };
  for (const [text, form] of Object.entries(forms)) assert.equal(model.normalise(text), form);
  const plain = open({ ...unigram, addDummyPrefix: false, removeExtraWhitespaces: false });
  assert.equal(plain.normalise('  a  '), '\u2581\u2581a\u2581\u2581');
});

test('what a user defined is not normalised and always one piece', () => {
  const model = open({ ...unigram, map: mapBytes({ '<': 'a', x: 'b' }) });
  assert.deepEqual(pieces(model, 'a<x>x'), ['\u2581', 'a', '<x>', 'b']);
});

test('a run of unknown characters is one piece, which decodes to ⁇', () => {
  const model = open(unigram);
  const encoded = model.encode('a 東京b');
  assert.deepEqual(
    encoded.map(({ piece, id }) => [piece, id]),
    [
      ['\u2581', 3],
      ['a', 4],
      ['\u2581', 3],
      ['東京', 0],
      ['b', 5],
    ],
  );
  assert.equal(model.decodeIds(encoded.map(({ id }) => id)), 'a  \u2047 b');
  assert.equal(model.decode(encoded.map(({ piece }) => piece)), 'a 東京b');
});

test('pairs are merged by score, and an unused piece is taken apart again', () => {
  const model = open(bytePair);
  assert.deepEqual(pieces(model, 'them'), ['\u2581them']);
  assert.deepEqual(pieces(model, 'then'), ['\u2581th', 'e', 'n']);
  assert.deepEqual(pieces(model, 'x<x>x'), ['\u2581', 'x', '<x>', 'x']);
});

test('bytes spell what no piece has, and what is no UTF-8 decodes to U+FFFD', () => {
  const model = open(bytePair);
  const encoded = model.encode('t漢');
  assert.deepEqual(
    encoded.map(({ piece }) => piece),
    ['\u2581', 't', '<0xE6>', '<0xBC>', '<0xA2>'],
  );
  assert.equal(model.decode(encoded.map(({ piece }) => piece)), 't漢');
  assert.equal(model.decode(['<0xE6>', '<0xBC>', 't', '<0xFF>', '<0x41>']), '\uFFFD\uFFFDt\uFFFDA');
});

test('control pieces are never found in a text, and write nothing', () => {
  const model = open({ pieces: [...basicPieces, ...['\u2581', '<', '/', 's', '>'].map((text) => [text, -1] as const)] });
  assert.deepEqual(pieces(model, '</s>'), ['\u2581', '<', '/', 's', '>']);
  assert.equal(model.decodeIds([1, 3, 6, 2]), 's');
});

const broken: Record<string, { readonly bytes: Uint8Array; readonly message: RegExp }> = {
  'an empty file': { bytes: new Uint8Array(), message: /without pieces/ },
  'a file that ends early': { bytes: modelBytes(unigram).subarray(0, 100), message: /a field of \d+ bytes where \d+ are left/ },
  'a model without an unknown piece': { bytes: modelBytes({ pieces: [['a', -1]] }), message: /0 unknown pieces/ },
  'a piece twice': { bytes: modelBytes({ pieces: [...basicPieces, ['a', -1], ['a', -2]] }), message: /the piece "a" twice/ },
  'a score that is no number': { bytes: modelBytes({ pieces: [...basicPieces, ['a', Number.NaN]] }), message: /no finite score/ },
  'an unknown type of piece': {
    bytes: modelBytes({
      pieces: [
        ['a', 0, unknown],
        ['b', 0, 9],
      ],
    }),
    message: /a piece of type 9/,
  },
  'an unknown algorithm': { bytes: modelBytes({ ...unigram, type: 3 }), message: /model type 3/ },
  'byte fallback without bytes': { bytes: modelBytes({ ...unigram, byteFallback: true }), message: /without the piece <0x00>/ },
  'a character map that is too short': {
    bytes: modelBytes({ ...unigram, map: Uint8Array.of(255, 255, 0, 0, 1) }),
    message: /broken character map/,
  },
  'a character map that points out of itself': { bytes: modelBytes({ ...unigram, map: pointingOut() }), message: /points out of itself/ },
  'a character map without its replacements': {
    bytes: modelBytes({ ...unigram, map: mapBytes({ a: 'b' }).slice(0, -2) }),
    message: /without one of its replacements/,
  },
};

function pointingOut(): Uint8Array {
  const map = mapBytes({ a: 'b' });
  new DataView(map.buffer).setUint32(4, 0x7fffffff, true);
  return map;
}

for (const [name, { bytes, message }] of Object.entries(broken)) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => new SentencePiece(bytes, 'models/broken.model'),
      (error) =>
        error instanceof DecadeError && error.kind === 'input' && message.test(error.message) && /broken\.model/.test(error.message),
    );
  });
}

test('a node that leads back to itself ends with the text', () => {
  const map = mapBytes({ aa: 'b' });
  // Place 0 XOR 256 is where the root leads; the unit of `a` there leads to its own block again.
  const view = new DataView(map.buffer);
  const own = 4 + 4 * (256 ^ 0x61);
  view.setUint32(own, (((256 ^ 0x61 ^ 256) << 10) | 0x61) >>> 0, true);
  assert.equal(open({ ...unigram, map }).normalise('a'.repeat(1000)), `\u2581${'a'.repeat(1000)}`);
});

test('a damaged file is refused or read, but nothing else happens', () => {
  const whole = [modelBytes({ ...unigram, map: mapBytes({ Ａ: 'a', ab: 'c' }) }), modelBytes(bytePair)];
  let refused = 0;
  for (let round = 0; round < 300; round++) {
    const draw = (count: number, use: number) => uniformInteger(randomKey(7, 'sample', round), use, count);
    const bytes = Uint8Array.from(whole[round % 2] as Uint8Array);
    for (let change = 0; change < 1 + draw(4, 0); change++) bytes[draw(bytes.length, 2 * change + 1)] = draw(256, 2 * change + 2);
    const cut = draw(3, 20) === 0 ? draw(bytes.length, 21) : bytes.length;
    try {
      const model = new SentencePiece(bytes.subarray(0, cut), 'fuzz.model');
      for (const line of awkwardLines.slice(0, 20)) model.decodeIds(model.encode(line).map(({ id }) => id));
    } catch (error) {
      if (!(error instanceof DecadeError)) throw error;
      refused++;
    }
  }
  assert.ok(refused > 30 && refused < 300, `${refused} of 300`);
});

const shared = '../shared/data/models';
for (const [folder, file] of [
  ['sentencepiece-test', 'test_model.model'],
  ['sentencepiece-test-ja', 'test_ja_model.model'],
  ['sentencepiece-opennmt', 'sample.sp.model'],
] as const) {
  const skip = existsSync(`${shared}/${folder}`) ? false : `${shared} is absent`;
  test(`${folder}: every line is as the library of that name has it`, { skip }, () => {
    const model = new SentencePiece(readFileSync(`${shared}/${folder}/${file}`), file);
    const { lines } = JSON.parse(readFileSync(`${shared}/${folder}/expected.json`, 'utf8'));
    assert.equal(lines.length, 70);
    for (const line of lines) {
      const encoded = model.encode(line.text);
      const ids = encoded.map(({ id }) => id);
      const found = encoded.map(({ piece }) => piece);
      const decoded = { decodedIds: model.decodeIds(ids), decodedPieces: model.decode(found) };
      assert.deepEqual({ text: line.text, normalized: model.normalise(line.text), pieces: found, ids, ...decoded }, line);
    }
  });
}
