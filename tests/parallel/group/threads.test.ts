import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Meeting, meetingPlace, ThreadGroup } from '../../../src/parallel/group/threads.js';
import { alone, type Group } from '../../../src/training/group.js';

const size = 3;

/** Values of which no two orders of adding have the same sum. */
const valuesOf = (rank: number, round: number) => [[1e16, 1, -1e16][(rank + round) % size] as number, rank + round];

test('a group of one gives back what it sums', () => {
  const group: Group = alone;
  group.barrier();
  assert.deepEqual(group.beginSum([1, 2])(), [1, 2]);
  assert.deepEqual([group.rank, group.size], [0, 1]);
});

test('threads sum in the order of ranks, round after round, with barriers between beginning and end', async () => {
  const block = meetingPlace(size);
  const rounds = 200;
  const program = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { Meeting, ThreadGroup } = await import(workerData.module);
    const { block, rank, size, rounds } = workerData;
    const group = new ThreadGroup(new Meeting(block, size), rank, []);
    const sums = [];
    for (let round = 0; round < rounds; round++) {
      const finish = group.beginSum([[1e16, 1, -1e16][(rank + round) % size], rank + round]);
      if (round % 3 === 0) group.barrier();
      sums.push(finish());
    }
    parentPort.postMessage(sums);
  `;
  const module = new URL('../../../src/parallel/group/threads.js', import.meta.url).href;
  const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
  const workers = Array.from({ length: size }, (_, rank) => new Worker(url, { workerData: { module, block, rank, size, rounds } }));
  const results = await Promise.all(
    workers.map((worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))),
  );
  const expected = Array.from({ length: rounds }, (_, round) => {
    const all = Array.from({ length: size }, (_, rank) => valuesOf(rank, round));
    return [0, 1].map((index) => all.reduce((total, values) => total + (values[index] as number), 0));
  });
  for (const sums of results) assert.deepEqual(sums, expected);
});

test('who waits for a sum is woken by an error when the group breaks', () => {
  const block = meetingPlace(size);
  const group = new ThreadGroup(new Meeting(block, size), 0, []);
  const finish = group.beginSum([1]);
  new Meeting(block, size).break();
  assert.throws(finish, { kind: 'resource' });
  assert.throws(() => group.barrier(), { kind: 'resource' });
});

test('more numbers than a sum has room for are refused', () => {
  const group = new ThreadGroup(new Meeting(meetingPlace(1), 1), 0, []);
  assert.throws(() => group.beginSum([1, 2, 3, 4, 5]), RangeError);
});
