import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Files } from '../../src/core/files.js';
import { type ConfigurationInput, configurationOf } from '../../src/training/configuration.js';
import { createModel } from '../../src/models/create.js';
import { whyNotLayered } from '../../src/models/lstm/separable-layers.js';
import { train } from '../../src/training/train.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { digitFiles, localContext } from './tiny-run.js';

function configuration({ consistency, ...model }: { readonly consistency?: number; readonly [option: string]: unknown }, steps: number) {
  return configurationOf({
    version: 1,
    data: { train: { tsv: 'data/train.tsv' }, dev: { tsv: 'data/dev.tsv' } },
    tokenizer: { kind: 'word', split: 'spaces', shared: true },
    model: { kind: 'transformer', encoderLayers: 1, decoderLayers: 1, width: 16, heads: 2, ...model },
    training: {
      optimizer: { kind: 'adam', learningRate: 0.01 },
      clip: { kind: 'norm', max: 1 },
      batch: { sentences: 16 },
      consistency,
      stop: { steps },
      validate: { every: { steps: 5 }, metrics: ['perplexity', 'exact'] },
      checkpoint: { every: { steps: 4 }, keep: 2 },
    },
  });
}

async function finalBytes(files: Files): Promise<Buffer> {
  return Buffer.from(await files.readBytes('out/model.safetensors'));
}

for (const [name, model] of Object.entries({
  'encoder and decoder': { dropout: 0.1, attentionDropout: 0.1, feedForwardDropout: 0.1 },
  'one network, two walks': { consistency: 2, preset: 'gpt2', encoderLayers: 0, tiedEmbeddings: 'all', maximumLength: 128 },
})) {
  test(`stopped at any update, a resumed Transformer ends bit for bit as if it had not been: ${name}`, async () => {
    const whole = digitFiles();
    await train(localContext(whole), configuration(model, 12), { out: 'out' });
    for (const stopAt of [3, 8]) {
      const files = digitFiles();
      const controller = new AbortController();
      await train(localContext(files), configuration(model, 12), {
        out: 'out',
        signal: controller.signal,
        onEvent: (event) => {
          if (event.kind === 'update' && event.steps === stopAt) controller.abort();
        },
      });
      await train(localContext(files), configuration(model, 12), { out: 'out', resume: true });
      assert.deepEqual(await finalBytes(files), await finalBytes(whole));
    }
  });
}

test('embeddings of both sides are not tied with a vocabulary for each, even where the two are of one size', async () => {
  const tied = configuration({ tiedEmbeddings: 'all' }, 1);
  const files = memoryFiles({ 'data/train.tsv': 'a b\tc d\n', 'data/dev.tsv': 'a\td\n' });
  const apart = { ...tied, tokenizer: { ...tied.tokenizer, shared: false } };
  await assert.rejects(
    train(localContext(files), apart as typeof tied, { out: 'out' }),
    /share.*one vocabulary for both sides.*tokenizer.shared=true/,
  );
});

test('a Transformer learns to write digits backwards', async () => {
  const { training, ...rest } = configuration({ width: 48, dropout: 0 }, 200);
  const rare = {
    ...training,
    optimizer: { kind: 'adam', learningRate: 0.005 },
    batch: { sentences: 32 },
    validate: { every: { steps: 200 } },
  };
  const { best } = await train(localContext(digitFiles(10_000)), configurationOf({ ...rest, training: rare } as ConfigurationInput), {
    out: 'out',
  });
  // Ten digits are equally likely. Other seeds and other roundings end between 1.3 and 1.9.
  assert.ok((best?.value ?? Number.NaN) < 2, `${best?.value}`);
});

test('predictions are compared under different dropout only where there is dropout, and not in a pipeline', async () => {
  const input = (changes: object, model: object): ConfigurationInput =>
    ({ version: 1, data: { train: { tsv: 'a' } }, model, training: { consistency: 5, ...changes } }) as ConfigurationInput;
  assert.equal(configurationOf(input({}, { kind: 'lstm', dropout: 0.1 })).training.consistency, 5);
  assert.throws(
    () => configurationOf(input({ parallel: { strategy: 'pipeline' } }, { kind: 'lstm', dropout: 0.1 })),
    /training\.consistency.*pipeline/s,
  );
  const without = train(localContext(digitFiles()), configuration({ consistency: 5, dropout: 0 }, 1), { out: 'out' });
  await assert.rejects(without, /training\.consistency.*no dropout/s);
});

test('a pipeline refuses a Transformer with the reason', () => {
  const { model } = configuration({}, 1);
  assert.match(
    String(whyNotLayered(createModel(model, { source: 14, target: 14 }))),
    /model\.kind: .*cannot be split into layers.*strategy=data/,
  );
});
