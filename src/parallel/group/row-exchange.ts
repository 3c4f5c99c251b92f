import type { LearntParameter } from '../../nn/parameters.js';
import type { Device } from '../../tensor/device.js';
import { TouchedRows } from '../../tensor/touched-rows.js';
import { addRows } from '../../training/exchange.js';
import type { RanksMeeting } from './ranks-meeting.js';
import type { ThreadGroup } from './threads.js';
import type { TablePlan, WirePlan } from './wire-plan.js';
import { type WireValues, wordsOf } from './wire-values.js';
import { partsFrom, type Wire } from './wire.js';

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

  constructor(options: RowExchangeOptions) {
    this.#options = options;
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
      device.memory.i32[counts + meeting.rank * tables.length + tables.findIndex((table) => table.index === index)] = own.count;
    }
    local.barrier();
    let next = ticket + 1;
    if (local.rank === 0) {
      const parts = partsFrom(
        counts,
        meeting.devices.map(() => tables.length),
      );
      wire.leave(ticket, { kind: 'gather', parts });
    }
    wire.wait(ticket);
    let squares = 0;
    for (const [number, table] of tables.entries()) {
      const ofRanks = meeting.devices.map((_, rank) => device.memory.i32[counts + rank * tables.length + number] as number);
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

  #exchange(ticket: number, { index, columns, rowsAtOnce, parts: start }: TablePlan, round: number, ofRanks: readonly number[]): void {
    const { meeting, wire, values, device, gradients, summed } = this.#options;
    const { memory, kernels } = device;
    const from = round * rowsAtOnce;
    const rows = ofRanks.map((count) => Math.min(rowsAtOnce, Math.max(0, count - from)));
    const own = rowsOf(gradients[0]?.[index]);
    const count = rows[meeting.rank] as number;
    const parts = partsFrom(
      start,
      rows.map((each) => each + wordsOf(each * columns, meeting.communication)),
    );
    // A rank's part: the ids, then the rows.
    const place = parts.at[meeting.rank] as number;
    kernels.copy(4 * place, own.touched.offset + 4 * from, 4 * count);
    values.write(place + count, own.table.offset + 4 * from * columns, count * columns);
    wire.leave(ticket, { kind: 'gather', parts });
    wire.wait(ticket);
    const merged = rowsOf(summed[index]);
    const table = memory.allocate(4 * Math.max(...rows) * columns);
    for (const [rank, each] of rows.entries()) {
      const at = parts.at[rank] as number;
      values.read(table.offset, at + each, each * columns);
      const room = merged.reserve(each);
      const { slots, count: before } = merged;
      merged.count = kernels.addToTouchedRows(room.table, room.touched, before, slots.offset, 4 * at, table.offset, each, columns);
    }
    memory.free(table);
  }
}

function rowsOf(learnt: LearntParameter | undefined): TouchedRows {
  if (!(learnt?.gradient instanceof TouchedRows)) throw new Error('no list of touched rows');
  return learnt.gradient;
}
