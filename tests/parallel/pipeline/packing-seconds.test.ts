import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packingSeconds } from '../../../src/parallel/pipeline/packing-seconds.js';

// Of stretches of 1, 4 and 8 steps, or of 100, 400 and 800 columns, each with 1 and 2 sentences.
const undisturbed = 0.002;

test('weights of a layer are packed in the same time for any number of steps, whatever disturbed a measurement', () => {
  const seconds = [
    [undisturbed, undisturbed],
    [0.5, undisturbed],
    [undisturbed, 0],
  ];
  const packing = packingSeconds([1, 4, 8], seconds, 'all');
  for (const steps of [1, 8, 25, 400]) assert.equal(packing(steps), undisturbed);
});

test('weights of the output layer are packed in proportion to its columns, whatever disturbed a measurement', () => {
  const seconds = [
    [0.001, 0.3],
    [0.004, 0.004],
    [0, 0.008],
  ];
  const packing = packingSeconds([100, 400, 800], seconds, 'columns');
  for (const columns of [50, 400, 8_000]) assert.ok(Math.abs(packing(columns) / columns - 1e-5) < 1e-9, `${packing(columns)}`);
});
