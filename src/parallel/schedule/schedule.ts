import { execute, type Node } from './discrete-events.js';
import type { NetworkStage } from './network.js';
import type { Range } from './placement.js';

/** The sentences that are still running at each step of a batch; see `SequenceLayout.active`. */
export interface BatchShape {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

/**
 * What a task does:
 * - `forward`   a stage over a stretch of steps; of the output: logits, each row's maximum and sum of exponentials
 * - `combine`   the log-sum-exp of every row over the whole vocabulary, from those sums, and the loss
 * - `backward`  the gradient of what the stage was given; the output's needs the log-sum-exp
 * - `weights`   the gradient of the weights, where `backward` put it off
 * - `reduce`    adds a device's share of the gradients of the others to its own, and sums the squares for clipping
 * - `norm`      the sum of squares of a device's gradients, where nothing is reduced
 * - `update`    the optimizer, over `values` parameters
 * - `gather`    receives the parameters that the others updated
 */
export type Work = StageWork | CombineWork | ValuesWork;

export interface ValuesWork {
  readonly kind: 'reduce' | 'norm' | 'update' | 'gather';
  readonly values: number;
}

/** A stretch of a micro-batch. */
interface StretchWork {
  readonly microBatch: number;
  readonly steps: Range;
  /** Sentences times steps. */
  readonly rows: number;
}

export interface StageWork extends StretchWork {
  readonly kind: 'forward' | 'backward' | 'weights';
  readonly stage: NetworkStage;
  /** Whether `backward` also computes the gradient of the weights. */
  readonly withWeights: boolean;
  /** Whether this stage does this kind of work for the first time in an update, on this device: then it packs its weights. */
  readonly isFirst: boolean;
}

export interface CombineWork extends StretchWork {
  readonly kind: 'combine';
  /** Of the vocabulary. */
  readonly slices: number;
}

export interface Task extends Node {
  readonly work: Work;
  /** Estimated cost: floating-point operations of its matrix products. */
  readonly operations: number;
}

/** One update as a graph of tasks, and the order in which each device does its own. */
export interface Schedule {
  readonly devices: number;
  readonly tasks: readonly Task[];
  readonly orders: readonly (readonly Task[])[];
}

/**
 * How a device chooses between tasks that it could begin:
 * - `diagonal`  what the longest chain of work still waits for: layers work on a diagonal through time
 * - `gpipe`     every micro-batch forward, then every one backward (Huang et al. 2019, figure 2c)
 * - `1f1b`      backward as soon as it can, no more micro-batches under way than devices (Narayanan et al. 2019, section 3.2; here all end
 *               before the update)
 */
export type Order = 'diagonal' | 'gpipe' | '1f1b';

/** Fixes each device's order by letting the graph unfold with estimated costs, so that no order can wait for itself. */
export function ordered(tasks: readonly Task[], devices: number, order: Order): Schedule {
  const remaining = new Float64Array(tasks.length);
  for (let id = tasks.length - 1; id >= 0; id--) {
    const { operations, needs } = tasks[id] as Task;
    (remaining[id] as number) += operations;
    for (const { task } of needs) remaining[task] = Math.max(remaining[task] as number, remaining[id] as number);
  }
  const rank = ({ work: { kind } }: Task): number => {
    if (kind === 'weights') return 2;
    if (order === 'gpipe') return kind === 'forward' ? 0 : 1;
    if (order === '1f1b') return kind === 'forward' ? 1 : 0;
    return 0;
  };
  const before = (a: Task, b: Task) => rank(a) - rank(b) || (remaining[b.id] as number) - (remaining[a.id] as number) || a.id - b.id;
  const spans = execute(tasks, devices, {
    duration: ({ operations }) => operations,
    handOver: { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false },
    next: (_device, ready) => ready.reduce((best, task) => (before(task, best) < 0 ? task : best)),
  });
  return { devices, tasks, orders: spans.map((of) => of.map(({ task }) => task)) };
}

/** Sentences of equal length. */
export function evenBatch(sentences: number, source: number, target: number): BatchShape {
  return { source: new Array<number>(source).fill(sentences), target: new Array<number>(target).fill(sentences) };
}

/** Parts of a batch of nearly equal work: at every step each part has its share of the sentences that are running. */
export function divideShape({ source, target }: BatchShape, parts: number): BatchShape[] {
  return Array.from({ length: parts }, (_, part) => {
    const shareOfStep = (active: number) => Math.floor((active + parts - 1 - part) / parts);
    return { source: source.map(shareOfStep), target: target.map(shareOfStep) };
  });
}

/** Sentences times steps. */
export function rowsOf(active: readonly number[]): number {
  return active.reduce((sum, sentences) => sum + sentences, 0);
}

/** Share of a schedule's operations that each device does. */
export function operationShares({ tasks, devices }: Schedule): number[] {
  const operations = new Float64Array(devices);
  for (const task of tasks) (operations[task.device] as number) += task.operations;
  const all = operations.reduce((sum, count) => sum + count, 0);
  return Array.from(operations, (count) => (all === 0 ? 0 : count / all));
}
