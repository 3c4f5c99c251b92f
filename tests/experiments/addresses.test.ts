import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { contentHash } from '../../src/data/content-hash.js';
import { Addresses } from '../../src/experiments/addresses.js';
import { embeddedBase } from '../../src/experiments/base.js';
import { list, score, train, transform, transformToText, translate } from '../../src/experiments/steps.js';
import { withFormerNames } from '../../src/training/former-names.js';
import * as z from 'zod';

const { configuration } = embeddedBase('digits:copy:2-4', 'tiny');
const sentences = { name: 'test', sources: ['1 2', '3'], references: ['1 2', '3'] };
const addresses = new Addresses(memoryFiles());
const hash = (parts: readonly string[]) => contentHash([new TextEncoder().encode(JSON.stringify(parts))]);

test('what was kept before there were steps is found: trainings, translations and lists have the addresses they had', async () => {
  const { train: corpus, dev, ...rest } = configuration.data;
  const former = withFormerNames(configuration.training);
  const parts = [JSON.stringify({ ...configuration, data: rest, training: former }), JSON.stringify(corpus), JSON.stringify(dev)];
  const training = train(configuration);
  const name = await addresses.of(training);
  assert.match(name, new RegExp(`-seed1-${(await hash(parts)).slice(0, 10)}$`));
  assert.equal(
    await addresses.of(translate([training, training], sentences, 3)),
    (await hash([name, name, '1 2', '3', 'beam 3'])).slice(0, 16),
  );
  assert.equal(await addresses.of(list(training, sentences, 4)), (await hash([name, '1 2', '3', 'nbest 4'])).slice(0, 16));
});

test('an address is that of what a step is and of its inputs, whoever asks', async () => {
  const pairs = (version: number, parameters?: unknown) =>
    transformToText({
      ...{ name: 'pairs', version, parameters, inputs: [translate([train(configuration)], sentences, 1)] },
      make: ([{ texts }]) => ({ source: texts, target: texts }),
    });
  const of = (version: number, parameters?: unknown) => addresses.of(train(configuration, { train: pairs(version, parameters) }));
  assert.equal(await of(1), await of(1));
  const different = [
    await of(1),
    await of(2),
    await of(1, { noise: 0.1 }),
    await of(1, { noise: 0.2 }),
    await addresses.of(train(configuration)),
  ];
  assert.equal(new Set(different).size, different.length);
});

test('steps come after their inputs, each once, otherwise in the order in which they are asked for', async () => {
  const [one, two] = [train(configuration), train({ ...configuration, training: { ...configuration.training, seed: 2 } })];
  const listed = list(one, sentences, 4);
  const last = transform({ name: 'last', version: 1, inputs: [two, listed], schema: z.object({}), make: () => ({}) });
  const ordered = await addresses.inOrder([score([two], listed), train(configuration), last]);
  assert.deepEqual(ordered, [two, one, listed, score([two], listed), last]);
});

test('a graph of many ways from one step to another is walked once', { timeout: 60_000 }, async () => {
  let layer = [1, 2].map((version) => transform({ name: 'first', version, inputs: [], schema: z.object({}), make: () => ({}) }));
  for (let depth = 0; depth < 40; depth++) {
    const inputs = layer;
    layer = [1, 2].map((version) => transform({ name: `${depth}`, version, inputs, schema: z.object({}), make: () => ({}) }));
  }
  assert.equal((await addresses.inOrder(layer)).length, 2 * 41);
});
