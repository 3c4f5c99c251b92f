import { execute, type HandOver, type Span } from './discrete-events.js';
import type { Schedule, Task, Work } from './schedule.js';

/** What tasks and hand-overs cost on some machine. */
export interface Costs {
  /** Seconds that a device computes for a task. */
  seconds(task: Task): number;
  readonly handOver: HandOver;
  /** Seconds of an update before any task: its batch and the messages that bring it. Default: 0. */
  readonly beforehand?: number;
  /** Seconds a task in which the devices of a pipeline make their schedule of an update. Default: 0. */
  readonly planning?: number;
}

/** How an update goes on some machine. Times are in seconds from its beginning. */
export interface Simulation {
  readonly seconds: number;
  /** By device, in order. */
  readonly spans: readonly (readonly Span<Task>[])[];
  /** Computing time of all devices together. */
  readonly busySeconds: number;
  /** Waiting before a device's first task and after its last, updates apart: filling and draining the pipeline. */
  readonly fillSeconds: number;
  /** All other waiting. */
  readonly waitingSeconds: number;
}

/** Executes exactly a schedule, each device in its order, a task as soon as what it needs has arrived. */
export function simulate(schedule: Schedule, { seconds, handOver, beforehand = 0 }: Costs): Simulation {
  const { tasks, devices, orders } = schedule;
  const done = new Int32Array(devices);
  const spans = execute(tasks, devices, {
    duration: seconds,
    begin: beforehand,
    handOver,
    next(device, ready) {
      const task = orders[device]?.[done[device] as number];
      if (task === undefined || !ready.includes(task)) return undefined;
      (done[device] as number)++;
      return task;
    },
  });
  const end = Math.max(...spans.map((of) => of.at(-1)?.end ?? 0));
  const busySeconds = spans.reduce((sum, of) => sum + of.reduce((busy, span) => busy + span.end - span.start, 0), 0);
  const fillSeconds = spans.reduce((sum, of) => sum + idleAtTheEnds(of, end), 0);
  return { seconds: end, spans, busySeconds, fillSeconds, waitingSeconds: devices * end - busySeconds - fillSeconds };
}

/** What follows once nothing is left in the pipeline. */
const afterwards: readonly Work['kind'][] = ['norm', 'update', 'gather'];

function idleAtTheEnds(spans: readonly Span<Task>[], end: number): number {
  const isOwn = ({ task }: Span<Task>) => !afterwards.includes(task.work.kind);
  const [first, last] = [spans.find(isOwn), spans.findLast(isOwn)];
  if (first === undefined || last === undefined) return end - spans.reduce((busy, span) => busy + span.end - span.start, 0);
  const after = spans.reduce((busy, span) => busy + (span.start >= last.end ? span.end - span.start : 0), 0);
  return first.start + (end - last.end - after);
}
