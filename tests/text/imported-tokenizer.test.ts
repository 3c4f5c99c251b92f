import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Tokenizer as ReferenceTokenizer } from '@huggingface/tokenizers';
import { DecadeError } from '../../src/core/errors.js';
import { importTokenizer, isTokenizerFile } from '../../src/text/imported/import-tokenizer.js';
import { loadTokenizer } from '../../src/text/load-tokenizer.js';
import type { Tokenizer } from '../../src/text/tokenizer.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { awkwardLines, multilingualLines } from './sample-text.js';
import { bytePair, modelBytes, unigram } from './small-models.js';

const utf8 = new TextEncoder();
const folder = (files: Record<string, string | object | Uint8Array>) =>
  new Map(
    Object.entries(files).map(([name, contents]) => {
      if (contents instanceof Uint8Array) return [name, contents] as const;
      return [name, utf8.encode(typeof contents === 'string' ? contents : JSON.stringify(contents))] as const;
    }),
  );
/** What a run makes of a tokenizer that it keeps. */
const kept = (tokenizer: Tokenizer) => loadTokenizer(tokenizer.toJson(), 'run/tokenizer.json');
const again = async ({ source, target }: ReturnType<typeof importTokenizer>) => ({
  source: source && (await kept(source)),
  target: await kept(target),
});

/** As opus-mt: an order of its own, `▁dog` left out, the padding last. */
const marianTable = Object.fromEntries(
  ['</s>', '<unk>', '>>fr<<', 'gs', '\u2581the', '\u2581do', 'g', 's', '\u2581', 'a', '<pad>'].map((token, id) => [token, id]),
);
const marian = {
  files: folder({ 'source.spm': modelBytes(unigram), 'target.spm': modelBytes(unigram), 'vocab.json': marianTable }),
  vocabulary: { size: 11, special: { begin: 10, end: 0, forbidden: [10] } },
};

test('Marian: pieces are SentencePiece’s and ids the table’s', async () => {
  const { source, target } = await again(
    importTokenizer(marian.files, { where: 'opus', source: marian.vocabulary, target: marian.vocabulary }),
  );
  assert.deepEqual(source?.encode('the dogs'), [4, 5, 3]);
  assert.deepEqual(target.special, { begin: 10, end: 0, unknown: 1, forbidden: [10] });
  assert.equal(target.decode([4, 5, 3, 0, 10]), 'the dogs');
  assert.equal(target.size, 11);
});

test('Marian: a piece that the table lacks is unknown, and stands between spaces', () => {
  const { target } = importTokenizer(marian.files, { where: 'opus', source: marian.vocabulary, target: marian.vocabulary });
  assert.deepEqual(target.encode('the dog'), [4, 1]);
  assert.equal(target.decode([4, 1]), 'the ⁇');
  assert.equal(target.decode([4, 1, 5], { unknown: () => 'chien' }), 'the chien do');
});

test('Marian: a language code at the beginning of a text is one token', async () => {
  const { target } = await again(importTokenizer(marian.files, { where: 'opus', source: marian.vocabulary, target: marian.vocabulary }));
  assert.deepEqual(target.encode('>>fr<< the dogs'), [2, 4, 5, 3]);
  assert.equal(target.encode('>>xx<< the')[0], 1);
  assert.equal(target.normalise('>>fr<< the dogs'), '>>fr<< the dogs');
});

test('offsets are places in the normalised text', () => {
  for (const { text, surfaces } of [
    { text: '  the   dogs', surfaces: ['the', 'do', 'gs'] },
    { text: '>>fr<< the dogs', surfaces: ['>>fr<<', 'the', 'do', 'gs'] },
  ]) {
    const { target } = importTokenizer(marian.files, { where: 'opus', source: marian.vocabulary, target: marian.vocabulary });
    const normalised = target.normalise(text);
    const { ids, offsets } = target.encodeWithOffsets(text);
    assert.deepEqual(
      ids.map((_, token) => normalised.slice(offsets[2 * token], offsets[2 * token + 1])),
      surfaces,
    );
  }
});

test('what a text begins with is written as it was given', () => {
  const { target } = importTokenizer(marian.files, { where: 'opus', source: marian.vocabulary, target: marian.vocabulary });
  const beginning = target.encodeBeginning(' the ');
  assert.deepEqual(beginning, { ids: [4], text: 'the' });
  assert.equal(target.decode([4, 5, 3], { beginning }), 'the dogs');
});

test('two vocabularies are two tokenizers, one for both sides is one object', () => {
  const shared = importTokenizer(marian.files, { where: 'opus', source: marian.vocabulary, target: marian.vocabulary });
  assert.equal(shared.source, shared.target);
  const files = new Map([...marian.files, ...folder({ 'target_vocab.json': { '</s>': 0, '<unk>': 1, a: 2 } })]);
  const separate = importTokenizer(files, { where: 'opus', source: marian.vocabulary, target: { special: { begin: 1 } } });
  assert.deepEqual([separate.source?.size, separate.target.size], [11, 3]);
});

