import { DecadeError } from '../../core/errors.js';

/** Int32 values that each device has for itself: a cache line, so that no device's writing disturbs another's reading. */
const lineFields = 16;
const field = { count: 0, results: 1 } as const;
/** Float64 values of a line, behind those. */
const sumFields = { squares: 1, loss: 2 } as const;
/** Loads before a waiting thread sleeps; see `Barrier`. */
const spins = 20_000;

/** A block for so many devices. */
export function completionBlock(devices: number): SharedArrayBuffer {
  return new SharedArrayBuffer((devices + 1) * lineFields * 4);
}

/**
 * How far each device is in its order of tasks: one number a device, which only it raises. Whoever needs a task waits until
 * that number has passed the task's place, then reads what the task left in its device's memory.
 */
export class Completion {
  readonly #fields: Int32Array;
  readonly #sums: Float64Array;
  readonly #devices: number;

  constructor(block: SharedArrayBuffer, devices: number) {
    this.#fields = new Int32Array(block);
    this.#sums = new Float64Array(block);
    this.#devices = devices;
  }

  /** Tells that a device has ended its next task. */
  raise(device: number): void {
    Atomics.add(this.#fields, device * lineFields + field.count, 1);
    Atomics.notify(this.#fields, device * lineFields + field.count);
  }

  /**
   * Waits until a device has ended `count` tasks in all. Spins briefly, then sleeps.
   *
   * @throws DecadeError `resource` when a device has stopped, which would never be
   */
  wait(device: number, count: number): void {
    const fields = this.#fields;
    const at = device * lineFields + field.count;
    // The difference is right also when the count has passed 2^31.
    const isThere = () => ((Atomics.load(fields, at) - count) | 0) >= 0;
    for (let spin = 0; spin < spins; spin++) if (isThere()) return;
    while (!isThere()) {
      if (Atomics.load(fields, this.#devices * lineFields) !== 0) {
        throw new DecadeError('resource', { where: 'devices', received: 'another device has stopped' });
      }
      const seen = Atomics.load(fields, at);
      if (((seen - count) | 0) < 0) Atomics.wait(fields, at, seen, 100);
    }
  }

  /** Ends every wait with an error, for good. */
  break(): void {
    Atomics.store(this.#fields, this.#devices * lineFields, 1);
    for (let device = 0; device < this.#devices; device++) Atomics.notify(this.#fields, device * lineFields + field.count);
  }

  /** Byte offset, in its memory, of the list of a device's results: set before its first task ends. */
  resultsOf(device: number): number {
    return Atomics.load(this.#fields, device * lineFields + field.results) >>> 0;
  }
  setResults(device: number, offset: number): void {
    Atomics.store(this.#fields, device * lineFields + field.results, offset);
  }

  /** What a device's part of the gradient and of the loss add up to: set before its `norm` ends. */
  sumsOf(device: number): { squares: number; loss: number } {
    const line = (device * lineFields) / 2;
    return { squares: this.#sums[line + sumFields.squares] as number, loss: this.#sums[line + sumFields.loss] as number };
  }
  setSums(device: number, { squares, loss }: { squares: number; loss: number }): void {
    const line = (device * lineFields) / 2;
    this.#sums[line + sumFields.squares] = squares;
    this.#sums[line + sumFields.loss] = loss;
  }
}
