import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scope } from '../../src/tensor/device.js';
import { Arena } from '../../src/tensor/memory.js';
import { add } from '../../src/tensor/operations/add.js';
import { concatenate } from '../../src/tensor/operations/concatenate.js';
import { linear } from '../../src/tensor/operations/linear.js';
import { normalisation } from '../../src/tensor/operations/normalisation.js';
import { tanh } from '../../src/tensor/operations/tanh.js';
import { type Learnt, Tape } from '../../src/tensor/tape.js';
import type { Shape, Tensor } from '../../src/tensor/tensor.js';
import { TouchedRows } from '../../src/tensor/touched-rows.js';
import { openTestDevice } from './devices.js';

const device = await openTestDevice();
const scope = new Scope(device, new Arena(device.memory));

/** Values 0, 0.1, 0.2, ... */
function parameter(shape: Shape): Learnt & { readonly gradient: Tensor } {
  const value = scope.empty(shape);
  return { value: value.set(Array.from(value.f32.keys(), (index) => index / 10)), gradient: scope.zeros(shape) };
}

const ones = (shape: Shape): Tensor => {
  const tensor = scope.empty(shape);
  tensor.f32.fill(1);
  return tensor;
};

/** The derivative of tanh at the value that `parameter` has at an index. */
const slope = (index: number): number => 1 - Math.tanh(index / 10) ** 2;

function assertNear(actual: Tensor, expected: readonly number[]): void {
  assert.equal(actual.size, expected.length);
  for (const [index, value] of actual.toArray().entries())
    assert.ok(Math.abs(value - (expected[index] as number)) < 1e-5, `${index}: ${value}`);
}

describe('the gradient of a view is a part of that of what it shows', () => {
  test('overlapping rows of a parameter, under another shape', () => {
    const weight = parameter([4, 2]);
    const tape = new Tape(scope, [weight]);
    for (const view of [weight.value.rows(1, 3).reshape([1, 4]), weight.value.reshape([2, 4]).rows(1, 2)]) {
      const { output } = tape.run(tanh, { input: view }, {});
      tape.seed(output, ones([1, 4]));
    }
    tape.backward();
    assertNear(weight.gradient, [0, 0, slope(2), slope(3), 2 * slope(4), 2 * slope(5), slope(6), slope(7)]);
  });

  test('rows of what an operation gave, beside all of it in the same operation', () => {
    const weight = parameter([2, 2]);
    const tape = new Tape(scope, [weight]);
    const { output } = tape.run(tanh, { input: weight.value }, {});
    const { output: joined } = tape.run(concatenate, { left: output.reshape([1, 4]), right: output.rows(1, 2) }, {});
    tape.seed(joined, ones([1, 6]));
    tape.backward();
    assertNear(weight.gradient, [slope(0), slope(1), 2 * slope(2), 2 * slope(3)]);
    assertNear(tape.gradient(weight.value.rows(1, 2)) as Tensor, [2 * slope(2), 2 * slope(3)]);
  });

  test('one that would be lost is refused', () => {
    const weight = parameter([2, 2]);
    const table = { value: scope.zeros([3, 2]), gradient: new TouchedRows(device.memory, 3, 2) };
    const tape = new Tape(scope, [weight, table]);
    assert.throws(() => tape.seed(weight.value.rows(0, 1), ones([1, 2])), /a view has no gradient of its own/);
    const { output } = tape.run(tanh, { input: table.value.rows(0, 1) }, {});
    tape.seed(output, ones([1, 2]));
    assert.throws(() => tape.backward(), /a view of a parameter whose gradient is kept as touched rows/);
  });
});

describe('a brief output is read by one operation', () => {
  test('its room is that of the next ones, and where a gradient reads it, it is computed again', () => {
    const results = [false, true].map((isBrief) => {
      const arena = new Arena(device.memory);
      const [gain, weight] = [parameter([4]), parameter([4, 4])];
      const tape = new Tape(new Scope(device, arena), [gain, weight]);
      const runner = isBrief ? tape.brief : tape;
      let stream = scope.empty([3, 4]).set(Array.from({ length: 12 }, (_, index) => Math.sin(index)));
      const rooms = new Set<number>();
      for (let layer = 0; layer < 5; layer++) {
        const attributes = { kind: 'layer', epsilon: 1e-5 } as const;
        const { output } = runner.run(normalisation, { input: stream, gain: gain.value }, attributes);
        const { output: product } = runner.run(linear, { input: output, weight: weight.value, bias: undefined }, {});
        stream = tape.run(add, { left: stream, right: product }, {}).output;
        rooms.add(output.offset).add(product.offset);
      }
      tape.seed(stream, ones([3, 4]));
      tape.backward();
      return { rooms: rooms.size, gradients: [gain, weight].map(({ gradient }) => gradient.toArray()) };
    });
    assert.deepEqual(
      results.map(({ rooms }) => rooms),
      [10, 2],
    );
    assert.deepEqual(results[1]?.gradients, results[0]?.gradients);
  });

  test('its gradient takes its room', () => {
    const weights = [parameter([4, 4]), parameter([4, 4])] as const;
    const tape = new Tape(scope, weights);
    const [inner, outer] = weights.map(({ value }) => ({ weight: value, bias: undefined }));
    assert.ok(inner && outer);
    const { output: hidden } = tape.brief.run(normalisation, { input: inner.weight }, { kind: 'layer', epsilon: 1e-5 });
    const { output } = tape.run(linear, { input: hidden, ...outer }, {});
    tape.seed(output, ones([4, 4]));
    tape.backward();
    assert.equal((tape.gradient(hidden) as Tensor).offset, hidden.offset);
  });

  test('one that is read twice, or that a gradient reads and nothing can compute again, is refused', () => {
    const weight = parameter([2, 2]);
    const tape = new Tape(scope, [weight]);
    const product = () => tape.brief.run(linear, { input: weight.value, weight: weight.value, bias: undefined }, {}).output;
    assert.throws(() => tape.run(tanh, { input: product() }, {}), /tanh: input is brief, and cannot be computed again/);
    const left = product();
    const sum = () => tape.run(add, { left, right: weight.value }, {});
    sum();
    assert.throws(sum, /add: left is brief and has been read before/);
  });
});