test('tables are read in every form they have', () => {
  const tokens = Object.keys(marianTable);
  const forms = {
    'vocab.json': JSON.stringify(marianTable),
    'opus.spm32k-spm32k.vocab.yml': tokens.map((token, id) => `"${token}": ${id}`).join('\n'),
    'shared_vocabulary.txt': `${tokens.join('\n')}\n`,
    'shared_vocabulary.json': JSON.stringify(tokens),
  };
  for (const [name, contents] of Object.entries(forms)) {
    const files = folder({ 'source.spm': modelBytes(unigram), 'target.spm': modelBytes(unigram), [name]: contents });
    const { target } = importTokenizer(files, { where: 'opus', source: marian.vocabulary, target: marian.vocabulary });
    assert.deepEqual(target.encode('the dogs'), [4, 5, 3], name);
    assert.ok(isTokenizerFile(name), name);
  }
});

test('M2M100: languages stand behind the table', async () => {
  const files = folder({
    'sentencepiece.bpe.model': modelBytes(unigram),
    'vocab.json': { '<s>': 0, '<pad>': 1, '</s>': 2, '<unk>': 3, '\u2581the': 4 },
    'special_tokens_map.json': { additional_special_tokens: ['__en__', '__fr__'] },
  });
  const vocabulary = { size: 8, special: { begin: 2 } };
  const { target } = await again(importTokenizer(files, { where: 'm2m', source: vocabulary, target: vocabulary }));
  assert.deepEqual(target.encode('__fr__ the'), [6, 4]);
  assert.equal(target.token(7), '<unused 7>');
  assert.deepEqual(target.special, { begin: 2, end: 2, unknown: 3, forbidden: [1] });
});

test('CTranslate2: without a model for pieces, tokens stand between spaces and none is trimmed', async () => {
  const files = folder({ 'source_vocabulary.txt': '</s>\n\u200C\na\n', 'target_vocabulary.txt': '<s>\n</s>\nx\ny\n' });
  const { source, target } = await again(
    importTokenizer(files, { where: 'ct2', source: { size: 4, special: { unknown: 3 } }, target: { size: 5, special: { unknown: 4 } } }),
  );
  assert.deepEqual(source?.encode('a \u200C z'), [2, 1, 3]);
  assert.equal(target.decode([2, 3, 2]), 'x y x');
  assert.deepEqual(target.special, { begin: 0, end: 1, unknown: 4, forbidden: [0] });
});

test('T5: tokens for what is left out stand behind the pieces, the first one last', async () => {
  const listed = { additional_special_tokens: ['<extra_id_0>', { content: '<extra_id_1>' }, '<other>'] };
  const files = folder({ 'spiece.model': modelBytes(unigram), 'special_tokens_map.json': listed });
  const { target: pieces } = importTokenizer(folder({ 'spiece.model': modelBytes(unigram) }), { where: 't5', target: {} });
  const { target } = await again(importTokenizer(files, { where: 't5', target: { size: pieces.size + 4 } }));
  const [the] = pieces.encode('the');
  assert.deepEqual(target.encode('the<extra_id_0>'), [the, pieces.size + 1]);
  assert.equal(target.token(pieces.size), '<extra_id_1>');
  assert.equal(target.token(pieces.size + 2), `<unused ${pieces.size + 2}>`);
});

test('Llama: a SentencePiece model alone, whose line ends stay', async () => {
  const { target } = await again(importTokenizer(folder({ 'tokenizer.model': modelBytes(bytePair) }), { where: 'llama', target: {} }));
  const ids = target.encode('them\nthen');
  assert.equal(target.decode(ids), 'them\nthen');
  assert.ok(
    ids.some((id) => target.isUnknown(id)),
    'the line end is a byte',
  );
  assert.deepEqual(target.special, { begin: 1, end: 2, unknown: 0, forbidden: [1] });
  assert.ok(!target.encode('<s>').includes(1), 'a text that says <s> does not mean it');
});

const lines = [...multilingualLines(), ...awkwardLines].filter((line) => !/[\uFEFF\u0085]/.test(line));

