import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Tokenizer as ReferenceTokenizer } from '@huggingface/tokenizers';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import { loadTokenizer } from '../../src/text/load-tokenizer.js';
import { endId, specialTokens, type Tokenizer, unknownId } from '../../src/text/tokenizer.js';
import { type TokenizerOptions, trainTokenizer } from '../../src/text/train-tokenizer.js';
import { awkwardLines, multilingualLines } from './sample-text.js';

const lines = multilingualLines();
const kinds: TokenizerOptions[] = [
  { kind: 'bpe', size: 1200 },
  { kind: 'bpe', size: 900, lowercase: true },
  { kind: 'word', size: 500 },
  { kind: 'word', size: 300, split: 'spaces', lowercase: true },
  { kind: 'character', size: 200 },
  { kind: 'character', size: 300, verbatim: true },
];
const trained = await Promise.all(
  kinds.map(async (options) => ({ label: JSON.stringify(options), tokenizer: await trainTokenizer(lines, options) })),
);
const [bytePairs] = trained.map(({ tokenizer }) => tokenizer) as [Tokenizer];

/** Characters from every part of Unicode, white space, controls and halves of surrogate pairs among them. */
function randomText(seed: number): string {
  const key = randomKey(seed, 'corpus');
  const blocks = [0x20, 0x80, 0x300, 0x600, 0xc00, 0x1100, 0x2000, 0x3040, 0xac00, 0xd800, 0xfe00, 0x1f300];
  return Array.from({ length: 40 }, (_, index) => {
    const block = blocks[uniformInteger(key, 3 * index, blocks.length)] ?? 0x20;
    const spaced = uniformInteger(key, 3 * index + 1, 4) === 0 ? ' ' : '';
    return spaced + String.fromCodePoint(block + uniformInteger(key, 3 * index + 2, 96));
  }).join('');
}
const unusual = [...awkwardLines, ...Array.from({ length: 200 }, (_, seed) => randomText(seed))];

for (const { label, tokenizer } of trained) {
  test(`${label}: the reference implementation loads the file and encodes and decodes identically`, () => {
    const reference = new ReferenceTokenizer(JSON.parse(tokenizer.toJson()), {});
    for (const line of [...lines, ...unusual]) {
      const ids = tokenizer.encode(line);
      assert.deepEqual(ids, reference.encode(line).ids, JSON.stringify(line));
      if (ids.length === 0 || ids.includes(unknownId)) continue;
      assert.equal(tokenizer.decode(ids), reference.decode(ids, { clean_up_tokenization_spaces: false }));
    }
  });

  test(`${label}: a saved tokenizer comes back the same`, async () => {
    const json = tokenizer.toJson();
    const loaded = await loadTokenizer(json, 'tokenizer.json');
    assert.equal(loaded.toJson(), json);
    assert.equal(loaded.kind, tokenizer.kind);
    assert.equal(loaded.size, tokenizer.size);
    for (const line of unusual) assert.deepEqual(loaded.encode(line), tokenizer.encode(line));
  });

  test(`${label}: text never becomes a padding, start or end token`, () => {
    for (const line of [...lines, ...unusual]) assert.ok(tokenizer.encode(line).every((id) => id > endId && id < tokenizer.size));
  });

  test(`${label}: known text comes back, and the offsets are where the tokens stand`, () => {
    for (const line of [...lines, ...unusual]) {
      const normalised = tokenizer.normalise(line);
      assert.equal(tokenizer.normalise(normalised), normalised);
      const { ids, offsets } = tokenizer.encodeWithOffsets(line);
      assert.deepEqual(ids, tokenizer.encode(line));
      assert.equal(offsets.length, 2 * ids.length);
      if (!ids.includes(unknownId)) assert.equal(tokenizer.decode(ids), normalised);
      let end = 0;
      for (const [index, id] of ids.entries()) {
        const surface = normalised.slice(offsets[2 * index], offsets[2 * index + 1]);
        const token = tokenizer.token(id);
        if (!/^<(0x..|unk)>$/.test(token)) assert.equal(surface, token.length > 1 ? token.replace(/^ /, '') : surface === '' ? '' : token);
        else assert.ok(surface.length > 0);
        end = offsets[2 * index + 1] ?? end;
      }
      assert.equal(end, normalised.length);
    }
  });

  test(`${label}: vocabularies begin with the special tokens`, () => {
    for (const [id, token] of specialTokens.entries()) assert.equal(tokenizer.token(id), token);
    assert.throws(() => tokenizer.token(tokenizer.size), { name: 'DecadeError' });
    assert.throws(() => tokenizer.decode([tokenizer.size]), { name: 'DecadeError' });
  });
}

test('byte-pair encoding loses no character of the normalised text, whatever it is', () => {
  for (const line of unusual) {
    assert.ok(!bytePairs.encode(line).includes(unknownId));
    assert.equal(bytePairs.decode(bytePairs.encode(line)), bytePairs.normalise(line));
  }
});

