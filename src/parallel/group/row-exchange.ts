import type { LearntParameter } from '../../nn/parameters.js';
import type { Device } from '../../tensor/device.js';
import { TouchedRows } from '../../tensor/touched-rows.js';
import { addRows } from '../../training/exchange.js';
import type { RanksMeeting } from './ranks-meeting.js';
import type { ThreadGroup } from './threads.js';
import type { TablePlan, WirePlan } from './wire-plan.js';
import { type WireValues, wordsOf } from './wire-values.js';
import { placeOfPart, type Wire } from './wire.js';

export interface RowExchangeOptions {
  readonly local: ThreadGroup;
  readonly meeting: RanksMeeting;
  readonly plan: WirePlan;
  readonly wire: Wire;
  readonly values: WireValues;
  readonly device: Device;
  /** Of each device of this rank. */
  readonly gradients: readonly (readonly LearntParameter[])[];
  /** The lists of all ranks. */
  readonly summed: readonly LearntParameter[];
}

/** Gives each rank the touched rows of all. Each merges them in the order of ranks, so that all have the same sum. */
export class RowExchange {
  readonly #options: RowExchangeOptions;
  readonly #integers: Int32Array;

  constructor(options: RowExchangeOptions) {
    this.#options = options;
    this.#integers = new Int32Array(options.meeting.wire.words);
  }

  /**
   * Merges the lists of all devices of all ranks.
   *
   * @param ticket  the first that is free
   * @returns       the sum of squares of those lists that fall to this device, once for all ranks; and the ticket that is free then
   */
  merge(ticket: number): { readonly squares: number; readonly ticket: number } {
    const { local, meeting, plan, wire, device, gradients, summed } = this.#options;
    const { tables, counts } = plan;
    if (tables.length === 0) return { squares: 0, ticket };
    const [first = [], ...others] = gradients;
    // As `partsToSum` divides them.
    const ofDevice = tables.filter(({ index }) => index % local.size === local.rank);
    for (const { index } of ofDevice) {
      const own = rowsOf(first[index]);
      for (const other of others) addRows(device, own, rowsOf(other[index]));
      this.#integers[counts + meeting.rank * tables.length + tables.findIndex((table) => table.index === index)] = own.count;
    }
    local.barrier();
    let next = ticket + 1;
    if (local.rank === 0) {
      wire.leave(ticket, { kind: 'gather', parts: counts, words: meeting.devices.map(() => tables.length) });
    }
    wire.wait(ticket);
    let squares = 0;
    for (const [number, table] of tables.entries()) {
      const ofRanks = meeting.devices.map((_, rank) => this.#integers[counts + rank * tables.length + number] as number);
      const rounds = Math.ceil(Math.max(...ofRanks) / table.rowsAtOnce);
      const start = next;
      next += rounds;
      if (!ofDevice.includes(table)) continue;
      for (let round = 0; round < rounds; round++) this.#exchange(start + round, table, round, ofRanks);
      rowsOf(first[table.index]).clear();
      const merged = rowsOf(summed[table.index]);
      // Every rank has the whole list: its squares count once.
      if (meeting.rank === 0) squares += device.kernels.sumOfSquares(merged.table.offset, merged.table.size);
    }
    return { squares, ticket: next };
  }

  #exchange(ticket: number, { index, columns, rowsAtOnce, parts }: TablePlan, round: number, ofRanks: readonly number[]): void {
    const { meeting, wire, values, device, gradients, summed } = this.#options;
    const from = round * rowsAtOnce;
    const rows = ofRanks.map((count) => Math.min(rowsAtOnce, Math.max(0, count - from)));
    const own = rowsOf(gradients[0]?.[index]);
    const count = rows[meeting.rank] as number;
    const words = rows.map((each) => each + wordsOf(each * columns, meeting.communication));
    // A rank's part: the ids, then the rows.
    const place = placeOfPart({ parts, words }, meeting.rank);
    this.#integers.set(own.touched.i32.subarray(from, from + count), place);
    values.write(own.table.f32.subarray(from * columns, (from + count) * columns), place + count);
    wire.leave(ticket, { kind: 'gather', parts, words });
    wire.wait(ticket);
    const { memory, kernels } = device;
    const merged = rowsOf(summed[index]);
    const block = memory.allocate(4 * Math.max(...rows) * (1 + columns));
    let at = parts;
    for (const [rank, each] of rows.entries()) {
      const table = block.offset + 4 * each;
      memory.i32.set(this.#integers.subarray(at, at + each), block.offset / 4);
      values.read(memory.f32.subarray(table / 4, table / 4 + each * columns), at + each);
      const room = merged.reserve(each);
      const { slots, count: before } = merged;
      merged.count = kernels.addToTouchedRows(room.table, room.touched, before, slots.offset, block.offset, table, each, columns);
      at += words[rank] as number;
    }
    memory.free(block);
  }
}

function rowsOf(learnt: LearntParameter | undefined): TouchedRows {
  if (!(learnt?.gradient instanceof TouchedRows)) throw new Error('no list of touched rows');
  return learnt.gradient;
}
