import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Surface } from '../../../src/parallel/simulation/surface.js';

test('a surface is linear between its points, beyond the last, and in proportion before the first', () => {
  const surface = new Surface(
    [2, 4],
    [1, 10],
    [
      [20, 110],
      [30, 210],
    ],
  );
  assert.equal(surface.at(2, 1), 20);
  assert.equal(surface.at(3, 1), 25);
  assert.equal(surface.at(2, 5.5), 65);
  assert.equal(surface.at(6, 10), 310);
  assert.equal(surface.at(1, 1), 10);
});

test('what disturbed a measurement of little work makes no work cost less than nothing', () => {
  // Four steps seemed to take fifty times as long as eight: drawn through both, more steps would take less and less.
  const surface = new Surface([1, 4, 8], [1], [[0.9], [50], [1]]);
  for (const steps of [1, 4, 8, 25, 400]) assert.ok(surface.at(steps, 1) >= 0.9, `${steps} steps: ${surface.at(steps, 1)}`);
});
