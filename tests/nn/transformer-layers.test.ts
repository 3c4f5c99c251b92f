import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { FeedForward } from '../../src/nn/feed-forward.js';
import { KeyValueCache } from '../../src/nn/key-value-cache.js';
import { MultiHeadMemoryAttention, MultiHeadSelfAttention } from '../../src/nn/multi-head-attention.js';
import { NormalisationLayer } from '../../src/nn/normalisation.js';
import { Gradients, ParameterStore } from '../../src/nn/parameters.js';
import { sinusoids } from '../../src/nn/positions.js';
import { Scope } from '../../src/tensor/device.js';
import { rowRanges } from '../../src/tensor/layout.js';
import { Arena } from '../../src/tensor/memory.js';
import { rotaryTurns } from '../../src/tensor/operations/rotary.js';
import { Inference, Tape } from '../../src/tensor/tape.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { openTestDevice } from '../tensor/devices.js';

const device = await openTestDevice();
const arena = new Arena(device.memory);
const scope = new Scope(device, arena);
after(() => arena.dispose());

const [width, heads, keyValueHeads] = [24, 4, 2];
const initial = { kind: 'uniform', range: 0.3 } as const;
const waves = (rows: number, columns: number): Tensor =>
  scope.empty([rows, columns]).set(Float32Array.from({ length: rows * columns }, (_, index) => Math.sin(1.3 * index)));
const nearly = (actual: Tensor, expected: readonly number[]) =>
  expected.forEach((value, index) => {
    assert.ok(Math.abs((actual.f32[index] as number) - value) < 1e-6, `${index}: ${actual.f32[index]} instead of ${value}`);
  });

test('rotary self-attention position by position over its cache is that of the whole sentence', () => {
  const store = new ParameterStore();
  const layer = new MultiHeadSelfAttention(store.section({ side: 'target', initial }), 'attention', {
    width,
    heads,
    size: width / heads,
    scale: 1 / Math.sqrt(width / heads),
    keyValueHeads,
    bias: true,
  });
  store.allocate(device.memory);
  store.initialise(1);
  const runner = new Inference(scope);
  const [length, size] = [9, width / heads];
  const input = waves(length, width);
  const turns = rotaryTurns(scope, { positions: length, size, pairs: 'halves' });
  const places = { rotary: { turns, positions: scope.integers(Array.from({ length }, (_, position) => position)) } };
  const rows = { sentences: rowRanges([length]), sight: 'causal', keys: undefined, places } as const;
  const whole = layer.forward({ runner }, input, rows).output;
  const cache = new KeyValueCache(device, { layers: 1, columns: 2 * keyValueHeads * size, hypotheses: 1 });
  for (let position = 0; position < length; position++) {
    const here = { rotary: { turns, positions: scope.integers([position]) } };
    const output = layer.step(runner, input.rows(position, position + 1), 0, cache.extend(scope, [1]), here);
    assert.deepEqual(output.toArray(), whole.rows(position, position + 1).toArray());
  }
  cache.dispose();
  store.dispose();
});

test('every parameter of the layers learns, with dropout and without', () => {
  const store = new ParameterStore();
  const [source, target] = [store.section({ side: 'source', initial }), store.section({ side: 'target', initial })];
  const size = width / heads;
  const options = { width, heads, size, scale: 1 / Math.sqrt(size), keyValueHeads, bias: true };
  const self = new MultiHeadSelfAttention(target, 'self', options);
  const memory = new MultiHeadMemoryAttention(target, source, 'memory', options);
  const feedForward = new FeedForward(target, 'feedForward', { width, inner: 32, activation: 'swiglu', bias: true });
  const before = new NormalisationLayer(target, 'before', width, { kind: 'layer', epsilon: 1e-5, bias: true });
  const after = new NormalisationLayer(target, 'after', width, { kind: 'rms', epsilon: 1e-5, bias: false });
  store.allocate(device.memory);
  store.initialise(1);
  const [sentences, sources] = [rowRanges([3, 5]), rowRanges([4, 2])];
  for (const dropout of [undefined, { rate: 0.2, seed: 1, step: 3 }]) {
    const gradients = new Gradients(store, device.memory);
    const tape = new Tape(scope, gradients);
    const pass = { runner: tape, dropout };
    const keys = dropout && scope.integers(Array.from({ length: 8 }, (_, row) => row));
    const input = waves(8, width);
    const read = self.forward(pass, before.forward(tape, input), { sentences, sight: 'causal', keys }).output;
    const seen = after.ofSum(tape, input, read);
    const looked = memory.forward(pass, seen.output, memory.memory(tape, waves(6, width)), {
      queries: sentences,
      rows: sources,
      keys,
    }).output;
    const { sum, output } = after.ofSum(tape, seen.sum, looked);
    const end = after.ofSum(tape, sum, feedForward.forward(pass, output, keys));
    tape.seed(end.output, waves(8, width));
    tape.backward();
    for (const { parameter, gradient } of gradients) {
      assert.ok('rows' in gradient && gradient.f32.some((value) => Math.abs(value) > 1e-6), parameter.name);
    }
    gradients.dispose();
  }
  const shared = (2 * width * keyValueHeads) / heads;
  assert.deepEqual(store.costs, { source: width * shared, target: width * (width + shared) + 3 * width * width + 3 * 32 * width });
  store.dispose();
});

test('sinusoids lie as published, side by side or in halves', () => {
  const [sin, cos] = [Math.sin, Math.cos];
  nearly(sinusoids(scope, { positions: 2, first: 0, width: 4, layout: 'interleaved' }), [0, 1, 0, 1, sin(1), cos(1), sin(0.01), cos(0.01)]);
  nearly(sinusoids(scope, { positions: 2, first: 0, width: 4, layout: 'halves' }), [0, 0, 1, 1, sin(1), sin(0.01), cos(1), cos(0.01)]);
  nearly(sinusoids(scope, { positions: 2, first: 0, width: 4, layout: 'tensor2tensor' }), [
    0,
    0,
    1,
    1,
    sin(1),
    sin(0.0001),
    cos(1),
    cos(0.0001),
  ]);
  nearly(sinusoids(scope, { positions: 1, first: 2, width: 4, layout: 'halves' }), [sin(2), sin(0.02), cos(2), cos(0.02)]);
});
