import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDue, type Position } from '../../src/training/interval.js';
import { learningRateOf, type ScheduleOptions } from '../../src/training/schedule.js';

const updatesAnEpoch = 10;
const at = (steps: number): Position => ({ steps, epochs: steps / updatesAnEpoch });
/** The rate of an update, counted from 1. */
const rateOf = (schedule: ScheduleOptions, update: number) => learningRateOf(schedule, 0.7, at(update - 1), at(update));

test("the 2014 paper's schedule: 0.7 for five epochs, then halved every half epoch", () => {
  const paper: ScheduleOptions = { kind: 'halve', after: { epochs: 5 }, every: { epochs: 0.5 } };
  const rates = [1, 50, 51, 55, 56, 60, 61, 66, 71, 75].map((update) => rateOf(paper, update) / 0.7);
  assert.deepEqual(rates, [1, 1, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 32]);
});

test('halving counts updates as well as epochs', () => {
  const schedule: ScheduleOptions = { kind: 'halve', after: { steps: 3 }, every: { steps: 2 } };
  assert.deepEqual(
    [1, 3, 4, 5, 6].map((update) => rateOf(schedule, update) / 0.7),
    [1, 1, 1 / 2, 1 / 2, 1 / 4],
  );
});

test('a warm-up rises linearly to the full rate, which then falls with the inverse square root', () => {
  const schedule: ScheduleOptions = { kind: 'inverse-square-root', warmup: { steps: 4 } };
  assert.deepEqual(
    [1, 2, 4, 16, 64].map((update) => rateOf(schedule, update) / 0.7),
    [1 / 4, 1 / 2, 1, 1 / 2, 1 / 4],
  );
  assert.equal(rateOf({ kind: 'inverse-square-root', warmup: { epochs: 0.4 } }, 2), rateOf(schedule, 2));
});

test('a cosine falls from the full rate to 0 and stays there', () => {
  const schedule: ScheduleOptions = { kind: 'cosine', over: { steps: 10 }, warmup: { steps: 2 } };
  const rates = [1, 2, 3, 7, 10, 11, 12, 99].map((update) => rateOf(schedule, update) / 0.7);
  const expected = [1 / 2, 1, 1, 1 / 2, (1 + Math.cos((7 / 8) * Math.PI)) / 2, 0, 0, 0];
  for (const [index, rate] of rates.entries()) assert.ok(Math.abs(rate - (expected[index] ?? 9)) < 1e-12, `${rates}`);
  assert.equal(rateOf({ kind: 'cosine', over: { steps: 10 } }, 1), 0.7);
});

test('a constant rate is constant', () => assert.equal(rateOf({ kind: 'constant' }, 1000), 0.7));

test('an interval is due once when it ends, whatever its unit and however the epoch is divided', () => {
  const dueAfter = (every: Parameters<typeof isDue>[0], updates: number, anEpoch: number) => {
    const position = (steps: number): Position => ({ steps, epochs: Math.floor(steps / anEpoch) + (steps % anEpoch) / anEpoch });
    return Array.from({ length: updates }, (_, before) => before + 1).filter((after) => isDue(every, position(after - 1), position(after)));
  };
  assert.deepEqual(dueAfter({ steps: 4 }, 12, 5), [4, 8, 12]);
  assert.deepEqual(dueAfter({ epochs: 1 }, 12, 5), [5, 10]);
  assert.deepEqual(dueAfter({ epochs: 0.5 }, 10, 5), [3, 5, 8, 10]);
  assert.deepEqual(dueAfter({ epochs: 0.1 }, 10, 10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(dueAfter({ epochs: 0.01 }, 3, 2), [1, 2, 3], 'several in one update are one');
});
