import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gradients, ParameterStore } from '../../src/nn/parameters.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { everything, Optimizer } from '../../src/training/optimizer.js';
import { optimizerOptions } from '../../src/training/optimizer-options.js';
import { openTestDevice } from '../tensor/devices.js';

test('weight decay makes those parameters smaller whose rules say so', async () => {
  const { memory, kernels } = await openTestDevice();
  const store = new ParameterStore();
  const section = store.section({ side: 'target', initial: { kind: 'constant', value: 1 } });
  section.declare('decayed', [16]);
  section.declare('kept', [16], { decay: false });
  store.allocate(memory);
  store.initialise(1);
  const optimizer = new Optimizer(optimizerOptions.parse({ kind: 'adam', weightDecay: 0.5 }), store, memory);
  for (const learnt of new Gradients(store, memory)) {
    optimizer.update(kernels, learnt, { update: 1, learningRate: 0.1, factor: 1 }, everything);
  }
  const [decayed, kept] = Array.from(store, ({ value }) => value.f32[0] as number);
  assert.ok(Math.abs((decayed as number) - 0.95) < 1e-6, String(decayed));
  assert.equal(kept, 1);
});

test('a process keeps only the averages that its devices update, and updates those alike', async () => {
  const options = optimizerOptions.parse({ kind: 'adam' });
  const { memory, kernels } = await openTestDevice();
  const store = new ParameterStore();
  const initial = { kind: 'uniform', range: 1 } as const;
  store.declare('matrix', [37, 11], { initial, decay: true, gradient: 'dense', side: 'target', cost: 0 });
  store.declare('table', [5, 4], { initial, decay: true, gradient: 'rows', side: 'target', cost: 0 });
  store.allocate(memory);
  const table = Optimizer.bytes(options, [...store].slice(1));
  const [matrix] = new Gradients(store, memory);
  assert.ok(matrix?.gradient instanceof Tensor);
  const step = { update: 3, learningRate: 0.1, factor: 1 };
  const updated = (optimizers: readonly { optimizer: Optimizer; part: number; parts: number }[]) => {
    store.initialise(1);
    for (const { optimizer, part, parts } of optimizers) {
      (matrix.gradient as Tensor).f32.forEach((_, index, all) => {
        all[index] = index % 7;
      });
      optimizer.update(kernels, matrix, step, { ...everything, values: { part, parts } });
    }
    return matrix.value.f32.slice();
  };
  const whole = updated([{ optimizer: new Optimizer(options, store, memory), part: 0, parts: 1 }]);
  // Of three devices two are in the first process.
  const processes = [
    { first: 0, end: 2, parts: 3 },
    { first: 2, end: 3, parts: 3 },
  ];
  const optimizers = processes.map((kept) => {
    const before = memory.remainingBytes;
    const optimizer = new Optimizer(options, store, memory, { kept });
    const bytes = Optimizer.bytes(options, store, kept);
    assert.ok(before - memory.remainingBytes - bytes < 64 * 5, `${before - memory.remainingBytes} of ${bytes}`);
    return optimizer;
  });
  const dense = processes.map((kept) => Optimizer.bytes(options, store, kept) - table);
  assert.equal((dense[0] as number) + (dense[1] as number), Optimizer.bytes(options, store) - table);
  assert.ok((dense[0] as number) > 1.8 * (dense[1] as number));
  const [first, second] = optimizers as [Optimizer, Optimizer];
  const divided = updated([
    { optimizer: first, part: 0, parts: 3 },
    { optimizer: first, part: 1, parts: 3 },
    { optimizer: second, part: 2, parts: 3 },
  ]);
  assert.deepEqual(divided, whole);
});
