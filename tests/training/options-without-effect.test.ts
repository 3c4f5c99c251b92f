import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { DecadeError } from '../../src/core/errors.js';
import { load } from '../../src/load.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { configurationOf, type ConfigurationInput } from '../../src/training/configuration.js';
import { train } from '../../src/training/train.js';
import { digitFiles, localContext } from './tiny-run.js';

/** What training warns of before it begins. */
async function warningsOf(
  files: Files,
  { training, ...changes }: { data: object; tokenizer: object; model: object; training?: object },
): Promise<string[]> {
  const warnings: string[] = [];
  const configuration = configurationOf({ version: 1, ...changes, training: { stop: { steps: 1 }, ...training } } as ConfigurationInput);
  await train(localContext(files), configuration, {
    out: 'out',
    onEvent: (event) => event.kind === 'warning' && void warnings.push(event.message),
  });
  return warnings;
}

const small = { kind: 'transformer', width: 8, heads: 2, decoderLayers: 1 };
const text = { data: { train: { text: ['train.txt'] } }, tokenizer: { kind: 'bytes' } };
const pairs = { data: { train: { tsv: 'data/train.tsv' } }, tokenizer: { kind: 'word', split: 'spaces' } };

test('options that change nothing are told, those that are as by default are not', async () => {
  const files = () => memoryFiles({ 'train.txt': 'the dog runs\n'.repeat(20) });
  assert.deepEqual(await warningsOf(files(), { ...text, model: small }), []);
  assert.deepEqual(
    await warningsOf(files(), { ...text, model: { ...small, encoderLayers: 0, positions: 'learned', maximumLength: 300 } }),
    [],
  );
  const told = await warningsOf(files(), { ...text, model: { ...small, encoderLayers: 2, maximumLength: 300, encoderFeedForward: 9 } });
  assert.deepEqual(
    told.map((message) => message.split(' ')[0]),
    ['model.encoderLayers', 'model.encoderFeedForward', 'model.maximumLength'],
  );
  assert.match(told[0] ?? '', /has no effect: Transformer language model, .* on text/);
  const less = await warningsOf(files(), { ...text, model: { ...small, sourceEnd: false, positions: 'rotary', firstPosition: 2 } });
  assert.deepEqual(
    less.map((message) => message.split(' ')[0]),
    ['model.sourceEnd', 'model.firstPosition'],
  );
  assert.deepEqual(await warningsOf(digitFiles(20), { ...pairs, model: { ...small, encoderLayers: 2, sourceEnd: false } }), []);
  assert.match(
    (await warningsOf(digitFiles(20), { ...pairs, model: { ...small, beginPrompts: false } })).join(),
    /^model\.beginPrompts has no/,
  );
  const ofText = await warningsOf(files(), { ...text, data: { ...text.data, maximumLength: 3 }, model: small });
  assert.match(ofText.join(), /^data\.maximumLength has no effect: .* on text$/);
  const ofPairs = await warningsOf(digitFiles(20), { ...pairs, data: { ...pairs.data, context: 16 }, model: small });
  assert.match(ofPairs.join(), /^data\.context has no effect: .* on pairs$/);
  const ofTranslations = { decoding: { beam: 4 }, tokenizer: { kind: 'character', sourceSize: 50 }, model: small };
  const textToTranslate = await warningsOf(files(), {
    ...ofTranslations,
    data: { ...text.data, dev: { text: ['train.txt'] } },
    training: { validate: { beam: 4 } },
  });
  assert.deepEqual(
    textToTranslate.map((message) => message.split(' ')[0]),
    ['decoding', 'tokenizer.sourceSize', 'training.validate.beam'],
  );
  const validate = { metrics: ['perplexity'], sentences: 10 };
  const withDev = { ...pairs, data: { ...pairs.data, dev: { tsv: 'data/dev.tsv' } } };
  assert.match(
    (await warningsOf(digitFiles(20), { ...withDev, model: small, training: { validate } })).join(),
    /^training\.validate\.sentences has no effect: perplexity is found without translations$/,
  );
  assert.deepEqual(
    await warningsOf(digitFiles(20), {
      ...withDev,
      model: small,
      training: { validate: { ...validate, metrics: ['perplexity', 'bleu'] } },
    }),
    [],
  );
});

test('a text that is longer than learned positions is told the length to set', async () => {
  const files = memoryFiles({ 'train.txt': 'the dog runs\n'.repeat(20) });
  const model = { ...small, positions: 'learned', maximumLength: 16 };
  const refused = warningsOf(files, { ...text, data: { ...text.data, context: 32 }, model });
  await assert.rejects(
    refused,
    /longest context of data\.train; expected at least 32\. Set model\.maximumLength=32, or lower data\.context/,
  );
});

test('a dev text is read in contexts that learned positions have room for, whatever those of training', async () => {
  const files = memoryFiles({ 'train.txt': 'the dog runs\n'.repeat(20), 'dev.txt': `${'the dog runs on a beach '.repeat(9)}\n` });
  const lines = { documents: 'line', dev: { text: ['dev.txt'] } };
  const configuration = configurationOf({
    version: 1,
    data: { train: { text: ['train.txt'], documents: 'line' }, dev: lines.dev },
    tokenizer: { kind: 'bytes' },
    model: { ...small, positions: 'learned', maximumLength: 17 },
    training: { stop: { steps: 1 }, validate: { every: { steps: 1 } } },
  } as unknown as ConfigurationInput);
  await train(localContext(files), configuration, { out: 'run' });
  const model = await load({ ...nodeRuntime, files, sharedMemory: false }, 'run', { gemm: 'webassembly' });
  const scored = await model.scoreText([`${'the dog runs '.repeat(9)}`]);
  assert.equal(scored.total.tokens, 9 * 13 + 1);
  await assert.rejects(model.scoreText(['the dog runs'], { context: 18 }), /options\.context: 18; expected at most 17/);
  await model.dispose();
});

test('a key of another kind of data is not called unknown', () => {
  const dev = { text: ['dev.txt'], source: 'dev.en' };
  assert.throws(
    () => configurationOf({ version: 1, ...text, data: { ...text.data, dev } } as unknown as ConfigurationInput),
    (error) =>
      error instanceof DecadeError &&
      /data\.dev\.(source|text): not together with/.test(error.message) &&
      !/unknown key/.test(error.message),
  );
});
