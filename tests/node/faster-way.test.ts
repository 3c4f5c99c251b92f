import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FasterWay } from '../../src/node/machine-code/faster-way.js';

const operations = 1_000_000;

/** Computes for so long. */
function work(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test('of two ways the faster one is found for each kind of work, by doing it either way in turn', () => {
  const way = new FasterWay();
  const taken = (kind: number, times: readonly [number, number]) => {
    let first = false;
    way.run(kind, operations, (isFirst) => {
      first = isFirst;
      work(isFirst ? times[0] : times[1]);
    });
    return first;
  };
  const tried = Array.from({ length: 8 }, () => [taken(1, [0.1, 2]), taken(2, [2, 0.1])]);
  for (const kind of [0, 1])
    assert.deepEqual(
      tried.map((each) => each[kind]),
      [true, false, false, true, true, false, false, true],
    );
  assert.deepEqual([taken(1, [0, 0]), taken(1, [0, 0]), taken(2, [0, 0]), taken(2, [0, 0])], [true, true, false, false]);
});

test('what is done in no time is done the second way, and tells nothing', () => {
  const way = new FasterWay();
  for (let time = 0; time < 20; time++) way.run(1, 1000, (isFirst) => assert.equal(isFirst, false));
});
