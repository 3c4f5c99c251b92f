import type { Gradients } from '../../nn/parameters.js';
import type { Device } from '../../tensor/device.js';
import { sumGradients } from '../../training/exchange.js';
import { type Group, mostSummed, type SummedGradients } from '../../training/group.js';
import type { Shares } from '../../training/optimizer.js';
import { Barrier, barrierFields, type Waited } from './barrier.js';

const cacheLine = 64;
/** A rank may begin a sum while another still reads the one before it. */
const sumsUnderWay = 2;

/** A block through which a group of so many threads meets. */
export function meetingPlace(size: number): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * cacheLine + sumsUnderWay * size * mostSummed * 8);
}

/** The block as every thread sees it: where they wait for each other, and what they sum. */
export class Meeting {
  readonly size: number;
  readonly barrier: Barrier;
  /** A barrier of their own, so that others may be passed while a sum is under way. */
  readonly sums: Barrier;
  readonly #values: Float64Array;

  constructor(block: SharedArrayBuffer, size: number, waited?: Waited) {
    this.size = size;
    this.barrier = new Barrier(new Int32Array(block, 0, barrierFields), size, waited);
    this.sums = new Barrier(new Int32Array(block, cacheLine, barrierFields), size, waited);
    this.#values = new Float64Array(block, 2 * cacheLine, sumsUnderWay * size * mostSummed);
  }

  /** The numbers that a rank contributes to a sum. */
  valuesOf(sum: number, rank: number): Float64Array {
    const start = ((sum % sumsUnderWay) * this.size + rank) * mostSummed;
    return this.#values.subarray(start, start + mostSummed);
  }

  /** Wakes every waiting thread with an error, for good. */
  break(): void {
    this.barrier.break();
    this.sums.break();
  }
}

/** Threads on one shared memory: gradients are summed into those of rank 0, and there is one copy of the parameters. */
export class ThreadGroup implements Group {
  readonly rank: number;
  readonly #meeting: Meeting;
  readonly #gradients: readonly Gradients[];
  #sums = 0;

  /** `gradients`: of every rank, by rank. */
  constructor(meeting: Meeting, rank: number, gradients: readonly Gradients[]) {
    this.#meeting = meeting;
    this.rank = rank;
    this.#gradients = gradients;
  }

  get size(): number {
    return this.#meeting.size;
  }

  get shares(): Shares {
    const share = { part: this.rank, parts: this.size };
    return { values: share, rows: share };
  }

  announce(): void {}

  barrier(): void {
    this.#meeting.barrier.wait();
  }

  beginSum(values: readonly number[]): () => number[] {
    if (values.length > mostSummed) throw new RangeError(`${values.length} numbers to sum at once; at most ${mostSummed}`);
    const { size, sums } = this.#meeting;
    const sum = this.#sums++;
    this.#meeting.valuesOf(sum, this.rank).set(values);
    const arrival = sums.arrive();
    return () => {
      sums.pass(arrival);
      const all = Array.from({ length: size }, (_, rank) => this.#meeting.valuesOf(sum, rank));
      return values.map((_, index) => all.reduce((total, ofRank) => total + (ofRank[index] as number), 0));
    };
  }

  reduceScatter(device: Device): SummedGradients {
    this.barrier();
    const squares = sumGradients(device, this.#gradients, { part: this.rank, parts: this.size });
    return { gradients: this.#gradients[0] as Gradients, squares };
  }

  gatherParameters(): void {
    this.barrier();
  }
}