test('normalisation is NFC with single spaces, keeps no-break spaces and drops controls', () => {
  assert.equal(bytePairs.normalise('  e\u0301 \t\u2003 b\r\n'), 'é b');
  assert.equal(bytePairs.normalise('\u00A0prêt\u202F!\u00A0'), '\u00A0prêt\u202F!\u00A0');
  assert.equal(bytePairs.normalise('a\u0000b\uFEFFc\uD83D'), 'abc\uFFFD');
  assert.equal(bytePairs.normalise(' \u3000\t'), '');
  assert.deepEqual(bytePairs.encode(' \u3000\t'), []);
  assert.equal(trained[1]?.tokenizer.normalise('ÉCOLE'), 'école');
});

test('byte-pair tokens stay inside words, and digits stand alone', () => {
  for (let id = specialTokens.length + 256; id < bytePairs.size; id++) {
    const token = bytePairs.token(id);
    assert.match(token, /^ ?[^ ]*$/);
    if (/\p{N}/u.test(token)) assert.equal([...token.trim()].length, 1);
    assert.doesNotMatch(token, /\p{L}['’].|[^\p{L}\p{M}\p{N}'’ \u200C\u200D]\p{L}/u);
  }
});

test('merges follow the counts: the most frequent pair first, of equal ones that with the lowest ids', async () => {
  const tokenizer = await trainTokenizer(['ab ab ab cd cd xy'], { kind: 'bpe', size: 275 });
  // ' '+'a' and 'a'+'b' occur 3 times each, and the space has the lowest id; likewise ' '+'c' and 'c'+'d'. 'xy' occurs once.
  const merges = [
    [' ', 'a'],
    [' a', 'b'],
    [' ', 'c'],
    [' c', 'd'],
  ];
  assert.deepEqual(JSON.parse(tokenizer.toJson()).model.merges, merges);
  assert.deepEqual(
    tokenizer.encode('ab cd').map((id) => tokenizer.token(id)),
    [' ab', ' cd'],
  );
});

test('the order of the lines does not matter', async () => {
  for (const [index, options] of kinds.entries()) {
    assert.equal((await trainTokenizer([...lines].reverse(), options)).toJson(), trained[index]?.tokenizer.toJson());
  }
});

test('a word vocabulary keeps the most frequent words; the others are unknown and can be named by the caller', async () => {
  const tokenizer = await trainTokenizer(['b b b a a c'], { kind: 'word', size: 6, split: 'spaces' });
  assert.equal(tokenizer.size, 6);
  assert.deepEqual(tokenizer.encode('a b c'), [5, 4, unknownId]);
  assert.equal(tokenizer.decode([1, 5, 3, 4, 2, 0]), 'a ⁇ b');
  assert.equal(tokenizer.decode([3, 5, 3], { unknown: (position) => `#${position}` }), '#0 a #2');
});

test('decoding a word model gives plain text', async () => {
  const text = "Hello, world! (It's 3.5 km — isn't it?) L'eau.";
  const tokenizer = await trainTokenizer([text], { kind: 'word' });
  assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
});

test('a word of a million letters is encoded in one go', () => {
  const word = 'abcdefghij'.repeat(100_000);
  const before = performance.now();
  assert.equal(bytePairs.decode(bytePairs.encode(word)), word);
  assert.ok(performance.now() - before < 20_000);
});

test('lines may come asynchronously; no text and unknown options are errors that say so', async () => {
  async function* stream() {
    yield* lines;
  }
  assert.equal((await trainTokenizer(stream(), { kind: 'bpe', size: 1200 })).toJson(), bytePairs.toJson());
  await assert.rejects(trainTokenizer(['', '  '], { kind: 'bpe' }), { name: 'DecadeError', message: /no text/ });
  await assert.rejects(trainTokenizer(['a'], { kind: 'bpe', size: 3 }), { name: 'DecadeError', message: /size/ });
  await assert.rejects(trainTokenizer(['a'], { kind: 'bpe', sise: 300 } as unknown as TokenizerOptions), {
    name: 'DecadeError',
    message: /sise/,
  });
});

const corpus = '../shared/data/tatoeba-en-fr';
test('real sentences: identical to the reference', { skip: existsSync(corpus) ? false : `${corpus} is not here` }, async () => {
  const sentences = ['dev.en', 'dev.fr', 'test.en', 'test.fr'].flatMap((file) =>
    readFileSync(`${corpus}/${file}`, 'utf8').trimEnd().split('\n'),
  );
  for (const options of [
    { kind: 'bpe', size: 2000 },
    { kind: 'word', size: 2000 },
  ] as const) {
    const tokenizer = await trainTokenizer(sentences.slice(0, 3000), options);
    const reference = new ReferenceTokenizer(JSON.parse(tokenizer.toJson()), {});
    for (const sentence of sentences) assert.deepEqual(tokenizer.encode(sentence), reference.encode(sentence).ids, sentence);
  }
});
