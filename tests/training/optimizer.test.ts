import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gradients, ParameterStore } from '../../src/nn/parameters.js';
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
