import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecadeError } from '../../../src/core/errors.js';
import { occursIn, phraseOf } from '../../../src/decoding/constraints/phrase.js';
import { LocalDecodingExecutor } from '../../../src/decoding/local-executor.js';
import { formatTranslation } from '../../../src/decoding/nbest.js';
import { Translator } from '../../../src/decoding/translator.js';
import { type TokenizerOptions, trainTokenizer } from '../../../src/text/train-tokenizer.js';
import { openTestDevice } from '../../tensor/devices.js';
import { randomTable, TableModel } from '../models.js';

const device = await openTestDevice();
const text = "the cat, the category and l'été of a Cat; été cats catalogue the end";

const sizes = { word: 40, character: 40, bpe: 300, 'byte-bpe': 280 } as const;

async function translatorOf(kind: keyof typeof sizes): Promise<Translator> {
  const tokenizer = await trainTokenizer([text, text], { kind, size: sizes[kind] } as TokenizerOptions);
  const model = new TableModel(tokenizer.size, randomTable(tokenizer.size, 5, { bias: 2, spread: 2 }));
  return new Translator({ sourceTokenizer: tokenizer, targetTokenizer: tokenizer }, LocalDecodingExecutor.of(device, [model as never]), {
    maximumLength: 20,
    beam: 5,
  });
}

for (const kind of Object.keys(sizes) as (keyof typeof sizes)[]) {
  describe(`translation with a tokenizer of kind ${kind}`, async () => {
    const translator = await translatorOf(kind);

    test('has what it must and not what it must not, in whole words', async () => {
      const lines = [
        'the end',
        { text: 'the cat', must: ['été', ['category', 'catalogue']], mustNot: ['the'] },
        { text: 'a', must: ['the cat'] },
      ];
      const results = await translator.translate(lines, { mustNot: ['of'] });
      for (const { text: found } of results) assert.doesNotMatch(found, /\bof\b/i);
      assert.match(results[1]?.text ?? '', /(?<!\p{L})été(?![\p{L}\p{M}])/iu);
      assert.match(results[1]?.text ?? '', /(?<!\p{L})(category|catalogue)(?!\p{L})/iu);
      assert.doesNotMatch(results[1]?.text ?? '', /(?<!\p{L})the(?!\p{L})/iu);
      assert.match(results[2]?.text ?? '', /(?<!\p{L})the cat(?!\p{L})/iu);
      assert.deepEqual(
        results.map(({ unmet }) => unmet),
        [[], [], []],
      );
    });
  });
}

describe('what cannot be met', async () => {
  const translator = await translatorOf('word');

  test('is said by line, with the best translation without', async () => {
    const [plain, marked] = await translator.translate(['the end', { text: 'the end', must: ['zebra'], mustNot: ['quagga'] }], {
      nbest: 2,
    });
    assert.deepEqual(marked?.unmet, ['must have zebra']);
    assert.equal(marked?.text, plain?.text);
    assert.equal(plain?.unmet, undefined);
    assert.match(formatTranslation(0, marked ?? assert.fail()), / unmet= 1 /);
  });

  test('leaves what can be met', async () => {
    const [result] = await translator.translate([{ text: 'the end', must: ['zebra', 'Cat'] }]);
    assert.deepEqual(result?.unmet, ['must have zebra']);
    assert.match(result?.text ?? '', /\bCat\b/);
  });
});

test('samples are kept from words and not led to them: they end as they would, and what they lack is said', async () => {
  const translator = await translatorOf('word');
  const sample = { samples: 20, seed: 3 };
  const [plain] = await translator.translate(['the end'], { sample });
  const [required] = await translator.translate([{ text: 'the end', must: ['été'] }], { sample });
  assert.deepEqual(
    required?.nbest.map(({ text }) => text),
    plain?.nbest.map(({ text }) => text),
  );
  const lacks = (found: string) => (occursIn(found, phraseOf('été')) ? [] : ['must have été']);
  for (const { text: found, unmet } of required?.nbest ?? []) assert.deepEqual(unmet, lacks(found));
  const [kept] = await translator.translate([{ text: 'the end', must: ['été'], mustNot: ['of'] }], { sample });
  for (const { text: found } of kept?.nbest ?? []) assert.ok(!occursIn(found, phraseOf('of')), found);
});

test('wrong phrases are refused', async () => {
  const translator = await translatorOf('word');
  const refuses = (promise: Promise<unknown>) =>
    assert.rejects(promise, (error: unknown) => error instanceof DecadeError && error.kind === 'usage');
  await refuses(translator.translate([{ text: 'a', must: 'cat' as never }]));
  await refuses(translator.translate(['a'], { must: [7 as never] }));
  await refuses(translator.translate(['a'], { beam: 4, diversity: { groups: 3 } }));
  await refuses(translator.translate(['a'], { must: ['cat'], sample: { samples: 2 } }));
});
