import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimatePeak } from '../../../src/analysis/cost/peak-memory.js';
import { modelOptions } from '../../../src/models/create.js';

const pair = { key: 0, source: new Int32Array(50), target: new Int32Array(49) };
const setup = {
  modelOptions: modelOptions.parse({ kind: 'lstm', layers: 4, hidden: 1000 }),
  vocabularies: { source: 160_000, target: 80_000 },
  optimizer: { kind: 'sgd', learningRate: 0.7 },
  consistency: 0,
  devices: 1,
  largestBatch: Array.from({ length: 128 }, () => pair),
} as const;

test('the model of 2014 with sentences of 50 words fits into one WebAssembly memory, on one device and on two', () => {
  for (const devices of [1, 2]) {
    const { parametersMiB, gradientsMiB, optimizerMiB, activationsMiB } = estimatePeak({ ...setup, devices });
    assert.equal(Math.round(parametersMiB), Math.round((384_112_000 * 4) / 1024 ** 2));
    const inMemory = parametersMiB + gradientsMiB + optimizerMiB + activationsMiB;
    assert.ok(inMemory < 4096, `${devices}: ${inMemory}`);
  }
});

test('where the largest batch is divided, one that stays whole may need more', () => {
  const layers = { encoderLayers: 6, decoderLayers: 6, width: 512, heads: 8 };
  const transformer = {
    ...setup,
    modelOptions: modelOptions.parse({ kind: 'transformer', ...layers }),
    vocabularies: { source: 300, target: 300 },
  };
  const short = { key: 0, source: new Int32Array(25), target: new Int32Array(24) };
  const needed = Array.from({ length: 24 }, (_, index) => {
    const largestBatch = Array.from({ length: 4 + 2 * index }, () => short);
    return estimatePeak({ ...transformer, largestBatch }).activationsMiB;
  });
  assert.ok((needed[0] ?? 0) < 60 && (needed.at(-1) ?? 0) > 150, needed.join());
  for (const [index, value] of needed.slice(1).entries()) assert.ok(value >= 0.98 * (needed[index] ?? 0), needed.join());
});

test('memory grows with the batch, with devices and with an optimizer that keeps averages', () => {
  const small = {
    ...setup,
    modelOptions: modelOptions.parse({ kind: 'lstm', hidden: 256 }),
    vocabularies: { source: 8_000, target: 8_000 },
    largestBatch: setup.largestBatch.slice(0, 32),
  };
  const plain = estimatePeak(small);
  const longer = estimatePeak({ ...small, largestBatch: setup.largestBatch.slice(0, 64) });
  assert.ok(longer.activationsMiB > 1.5 * plain.activationsMiB);
  const two = estimatePeak({ ...small, devices: 2 });
  assert.ok(two.gradientsMiB > 1.5 * plain.gradientsMiB);
  const adam = { kind: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, lazy: true } as const;
  const averaged = estimatePeak({ ...small, optimizer: adam });
  assert.equal(averaged.optimizerMiB, 2 * plain.parametersMiB);
  const dropping = { ...small, modelOptions: modelOptions.parse({ kind: 'lstm', hidden: 256, dropout: 0.1 }) };
  const [once, twice] = [0, 5].map((consistency) => estimatePeak({ ...dropping, consistency }).activationsMiB) as [number, number];
  assert.ok(twice > 1.5 * once, 'two walks keep what both of them need');
});
