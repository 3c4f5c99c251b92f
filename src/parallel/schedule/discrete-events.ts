import { PriorityQueue } from '../../text/priority-queue.js';

/** A node of a graph of tasks. */
export interface Node {
  /** Place in the list of all; needed ones have lower numbers. */
  readonly id: number;
  readonly device: number;
  readonly needs: readonly Need[];
}

export interface Need {
  /** Number of the task that must be over. */
  readonly task: number;
  /** What it hands over, when it was done on another device. */
  readonly bytes: number;
}

/** How results reach another device: each sends one thing at a time and receives one at a time, over a link of its own. */
export interface HandOver {
  /** Seconds before the first byte. */
  readonly latency: number;
  /** Of a link, in each direction. */
  readonly bytesPerSecond: number;
  /** Whether a device waits until what it made is handed over, instead of computing meanwhile. */
  readonly blocking: boolean;
}

/** What decides how a graph of tasks unfolds in time. */
export interface Machine<Task extends Node> {
  /** When every device begins. Default: 0. */
  readonly begin?: number;
  /** In the unit of time that `handOver` has. */
  duration(task: Task): number;
  readonly handOver: HandOver;
  /** What an idle device does next among the tasks that it could begin; undefined: it waits for another. */
  next(device: number, ready: readonly Task[]): Task | undefined;
}

/** A task as it was executed. */
export interface Span<Task extends Node> {
  readonly task: Task;
  readonly start: number;
  readonly end: number;
}

/** What a task hands over to another device, and the tasks there that wait for it. */
interface PendingHandOver<Task extends Node> {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  readonly tasks: readonly Task[];
}

/** Executes a graph event by event; gives the spans of each device in their order. Deterministic. */
export function execute<Task extends Node>(tasks: readonly Task[], devices: number, machine: Machine<Task>): Span<Task>[][] {
  const execution = new Execution(tasks, devices, machine);
  const spans = execution.run();
  const done = spans.reduce((sum, of) => sum + of.length, 0);
  if (done < tasks.length) throw new Error(`a schedule came to a standstill after ${done} of ${tasks.length} tasks`);
  return spans;
}

