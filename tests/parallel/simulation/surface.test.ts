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
