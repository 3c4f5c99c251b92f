import type { Gradients, LearntParameter } from '../../nn/parameters.js';
import type { Device } from '../../tensor/device.js';
import type { Memory } from '../../tensor/memory.js';
import { TouchedRows } from '../../tensor/touched-rows.js';
import { type Group, mostSummed, type SummedGradients } from '../../training/group.js';
import type { Shares } from '../../training/optimizer.js';
import { PieceExchange } from './piece-exchange.js';
import type { RanksMeeting } from './ranks-meeting.js';
import { RowExchange } from './row-exchange.js';
import type { ThreadGroup } from './threads.js';
import { WirePlan } from './wire-plan.js';
import { WireValues } from './wire-values.js';
import { partsFrom, Wire } from './wire.js';

/**
 * Devices of several processes. Those of a process sum their gradients on their memory, piece by piece while backward goes on; each rank
 * gets from the others what its devices update, adds it in the order of ranks, and gives the others what became of it. Lists of touched
 * rows go to all ranks, which merge them in the order of ranks: so each has the same sum, and updates whole tables.
 */
export class RanksGroup implements Group {
  readonly rank: number;
  readonly shares: Shares;
  readonly #local: ThreadGroup;
  readonly #meeting: RanksMeeting;
  readonly #wire: Wire;
  readonly #plan: WirePlan;
  /** Sums of the dense ones, and the lists of all ranks. */
  readonly #summed: readonly LearntParameter[];
  readonly #pieces: PieceExchange;
  readonly #rows: RowExchange;
  /** The first ticket of this update, and the next. */
  #ticket = 0;
  #sums = 0;

  /** `gradients`: of each device of this rank. */
  constructor(local: ThreadGroup, gradients: readonly Gradients[], device: Device, meeting: RanksMeeting) {
    const all = gradients.map((each) => [...each]);
    const [first = []] = all;
    this.#local = local;
    this.#meeting = meeting;
    this.#wire = new Wire(meeting.wire);
    this.#plan = new WirePlan(
      first.map(({ parameter }) => parameter),
      meeting,
      meeting.room,
    );
    this.#summed = first.map((learnt) => ({ ...learnt, gradient: mergedList(device.memory, learnt, meeting) ?? learnt.gradient }));
    const values = new WireValues(device, meeting.communication);
    const common = { local, meeting, plan: this.#plan, wire: this.#wire, values, device, gradients: all };
    this.#pieces = new PieceExchange(common);
    this.#rows = new RowExchange({ ...common, summed: this.#summed });
    this.rank = this.#plan.firstDevice + local.rank;
    this.shares = { values: { part: this.rank, parts: this.#plan.allDevices }, rows: local.shares.rows };
  }

  get size(): number {
    return this.#plan.allDevices;
  }

  barrier(): void {
    this.beginSum([])();
  }

  beginSum(values: readonly number[]): () => number[] {
    const finish = this.#local.beginSum(values);
    return () => {
      const own = finish();
      const ticket = this.#ticket++;
      const { rank, devices, wire } = this.#meeting;
      const parts = partsFrom(
        this.#plan.sums[(this.#sums++ % 2) as 0 | 1],
        devices.map(() => 2 * mostSummed),
      );
      const all = parts.at.map((at) => new Float64Array(wire.memory.buffer, 4 * at, mostSummed));
      if (this.#leads) {
        all[rank]?.set(own);
        this.#wire.leave(ticket, { kind: 'gather', parts });
      }
      this.#wire.wait(ticket);
      return values.map((_, index) => all.reduce((total, ofRank) => total + (ofRank[index] as number), 0));
    };
  }

  announce(index: number): void {
    this.#pieces.announce(index, this.#ticket);
  }

  reduceScatter(device: Device): SummedGradients {
    const first = this.#ticket;
    this.#pieces.announceAll(first);
    this.#local.barrier();
    this.#pieces.sendRest(first);
    const merged = this.#rows.merge(first + this.#pieces.tickets);
    this.#ticket = merged.ticket;
    this.#pieces.receiveRest(first);
    this.#local.barrier();
    this.#pieces.remember();
    let { squares } = merged;
    this.#pieces.forEachOwn(({ index, start, end }) => {
      const { gradient } = this.#summed[index] as LearntParameter;
      squares += device.kernels.sumOfSquares(gradient.offset + 4 * start, end - start);
    });
    return { gradients: this.#summed, squares };
  }

  gatherParameters(): void {
    this.#local.barrier();
    const first = this.#ticket;
    this.#ticket += this.#pieces.tickets;
    if (this.#leads) for (const { gradient } of this.#summed) if (gradient instanceof TouchedRows) gradient.count = 0;
    this.#pieces.gather(first);
    this.#local.barrier();
  }

  /** Whether this device leaves what only one of a process does. */
  get #leads(): boolean {
    return this.#local.rank === 0;
  }
}

function mergedList(memory: Memory, { parameter: { name, shape } }: LearntParameter, { merged }: RanksMeeting): TouchedRows | undefined {
  const offset = merged[name];
  const [rows = 0, columns = 0] = shape;
  return offset === undefined ? undefined : new TouchedRows(memory, rows, columns, offset);
}