test('GPT-2: the two files and the one give the reference’s ids', async () => {
  const { vocab, merges } = JSON.parse((await trainTokenizer(lines, { kind: 'byte-bpe', size: 700 })).toJson()).model;
  const tokens = Object.keys(vocab).filter((token) => !/^<.+>$/.test(token));
  const table = Object.fromEntries([...tokens, '<|endoftext|>'].map((token, id) => [token, id]));
  const written = (merges as [string, string][]).map((merge) => merge.join(' '));
  const { target } = await again(
    importTokenizer(folder({ 'vocab.json': table, 'merges.txt': ['#version: 0.2', ...written, ''].join('\n') }), {
      where: 'gpt2',
      target: {},
    }),
  );
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const file = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: table,
      merges,
    },
  };
  const reference = new ReferenceTokenizer(file, {});
  for (const digits of ['{1,3}', '']) {
    const Regex = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
    const pretokenizers = [
      { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false },
      { ...byteLevel, use_regex: false },
    ];
    const newer = { ...file, pre_tokenizer: { type: 'Sequence', pretokenizers } };
    const { target: ofNewer } = importTokenizer(folder({ 'tokenizer.json': newer }), { where: 'llama3', target: {} });
    const referenceOfNewer = new ReferenceTokenizer(newer, {});
    for (const line of lines) assert.deepEqual(ofNewer.encode(line), referenceOfNewer.encode(line).ids, line);
  }
  const { target: ofFile } = importTokenizer(folder({ 'tokenizer.json': file }), { where: 'gpt2', target: {} });
  for (const line of lines) {
    assert.deepEqual(target.encode(line), reference.encode(line).ids, line);
    assert.deepEqual(ofFile.encode(line), target.encode(line), line);
    assert.equal(target.decode(target.encode(line)), target.normalise(line));
  }
  assert.deepEqual(target.special, { begin: tokens.length, end: tokens.length, forbidden: [] });
});

const metaspace = { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true };
const unigramFile = {
  version: '1.0',
  added_tokens: [
    { id: 0, content: '<pad>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
    { id: 1, content: '</s>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
    { id: 9, content: '<extra>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
  ],
  normalizer: { type: 'NFKC' },
  pre_tokenizer: metaspace,
  post_processor: null,
  decoder: metaspace,
  model: {
    type: 'Unigram',
    unk_id: 2,
    byte_fallback: false,
    vocab: [
      ['<pad>', 0],
      ['</s>', 0],
      ['<unk>', 0],
      ['\u2581', -3],
      ['a', -2],
      ['b', -2.5],
      ['\u2581ab', -4],
      ['ba', -3],
      ['s', -6],
    ],
  },
};

test('unigram tokenizer.json that cuts at any white space before it marks words, as those of T5', async () => {
  const pre_tokenizer = { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] };
  const file = { ...unigramFile, pre_tokenizer };
  const { target } = await again(
    importTokenizer(folder({ 'tokenizer.json': file }), { where: 't5', target: { size: 12, special: { begin: 0 } } }),
  );
  const reference = new ReferenceTokenizer(file, {});
  for (const text of ['ab', ' a  b ', 'abba\tab', 'a\u2581b s', '\u2581ab a', '   ', '']) {
    assert.deepEqual(target.encode(text), reference.encode(text).ids, JSON.stringify(text));
  }
  const kept = { ...file, pre_tokenizer: { ...pre_tokenizer, pretokenizers: [{ type: 'WhitespaceSplit' }] } };
  assert.throws(
    () => importTokenizer(folder({ 'tokenizer.json': kept }), { where: 't5', target: { size: 12 } }),
    /pre_tokenizer.*WhitespaceSplit/,
  );
});

test('unigram tokenizer.json: as the reference has it; added tokens are found, those that end a text are not', async () => {
  const { target } = await again(
    importTokenizer(folder({ 'tokenizer.json': unigramFile }), { where: 't5', target: { size: 12, special: { begin: 0 } } }),
  );
  const reference = new ReferenceTokenizer(unigramFile, {});
  for (const text of ['ab', 'a b', 'abba ab', 'a東京b', '', 'ａb']) {
    assert.deepEqual(target.encode(text), reference.encode(text).ids, text);
  }
  assert.deepEqual(target.encode('ab<extra>ab'), [6, 9, 6]);
  assert.ok(!target.encode('a</s>').includes(1));
  assert.equal(target.decode([6, 3, 4, 1, 0]), 'ab a');
  assert.deepEqual(target.special, { begin: 0, end: 1, unknown: 2, forbidden: [0] });
});

const refusals: Record<string, { readonly files: Record<string, string | object | Uint8Array>; readonly message: RegExp }> = {
  'a folder without a tokenizer': { files: {}, message: /no tokenizer; expected SentencePiece models/ },
  'a table that is cut short': { files: { 'vocab.json': '{"a": 0, "b"' }, message: /vocab\.json: a file that is damaged or cut short/ },
  'a table without </s>': { files: { 'vocab.json': { a: 0 } }, message: /without <\/s>/ },
  'an id twice': { files: { 'vocab.json': { '</s>': 0, a: 0 } }, message: /id 0 for both/ },
  'an id beyond the checkpoint': { files: { 'vocab.json': { '</s>': 0, a: 70 } }, message: /id 70 for "a" in a vocabulary of 20/ },
  'a pattern that nobody knows': {
    files: { 'tokenizer.json': { ...unigramFile, pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated' } } },
    message: /pre_tokenizer .*\(a\+\)\+/,
  },
  'a normalizer that nobody knows': { files: { 'tokenizer.json': { ...unigramFile, normalizer: { type: 'Sorted' } } }, message: /Sorted/ },
  'a merge of nothing': {
    files: { 'tokenizer.json': { model: { type: 'BPE', vocab: { '</s>': 0, a: 1 }, merges: ['a b'] } } },
    message: /a merge with "b"/,
  },
  'another model': { files: { 'tokenizer.json': { model: { type: 'WordPiece', vocab: {} } } }, message: /model/ },
};

for (const [name, { files, message }] of Object.entries(refusals)) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => importTokenizer(folder(files), { where: 'downloads/model', target: { size: 20 } }),
      (error) =>
        error instanceof DecadeError && error.kind === 'input' && message.test(error.message) && /downloads\/model/.test(error.message),
    );
  });
}

