import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InitialValues, ParameterStore } from '../../src/nn/parameters.js';
import { Memory } from '../../src/tensor/memory.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { Tensor } from '../../src/tensor/tensor.js';

/** A tensor of so many rows of three, in a memory of its own. */
function rows(count: number, first = Number.NaN): Tensor {
  const memory = new Memory({ shared: false });
  const tensor = new Tensor(memory, memory.allocate(4 * count * 3).offset, [count, 3]);
  return tensor.set(Array.from({ length: count * 3 }, (_, index) => first + index));
}

const read = async (values: PlacedValues, start: number, count: number) => {
  const target = new Float32Array(count);
  await values.read('a', start, target);
  return [...target];
};

test('a value in several memories is read as one, from anywhere', async () => {
  const values = new PlacedValues([['a', [rows(2, 0), rows(1, 6), rows(3, 9)]]]);
  assert.deepEqual([...values.shapes], [['a', [6, 3]]]);
  assert.deepEqual(
    await read(values, 0, 18),
    Array.from({ length: 18 }, (_, index) => index),
  );
  assert.deepEqual(await read(values, 4, 7), [4, 5, 6, 7, 8, 9, 10]);
});

test('a value in several memories is set from one in others', async () => {
  const target = new PlacedValues([['a', [rows(1), rows(4)]]]);
  await target.fill(new PlacedValues([['a', [rows(3, 0), rows(2, 9)]]]));
  assert.deepEqual(
    await read(target, 0, 15),
    Array.from({ length: 15 }, (_, index) => index),
  );
});

test('values of other names or shapes are refused before anything is set', async () => {
  const target = PlacedValues.of([{ name: 'a', value: rows(2, 5) }]);
  for (const given of [new PlacedValues([['b', [rows(2, 0)]]]), new PlacedValues([['a', [rows(3, 0)]]])]) {
    await assert.rejects(target.fill(given), /another model/);
  }
  assert.deepEqual(await read(target, 0, 2), [5, 6]);
});

test('the first values of a parameter are the same whole and in parts', async () => {
  const store = new ParameterStore();
  store.section({ side: 'source', initial: { kind: 'uniform', range: 0.5 } }).matrix('a', 5, 3);
  const parts = new PlacedValues([['a', [rows(2), rows(3)]]]);
  await parts.fill(new InitialValues(store, 7));
  store.allocate(new Memory({ shared: false }));
  store.initialise(7);
  assert.deepEqual(await read(parts, 0, 15), [...(store.get('a')?.value.f32 ?? [])]);
});