class Execution<Task extends Node> {
  readonly #devices: number;
  readonly #machine: Machine<Task>;
  readonly #spans: Span<Task>[][];
  /** Tasks that could begin, by device. */
  readonly #ready: Task[][];
  readonly #isBusy: Uint8Array;
  /** Needs that have not arrived, by task. */
  readonly #missing: Int32Array;
  readonly #consumers: PendingHandOver<Task>[][];
  readonly #links: { readonly waiting: PendingHandOver<Task>[][]; readonly isSending: Uint8Array; readonly isReceiving: Uint8Array };
  #now: number;
  #number = 0;
  /** Of events at the same time the one that was caused first comes first. */
  readonly #events = new PriorityQueue<{ time: number; number: number; happen: () => void }>(
    (a, b) => a.time < b.time || (a.time === b.time && a.number < b.number),
  );

  constructor(tasks: readonly Task[], devices: number, machine: Machine<Task>) {
    const lists = <Item>() => Array.from({ length: devices }, (): Item[] => []);
    this.#devices = devices;
    this.#machine = machine;
    this.#now = machine.begin ?? 0;
    this.#spans = lists();
    this.#ready = lists();
    this.#isBusy = new Uint8Array(devices);
    this.#missing = Int32Array.from(tasks, ({ needs }) => needs.length);
    this.#consumers = consumersOf(tasks, devices);
    this.#links = { waiting: lists(), isSending: new Uint8Array(devices), isReceiving: new Uint8Array(devices) };
    for (const task of tasks) if (task.needs.length === 0) (this.#ready[task.device] as Task[]).push(task);
  }

  run(): Span<Task>[][] {
    for (let device = 0; device < this.#devices; device++) this.#begin(device);
    for (let event = this.#events.pop(); event !== undefined; event = this.#events.pop()) {
      this.#now = event.time;
      event.happen();
    }
    return this.#spans;
  }

  #after(seconds: number, happen: () => void): void {
    this.#events.push({ time: this.#now + seconds, number: this.#number++, happen });
  }

  #begin(device: number): void {
    const ready = this.#ready[device] as Task[];
    if (this.#isBusy[device] === 1 || ready.length === 0) return;
    const task = this.#machine.next(device, ready);
    if (task === undefined) return;
    ready.splice(ready.indexOf(task), 1);
    this.#isBusy[device] = 1;
    const seconds = this.#machine.duration(task);
    (this.#spans[device] as Span<Task>[]).push({ task, start: this.#now, end: this.#now + seconds });
    this.#after(seconds, () => this.#end(task));
  }

  #end({ id, device }: Task): void {
    const { latency, bytesPerSecond, blocking } = this.#machine.handOver;
    const here: Task[] = [];
    for (const transfer of this.#consumers[id] as PendingHandOver<Task>[]) {
      if (transfer.to === device) here.push(...transfer.tasks);
      else if (transfer.bytes / bytesPerSecond === 0) this.#after(latency, () => this.#arrive(transfer.tasks));
      else this.#links.waiting[device]?.push(transfer);
    }
    this.#send(device);
    const isHeld = blocking && (this.#links.isSending[device] === 1 || this.#links.waiting[device]?.length !== 0);
    if (!isHeld) this.#isBusy[device] = 0;
    this.#arrive(here);
    this.#begin(device);
  }

  /** Begins a device's next transfer when its receiver is free. Each device sends in the order in which it computed. */
  #send(device: number): void {
    const { waiting, isSending, isReceiving } = this.#links;
    if (isSending[device] === 1) return;
    const queue = waiting[device] as PendingHandOver<Task>[];
    const [transfer] = queue;
    if (transfer === undefined || isReceiving[transfer.to] === 1) return;
    queue.shift();
    isSending[device] = 1;
    isReceiving[transfer.to] = 1;
    const { latency, bytesPerSecond, blocking } = this.#machine.handOver;
    this.#after(transfer.bytes / bytesPerSecond, () => {
      isSending[device] = 0;
      isReceiving[transfer.to] = 0;
      this.#after(latency, () => this.#arrive(transfer.tasks));
      // The device itself first, then whoever waits for the same receiver, in a fixed order.
      for (let other = 0; other < this.#devices; other++) this.#send((device + other) % this.#devices);
      if (!blocking || queue.length > 0 || isSending[device] === 1) return;
      this.#isBusy[device] = 0;
      this.#begin(device);
    });
  }

  #arrive(tasks: readonly Task[]): void {
    const reached = new Set<number>();
    for (const task of tasks) {
      if (--(this.#missing[task.id] as number) > 0) continue;
      (this.#ready[task.device] as Task[]).push(task);
      reached.add(task.device);
    }
    for (const device of reached) this.#begin(device);
  }
}

/** For each task what it hands over: once to each device, beginning with the next one, so that all do not send to the same. */
function consumersOf<Task extends Node>(tasks: readonly Task[], devices: number): PendingHandOver<Task>[][] {
  const byTask = tasks.map(() => new Map<number, { bytes: number; tasks: Task[] }>());
  for (const task of tasks) {
    for (const { task: needed, bytes } of task.needs) {
      const byDevice = byTask[needed] as Map<number, { bytes: number; tasks: Task[] }>;
      const known = byDevice.get(task.device);
      if (known === undefined) byDevice.set(task.device, { bytes, tasks: [task] });
      else {
        known.bytes = Math.max(known.bytes, bytes);
        known.tasks.push(task);
      }
    }
  }
  return tasks.map(({ id, device }) =>
    Array.from(byTask[id] as Map<number, { bytes: number; tasks: Task[] }>, ([to, consumed]) => ({ from: device, to, ...consumed })).sort(
      (a, b) => ((a.to - device + devices) % devices) - ((b.to - device + devices) % devices),
    ),
  );
}