test('a kept tokenizer that was changed is refused', async () => {
  const { target } = importTokenizer(marian.files, { where: 'opus', source: marian.vocabulary, target: marian.vocabulary });
  const changes: [RegExp, (file: { special: { end: number }; codec: { model: string; tokens: unknown[] } }) => void][] = [
    [
      /end id 99/,
      (file) => {
        file.special.end = 99;
      },
    ],
    [
      /not base64/,
      (file) => {
        file.codec.model = '%';
      },
    ],
    [
      /codec\.tokens/,
      (file) => {
        file.codec.tokens = [7];
      },
    ],
    [
      /a field of/,
      (file) => {
        file.codec.model = file.codec.model.slice(0, 80);
      },
    ],
  ];
  for (const [message, change] of changes) {
    const file = JSON.parse(target.toJson());
    change(file);
    await assert.rejects(
      loadTokenizer(JSON.stringify(file), 'run/tokenizer.json'),
      (error) => error instanceof DecadeError && message.test(error.message),
    );
  }
});

const shared = '../shared';
const skip = existsSync(`${shared}/goldens/hf`) ? false : `${shared} is absent`;
const filesIn = (path: string) =>
  new Map(
    readdirSync(path)
      .filter(isTokenizerFile)
      .map((name) => [name, readFileSync(`${path}/${name}`)]),
  );
interface Line {
  readonly text: string;
  readonly ids: number[];
  readonly decoded?: string;
}
const meansToken = /<\/s>|<unk>|<pad>|<\|endoftext\|>/;

/** Lines in which the name of a special token is the token elsewhere and text here are left out. */
function requireSame(tokenizer: Tokenizer, all: readonly Line[], given: (ids: number[]) => number[]): void {
  const compared = all.filter(({ text }) => !meansToken.test(text));
  assert.ok(compared.length >= 10 && compared.length >= all.length - 3);
  for (const { text, ids, decoded } of compared) {
    assert.deepEqual(tokenizer.encode(text), given(ids), text);
    if (decoded !== undefined && !ids.includes(tokenizer.special.unknown ?? -1)) assert.equal(tokenizer.decode(given(ids)), decoded);
  }
}

for (const name of ['marian-opus', 'marian-separate']) {
  test(`${name}: the ids of transformers`, { skip }, async () => {
    const path = `${shared}/goldens/hf/${name}`;
    const {
      vocab_size: size,
      decoder_start_token_id: begin,
      eos_token_id: end,
      pad_token_id: pad,
    } = JSON.parse(readFileSync(`${path}/config.json`, 'utf8'));
    const vocabulary = { size, special: { begin, end, forbidden: [pad] } };
    const { source, target } = await again(importTokenizer(filesIn(path), { where: name, source: vocabulary, target: vocabulary }));
    const { tokenization, targetTokenization } = JSON.parse(readFileSync(`${path}/expected.json`, 'utf8'));
    requireSame(source as Tokenizer, tokenization, (ids) => ids.slice(0, -1));
    requireSame(target, targetTokenization, (ids) => ids.slice(0, -1));
  });
}

for (const [name, first, special] of [
  ['goldens/hf/gpt2', 0, {}],
  ['goldens/hf/gpt2-tokenizer', 0, {}],
  ['data/models/stories260K', 1, { begin: 1, end: 1 }],
] as const) {
  test(`${name}: the ids of tokenizers`, { skip }, async () => {
    const path = `${shared}/${name}`;
    const files = filesIn(existsSync(`${path}/huggingface`) ? `${path}/huggingface` : path);
    const { target } = await again(importTokenizer(files, { where: name, target: { special } }));
    requireSame(target, JSON.parse(readFileSync(`${path}/expected.json`, 'utf8')).tokenization, (ids) => ids.slice(first));
  });
}
