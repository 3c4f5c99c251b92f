import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataParallel } from '../../../src/parallel/schedule/data-parallel.js';
import { divideShape, type Schedule, type Task } from '../../../src/parallel/schedule/schedule.js';
import { simulate } from '../../../src/parallel/simulation/simulate.js';
import { networkWith } from '../networks.js';

const free = { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false };

/** A schedule of tasks of so many operations; each device does its own in the order given. */
function scheduleOf(
  tasks: readonly { device: number; operations: number; needs?: readonly { task: number; bytes: number }[] }[],
): Schedule {
  const made: Task[] = tasks.map(({ device, operations, needs = [] }, id) => ({
    id,
    device,
    operations,
    needs,
    work: { kind: 'combine', microBatch: 0, steps: { from: 0, to: 1 }, rows: 1, slices: 1 },
  }));
  const devices = 1 + Math.max(...tasks.map(({ device }) => device));
  return { devices, tasks: made, orders: Array.from({ length: devices }, (_, device) => made.filter((task) => task.device === device)) };
}

const seconds = ({ operations }: Task) => operations;
const startsOf = (schedule: Schedule, handOver: typeof free) => {
  const spans = simulate(schedule, { seconds, handOver }).spans.flat();
  return schedule.tasks.map(({ id }) => spans.find(({ task }) => task.id === id)?.start);
};

test('a chain of equal stages takes stages + micro-batches - 1 turns, and waits stages - 1 of them', () => {
  const [stages, microBatches] = [4, 7];
  const tasks = Array.from({ length: stages * microBatches }, (_, id) => {
    const stage = id % stages;
    return { device: stage, operations: 1, needs: stage === 0 ? [] : [{ task: id - 1, bytes: 0 }] };
  });
  const simulation = simulate(scheduleOf(tasks), { seconds, handOver: free });
  assert.equal(simulation.seconds, stages + microBatches - 1);
  assert.equal(simulation.busySeconds, stages * microBatches);
  assert.equal(simulation.fillSeconds, stages * (stages - 1));
  assert.equal(simulation.waitingSeconds, 0);
});

test('a hand-over takes latency and bytes over bandwidth, and a link carries one at a time', () => {
  const schedule = scheduleOf([
    { device: 0, operations: 1 },
    { device: 0, operations: 1 },
    { device: 1, operations: 1, needs: [{ task: 0, bytes: 30 }] },
    { device: 1, operations: 1, needs: [{ task: 1, bytes: 30 }] },
  ]);
  // The first bytes leave at 1 and are there at 4; the second wait for the link until then.
  assert.deepEqual(startsOf(schedule, { latency: 0.5, bytesPerSecond: 10, blocking: false }), [0, 1, 4.5, 7.5]);
  assert.deepEqual(startsOf(schedule, free), [0, 1, 1, 2]);
});

test('a device that hands over itself computes nothing meanwhile', () => {
  const schedule = scheduleOf([
    { device: 0, operations: 1 },
    { device: 0, operations: 1 },
    { device: 1, operations: 1, needs: [{ task: 0, bytes: 30 }] },
  ]);
  const handOver = { latency: 0.5, bytesPerSecond: 10, blocking: true };
  assert.deepEqual(startsOf(schedule, handOver), [0, 4, 4.5]);
  assert.deepEqual(startsOf(schedule, { ...handOver, blocking: false }), [0, 1, 4.5]);
});

test('what two tasks of a device need is handed over once', () => {
  const schedule = scheduleOf([
    { device: 0, operations: 1 },
    { device: 1, operations: 1, needs: [{ task: 0, bytes: 10 }] },
    { device: 1, operations: 1, needs: [{ task: 0, bytes: 10 }] },
  ]);
  assert.deepEqual(startsOf(schedule, { latency: 0, bytesPerSecond: 10, blocking: false }), [0, 2, 3]);
});

test('an order that waits for itself is an error, not an endless wait', () => {
  const { tasks, devices } = scheduleOf([
    { device: 0, operations: 1 },
    { device: 0, operations: 1, needs: [{ task: 0, bytes: 0 }] },
  ]);
  assert.throws(() => simulate({ tasks, devices, orders: [[...tasks].reverse()] }, { seconds, handOver: free }), /standstill after 0 of 2/);
});

const network = networkWith({ layers: 2, hidden: 16 }, 100);
const batch = { source: [24, 24, 24], target: [24, 24] };

test('where operations are all there is, data parallelism is as many times faster as there are devices', () => {
  const time = (devices: number) =>
    simulate(dataParallel(network, divideShape(batch, devices), { memories: 'shared' }), { seconds, handOver: free }).seconds;
  for (const devices of [2, 3, 4, 8]) assert.ok(Math.abs(time(1) / time(devices) - devices) < 1e-9);
});

test('what an update needs before its first task delays every device', () => {
  const schedule = scheduleOf([
    { device: 0, operations: 1 },
    { device: 1, operations: 2, needs: [{ task: 0, bytes: 0 }] },
  ]);
  const [at0, later] = [0, 5].map((beforehand) => simulate(schedule, { seconds, handOver: free, beforehand }));
  assert.equal(later?.seconds, (at0?.seconds ?? 0) + 5);
  assert.equal(later?.busySeconds, at0?.busySeconds);
});
