import { execute, type HandOver, type Span } from '../schedule/discrete-events.js';
import type { Schedule, Task, Work } from '../schedule/schedule.js';

/** What tasks and hand-overs cost on some machine. */
export interface Costs {
  /** Seconds that a device computes for a task. */
  seconds(task: Task): number;
  readonly handOver: HandOver;
  /** Seconds of an update before any task: its batch and the messages that bring it. Default: 0. */
  readonly beforehand?: number;
  /** Seconds a task in which the devices of a pipeline make their schedule of an update. Default: 0. */
  readonly planning?: number;
  /** Seconds in which a value is rounded to bfloat16, or widened. Default: 0. */
  readonly conversion?: number;
}

/** A stretch of time in which a device waits for gradients or parameters that are on their way. */
export interface Transfer {
  readonly start: number;
  readonly end: number;
  /** What is waited for. */
  readonly kind: Exchange;
}

/** Tasks of the exchange between replicas. */
export type Exchange = Extract<Work['kind'], 'reduce' | 'gather'>;

/** How an update goes on some machine. Times are in seconds from its beginning; those of a kind are sums over all devices. */
export interface Simulation {
  readonly seconds: number;
  /** By device, in order. */
  readonly spans: readonly (readonly Span<Task>[])[];
  /** By device, in order: between its spans. */
  readonly transfers: readonly (readonly Transfer[])[];
  /** Computing, the exchange counted. */
  readonly busySeconds: number;
  /** Adding up the gradients of the other devices, and the transfers. */
  readonly exchangeSeconds: number;
  /** Waiting before a device's first stage and after its last, updates apart: filling and draining the pipeline. */
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
  const ends = new Float64Array(tasks.length);
  for (const { task, end } of spans.flat()) ends[task.id] = end;
  const idle = spans.map((of) => idleTime(of, beforehand, end, (task) => ends[task] as number));
  const lengthOf = (of: readonly { readonly start: number; readonly end: number }[]) =>
    of.reduce((sum, { start, end }) => sum + end - start, 0);
  const busySeconds = spans.reduce((sum, of) => sum + lengthOf(of), 0);
  const fillSeconds = idle.reduce((sum, { fill }) => sum + fill, 0);
  const transferSeconds = idle.reduce((sum, { transfers }) => sum + lengthOf(transfers), 0);
  const summing = spans.reduce((sum, of) => sum + lengthOf(of.filter(({ task }) => isExchange(task.work.kind))), 0);
  return {
    seconds: end,
    spans,
    transfers: idle.map(({ transfers }) => transfers),
    busySeconds,
    exchangeSeconds: summing + transferSeconds,
    fillSeconds,
    waitingSeconds: Math.max(0, devices * end - busySeconds - fillSeconds - transferSeconds),
  };
}

function isExchange(kind: Work['kind']): kind is Exchange {
  return kind === 'reduce' || kind === 'gather';
}

/** What a device waits for between its tasks; `endOf` a task on any device. */
function idleTime(
  spans: readonly Span<Task>[],
  begin: number,
  end: number,
  endOf: (task: number) => number,
): { fill: number; transfers: Transfer[] } {
  const isOfPipeline = (span: Span<Task> | undefined) => span === undefined || 'microBatch' in span.task.work;
  const transfers: Transfer[] = [];
  let fill = 0;
  let before: Span<Task> | undefined;
  let hasBegun = false;
  for (const span of spans) {
    const { kind } = span.task.work;
    const free = before?.end ?? begin;
    if (isExchange(kind)) {
      const start = Math.max(free, ...span.task.needs.map(({ task }) => endOf(task)));
      if (span.start > start) transfers.push({ start, end: span.start, kind });
    } else if (isOfPipeline(span) ? !hasBegun : isOfPipeline(before)) fill += span.start - free;
    hasBegun ||= isOfPipeline(span);
    before = span;
  }
  if (isOfPipeline(before)) fill += end - (before?.end ?? begin);
  return { fill, transfers };
}
