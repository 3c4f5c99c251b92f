import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { normal, randomKey } from '../../src/core/random.js';
import { Scope } from '../../src/tensor/device.js';
import { singleStepLayout } from '../../src/tensor/layout.js';
import { Arena } from '../../src/tensor/memory.js';
import { lstm } from '../../src/tensor/operations/lstm.js';
import { lstmStep, stateOrigins } from '../../src/tensor/operations/lstm-step.js';
import { openTestDevices } from './devices.js';

const devices = await openTestDevices();
after(() => {
  for (const { device } of devices) device.matrix.dispose();
});

for (const { name, device } of devices) {
  test(`a step from states that rows share is that of the operation, on ${name}`, () => {
    const scope = new Scope(device, new Arena(device.memory));
    let drawn = 0;
    const random = (...shape: number[]) => {
      const tensor = scope.empty(shape);
      const key = randomKey(5, 'sample', drawn++);
      return tensor.set(Float32Array.from({ length: tensor.size }, (_, index) => normal(key, index)));
    };
    const [inputs, size] = [6, 5];
    const parameters = { weightHidden: random(4 * size, size), bias: random(4 * size) };
    const weightInput = random(4 * size, inputs);
    const inputProducts = random(7, 4 * size);
    const states = [0, 1, 2, 3].map(() => ({ hidden: random(1, size), cell: random(1, size) }));
    const together = (of: 'hidden' | 'cell', rows: readonly number[]) =>
      scope.empty([rows.length, size]).set(rows.flatMap((row) => states[row]?.[of].toArray() ?? []));
    for (const origins of [undefined, [0, 1, 2, 3], [2, 1, 0], [1, 1, 1, 3, 1, 1], [3, 0, 3, 0, 3, 0, 0]]) {
      const rows = origins ?? [0, 1, 2, 3];
      const everyState = { hidden: together('hidden', [0, 1, 2, 3]), cell: together('cell', [0, 1, 2, 3]) };
      const ownState = { hidden: together('hidden', rows), cell: together('cell', rows) };
      for (const read of [
        { input: random(rows.length, inputs), weightInput },
        { input: scope.integers(rows.map((_, row) => (row * 3) % 7)), weightInput: undefined, inputProducts },
      ]) {
        const attributes = { layout: singleStepLayout(rows.length), direction: 'forward' } as const;
        const { outputs } = lstm.forward(scope, { ...read, ...parameters, ...ownState }, attributes);
        const step = lstmStep(
          scope,
          { ...read, ...parameters, ...everyState },
          origins === undefined ? undefined : stateOrigins(scope, Int32Array.from(origins)),
        );
        for (const of of ['hidden', 'cell'] as const) {
          assert.deepEqual(step[of].shape, outputs[of].shape);
          const expected = outputs[of].toArray();
          step[of].f32.forEach((value, index) => {
            assert.ok(Math.abs(value - (expected[index] ?? Number.NaN)) < 1e-5, `${of} ${index} of origins ${origins}`);
          });
        }
      }
    }
  });
}
