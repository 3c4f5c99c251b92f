import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimateMemory, estimateModel, modelOf, trainingPairs, vocabulariesOf } from '../../../src/analysis/cost/estimate.js';
import { createModel } from '../../../src/models/create.js';
import { networkOf, operationsOf } from '../../../src/parallel/schedule/network.js';
import { type Configuration, configurationOf, type ConfigurationInput } from '../../../src/training/configuration.js';

/** The network of recipes/paper-2014.yaml. */
const paper = (changes: Partial<ConfigurationInput> = {}): Configuration =>
  configurationOf({
    version: 1,
    data: { train: { tsv: 'none' }, maximumLength: 50 },
    tokenizer: { kind: 'word', split: 'spaces', sourceSize: 160_000, targetSize: 80_000 },
    model: { kind: 'lstm', layers: 4, hidden: 1000 },
    training: { batch: { sentences: 128 } },
    ...changes,
  });

test('the network of 2014 gets no figure on eight devices, and what it is told to do fits', () => {
  const memory = estimateMemory(paper(), 8, undefined);
  assert.equal(memory.fits, false);
  assert.ok(memory.totalMiB - memory.runtimeMiB > memory.limitMiB);
  assert.ok(memory.devicesAtMost !== undefined && memory.devicesAtMost >= 2 && memory.devicesAtMost < 8);
  assert.equal(estimateMemory(paper(), memory.devicesAtMost, undefined).fits, true);
  assert.equal(estimateMemory(paper(), memory.devicesAtMost + 1, undefined).fits, false);
  assert.equal(memory.fitsAsPipeline, true);
  assert.equal(estimateMemory(paper({ training: { parallel: { strategy: 'pipeline' } } }), 8, undefined).fits, true);
});

test('what is counted is read once, whatever the epochs', () => {
  const corpus = { pairs: 10, sourceTokensPerPair: 5, targetTokensPerPair: 5, longestSource: 9, longestTarget: 9 };
  const training = { stop: { epochs: 7 } };
  assert.equal(trainingPairs(paper({ training }), corpus), 70);
  assert.equal(trainingPairs(paper({ training, tokenizer: { kind: 'word', size: 100 }, model: { kind: 'phrase' } }), corpus), 10);
});

const pipelined = (
  lazy: boolean,
  sentences: number,
  placement?: { layers: number[]; vocabulary: number[] },
): Partial<ConfigurationInput> => ({
  training: {
    batch: { sentences },
    optimizer: { kind: 'adam', lazy },
    parallel: { strategy: 'pipeline', ...(placement && { placement }) },
  },
});

test('with Adam the network of 2014 fits as a pipeline on eight devices, each in a memory of its own, not on one', () => {
  const eight = estimateMemory(paper(pipelined(true, 64)), 8, undefined);
  assert.ok(eight.fits);
  assert.ok(eight.totalMiB - eight.runtimeMiB > eight.limitMiB, 'all together need more than one memory');
  assert.ok((eight.largest?.needsMiB ?? 0) < eight.limitMiB);
  const one = estimateMemory(paper(pipelined(true, 64)), 1, undefined);
  assert.equal(one.fits, false);
  assert.ok(one.devicesAtLeast !== undefined && one.devicesAtLeast > 1 && one.devicesAtLeast <= 8);
  assert.equal(estimateMemory(paper(pipelined(true, 64)), one.devicesAtLeast, undefined).fits, true);
});

test('a written placement is judged as it stands, and names the device that has too much', () => {
  const placement = { layers: [0, 0, 0, 0], vocabulary: [0, 1, 1, 1, 1, 1, 1, 1] };
  const memory = estimateMemory(paper(pipelined(false, 64, placement)), 8, undefined);
  assert.deepEqual([memory.fits, memory.largest?.device], [false, 0]);
});

test('what fits nowhere is not sent to fewer devices or a pipeline', () => {
  const memory = estimateMemory(paper({ model: { kind: 'lstm', layers: 4, hidden: 16_000 } }), 4, undefined);
  assert.deepEqual([memory.fits, memory.devicesAtMost, memory.fitsAsPipeline], [false, undefined, false]);
});

test('a pipeline that training would refuse is refused here', () => {
  const attentive = paper({ model: { kind: 'lstm', attention: 'dot' }, training: { parallel: { strategy: 'pipeline' } } });
  assert.throws(() => estimateMemory(attentive, 2, undefined), /model\.attention: dot/);
});

test('the estimate, the division of batches and the simulation count the same operations of a token', () => {
  const configuration = paper({ model: { kind: 'lstm', layers: 3, hidden: 24, embedding: 16 } });
  const vocabularies = vocabulariesOf(configuration);
  const { costs } = createModel(configuration.model, vocabularies).parameters;
  const model = estimateModel(configuration);
  assert.deepEqual([model.operationsPerSourceToken, model.operationsPerTargetToken], [6 * costs.source, 6 * costs.target]);
  const network = networkOf(modelOf(configuration), configuration.training.optimizer);
  const layers = (part: 'encoder' | 'decoder') => [0, 1, 2].reduce((sum, layer) => sum + operationsOf(network, { part, layer }), 0);
  const output = operationsOf(network, { part: 'output', vocabulary: { from: 0, to: vocabularies.target } });
  assert.deepEqual([layers('encoder'), layers('decoder') + output], [2 * costs.source, 2 * costs.target]);
});

test('tied embeddings still cost their product', () => {
  const options = { kind: 'lstm', hidden: 32, embedding: 32 } as const;
  const operations = (tiedEmbeddings: boolean) => estimateModel(paper({ model: { ...options, tiedEmbeddings } })).operationsPerTargetToken;
  assert.equal(operations(true), operations(false));
});
