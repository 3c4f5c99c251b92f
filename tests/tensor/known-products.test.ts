import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Device, Scope } from '../../src/tensor/device.js';
import { KnownProducts } from '../../src/tensor/known-products.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { Arena, Memory } from '../../src/tensor/memory.js';
import { openTestDevices } from './devices.js';

const devices = await openTestDevices();
const { device } = devices[0] as { device: Device };
after(() => {
  for (const opened of devices) opened.device.matrix.dispose();
});

/** A table and a weight matrix, and what a product of every row would be. */
function example(rows: number, inputs: number, outputs: number) {
  const scope = new Scope(device, new Arena(device.memory));
  const values = (count: number, factor: number) => Array.from({ length: count }, (_, index) => ((index * factor) % 7) - 3);
  const table = scope.empty([rows, inputs]).set(values(rows * inputs, 5));
  const weight = scope.empty([outputs, inputs]).set(values(outputs * inputs, 3));
  const product = (id: number, columns = outputs) => {
    const [tableValues, weightValues] = [table.f32, weight.f32];
    return Array.from({ length: columns }, (_, output) => {
      let sum = 0;
      for (let input = 0; input < inputs; input++) {
        sum += (tableValues[id * inputs + input] as number) * (weightValues[output * inputs + input] as number);
      }
      return sum;
    });
  };
  return { table, weight, product };
}

/** Counts the rows that are multiplied. */
function counted() {
  let rows = 0;
  const matrix = {
    ...device.matrix,
    multiply: (product: Parameters<Device['matrix']['multiply']>[0]) => {
      rows += product.m;
      device.matrix.multiply(product);
    },
  };
  return { device: { ...device, matrix }, rows: () => rows };
}

test('every word is multiplied once, when it is first met', () => {
  const { table, weight, product } = example(20, 3, 5);
  const { device: counting, rows } = counted();
  const known = new KnownProducts(counting);
  for (const ids of [
    [4, 7, 4],
    [7, 19],
    [0, 4, 7, 19, 0],
  ]) {
    const { products, places } = known.of(table, weight, Int32Array.from(ids)) ?? assert.fail('there is room');
    for (const [index, id] of ids.entries()) {
      const place = places[index] as number;
      assert.deepEqual(products.rows(place, place + 1).toArray(), product(id), `word ${id}`);
    }
  }
  assert.equal(rows(), 4);
  const before = device.memory.allocatedBytes;
  known.dispose();
  assert.ok(device.memory.allocatedBytes < before);
});

test('a table that is full begins anew', () => {
  // 32 MiB hold 3 such rows.
  const { table, weight, product } = example(6, 1, 2 * 1024 ** 2 + 1024);
  const columns = 9;
  const known = new KnownProducts(device);
  for (const ids of [
    [0, 1],
    [2, 3],
    [4, 0, 4],
    [1, 5, 3],
  ]) {
    const { products, places } = known.of(table, weight, Int32Array.from(ids)) ?? assert.fail('there is room');
    for (const [index, id] of ids.entries()) {
      const place = places[index] as number;
      const row = products.rows(place, place + 1).f32;
      assert.deepEqual(Array.from(row.subarray(0, columns)), product(id, columns), `word ${id}`);
    }
  }
  assert.equal(known.of(table, weight, Int32Array.of(0, 1, 2, 3)), undefined, 'more words at once than there is room for');
  known.dispose();
});

test('a product that failed is made when it is asked for again', () => {
  const { table, weight, product } = example(6, 3, 5);
  let fails = true;
  const matrix = {
    ...device.matrix,
    multiply: (asked: Parameters<Device['matrix']['multiply']>[0]) => {
      if (fails) throw new Error('no room for its scratch');
      device.matrix.multiply(asked);
    },
  };
  const known = new KnownProducts({ ...device, matrix });
  const ids = Int32Array.of(4, 2);
  assert.throws(() => known.of(table, weight, ids), /no room/);
  const before = device.memory.allocatedBytes;
  assert.throws(() => known.of(table, weight, ids), /no room/);
  assert.equal(device.memory.allocatedBytes, before);
  fails = false;
  const { products, places } = known.of(table, weight, ids) ?? assert.fail('there is room');
  assert.deepEqual(
    Array.from(places, (place) => products.rows(place, place + 1).toArray()),
    [product(4), product(2)],
  );
  known.dispose();
});

test('an id that is no row is left to others to refuse', () => {
  const { table, weight } = example(6, 2, 2);
  const known = new KnownProducts(device);
  assert.equal(known.of(table, weight, Int32Array.of(1, 6)), undefined);
  assert.equal(known.of(table, weight, Int32Array.of(-1)), undefined);
  assert.deepEqual(known.of(table, weight, Int32Array.of(1))?.places, Int32Array.of(0));
  known.dispose();
});

test('ids that lie in a memory of this thread alone are read before it grows', async () => {
  const memory = new Memory({ shared: false });
  const own = await nodeRuntime.openDevice(memory, { gemm: 'webassembly' });
  const scope = new Scope(own, new Arena(memory));
  // The room of the products takes more than what is left of the first pages.
  const table = scope.zeros([40_000, 2]);
  const weight = scope.zeros([64, 2]);
  const ids = scope.empty([2], 'i32').set([30_000, 7]).i32;
  assert.deepEqual([...(new KnownProducts(own).of(table, weight, ids)?.places ?? [])], [0, 1]);
});
