import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniform } from '../../src/core/random.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { Memory } from '../../src/tensor/memory.js';

const memory = new Memory({ shared: true });
const room = (floats: number) => memory.allocate(4 * floats).offset;

for (const relaxed of [false, 'auto'] as const) {
  test(`a query alone has the bits that it has beside another one, relaxed SIMD: ${relaxed}`, async () => {
    const kernels = await loadKernels(memory, { relaxed });
    for (const [heads, keyValueHeads, size, count] of [
      [2, 2, 8, 1],
      [3, 3, 12, 7],
      [4, 2, 36, 21],
      // More than are summed at once.
      [2, 1, 64, 300],
    ] as const) {
      const [width, memoryWidth] = [heads * size, 2 * keyValueHeads * size];
      const [query, keys, rows] = [room(2 * width), room(2 * count * memoryWidth), room(count)];
      const key = randomKey(1, 'initialise', count);
      for (let at = 0; at < 2 * count * memoryWidth; at++) memory.f32[keys / 4 + at] = uniform(key, at) - 0.5;
      for (let at = 0; at < 2 * width; at++) memory.f32[query / 4 + at] = 3 * uniform(key, at % width) - 1;
      for (let at = 0; at < count; at++) memory.i32[rows / 4 + at] = (7 * at + 1) % (2 * count);
      const scratch = room(32 + 2 * (count + 8) * (size + 8) + 32 * (count + 8) + heads * (count + size + 16));
      const bias = room(heads * count);
      for (let at = 0; at < heads * count; at++) memory.f32[bias / 4 + at] = uniform(key, at);
      const resultOf = (queries: number, hasBias: number) => {
        const [output, logSums, weights] = [room(2 * width), room(2 * heads), room(2 * heads * count)];
        const values = keys + 4 * keyValueHeads * size;
        kernels.attendHeads(
          ...([output, 4 * width, query, 4 * width, keys, values, 4 * memoryWidth, rows, queries, count, heads, keyValueHeads] as const),
          // Of two queries the first has a place before that of one alone.
          ...([size, 1 / Math.sqrt(size), 0, hasBias * (bias + 4 * (count - queries)), 4 * count] as const),
          ...([logSums, weights, 0, 0, 0, scratch] as const),
        );
        const ofQuery = (head: number) =>
          memory.i32.slice(weights / 4 + head * queries * count, weights / 4 + (head * queries + 1) * count);
        return [
          memory.i32.slice(output / 4, output / 4 + width),
          memory.i32.slice(logSums / 4, logSums / 4 + heads),
          ...[...Array(heads).keys()].map(ofQuery),
        ];
      };
      for (const hasBias of [0, 1]) {
        assert.deepEqual(resultOf(1, hasBias), resultOf(2, hasBias), `${heads} heads of ${size}, ${count} keys, ${hasBias} biases`);
      }
    }
  });
}
