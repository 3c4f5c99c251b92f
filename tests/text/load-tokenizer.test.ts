import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import { loadTokenizer } from '../../src/text/load-tokenizer.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';

const lines = ['the cat sat on the mat', 'the dog sat on the log', "l'eau et le feu"];
const bytePairs = (await trainTokenizer(lines, { kind: 'bpe', size: 300 })).toJson();
const words = (await trainTokenizer(lines, { kind: 'word' })).toJson();

/** The file after a change to its contents. */
// biome-ignore lint/suspicious/noExplicitAny: the tests break files in ways that their type does not allow
function changed(json: string, change: (file: any) => void): string {
  const file = JSON.parse(json);
  change(file);
  return JSON.stringify(file);
}

const refused: Record<string, { json: string; message: RegExp }> = {
  'an empty file': { json: '', message: /run\/tokenizer\.json: invalid or truncated JSON/ },
  'a truncated file': { json: bytePairs.slice(0, 5000), message: /truncated JSON/ },
  'another JSON file': { json: '{"layers": 2}', message: /no tokenizer/ },
  'a list': { json: '[]', message: /no tokenizer/ },
  'a tokenizer of another kind': {
    json: changed(bytePairs, (file) => {
      file.model.type = 'Unigram';
      file.normalizer = { type: 'Precompiled' };
    }),
    message: /model Unigram, normalizer Precompiled/,
  },
  'a pattern of its own': {
    json: changed(bytePairs, (file) => {
      file.pre_tokenizer.pattern.Regex = '(a+)+$';
    }),
    message: /pre_tokenizer Split/,
  },
  'added tokens': {
    json: changed(bytePairs, (file) => {
      file.added_tokens.push({ id: 300, content: '</s>', special: true });
    }),
    message: /added_tokens/,
  },
  'an absurd id': {
    json: changed(words, (file) => {
      file.model.vocab[' cat'] = 4e15;
    }),
    message: /id 4000000000000000 in a vocabulary/,
  },
  'an id twice': {
    json: changed(words, (file) => {
      file.model.vocab[' cat'] = file.model.vocab[' the'];
    }),
    message: /for both/,
  },
  'a fractional id': {
    json: changed(words, (file) => {
      file.model.vocab[' cat'] = 5.5;
    }),
    message: /vocab/,
  },
  'special tokens in other places': {
    json: changed(words, (file) => {
      file.model.vocab['<s>'] = 2;
      file.model.vocab['</s>'] = 1;
    }),
    message: /for id 1, which is <s>/,
  },
  'a byte missing': {
    json: changed(bytePairs, (file) => {
      file.model.vocab.byte = file.model.vocab['<0x41>'];
      delete file.model.vocab['<0x41>'];
    }),
    message: /which is <0x41>/,
  },
  'a merge of unknown tokens': {
    json: changed(bytePairs, (file) => {
      file.model.merges.push(['q', 'zz']);
    }),
    message: /not in the vocabulary/,
  },
  'a merge twice': {
    json: changed(bytePairs, (file) => {
      file.model.merges.push(file.model.merges[0]);
    }),
    message: /twice/,
  },
  'a merge missing': {
    json: changed(bytePairs, (file) => {
      file.model.merges.pop();
    }),
    message: /no merge makes/,
  },
  'a word model behind the rules of byte-pair encoding': {
    json: changed(bytePairs, (file) => {
      file.model = JSON.parse(words).model;
    }),
    message: /WordPiece model behind the rules for a bpe tokenizer/,
  },
};

for (const [name, { json, message }] of Object.entries(refused)) {
  test(`${name} is refused`, async () => {
    await assert.rejects(
      loadTokenizer(json, 'run/tokenizer.json'),
      (error) => error instanceof DecadeError && error.kind === 'input' && message.test(error.message),
    );
  });
}

test('files cut or changed at random load or are refused, quickly and in no other way', async () => {
  const key = randomKey(1, 'corpus');
  const before = performance.now();
  let accepted = 0;
  for (let round = 0; round < 600; round++) {
    const original = round % 2 === 0 ? bytePairs : words;
    const at = uniformInteger(key, 4 * round, original.length);
    const length = uniformInteger(key, 4 * round + 1, 12);
    const inserted = ['', '0', '"', '[', '}', 'null', '\uD800', '9e99', ',"a":1', '<0x41>'][uniformInteger(key, 4 * round + 2, 10)] ?? '';
    const cut = uniformInteger(key, 4 * round + 3, 5) === 0;
    const json = cut ? original.slice(0, at) : original.slice(0, at) + inserted + original.slice(at + length);
    try {
      const tokenizer = await loadTokenizer(json, 'tokenizer.json');
      tokenizer.decode(tokenizer.encode('the cat sat </s> \uD83D 漢字'));
      accepted++;
    } catch (error) {
      assert.ok(error instanceof DecadeError, `${error}`);
    }
  }
  assert.ok(accepted < 300);
  assert.ok(performance.now() - before < 30_000);
});
