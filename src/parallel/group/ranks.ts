import type { Gradients, LearntParameter } from '../../nn/parameters.js';
import type { Device } from '../../tensor/device.js';
import type { Memory } from '../../tensor/memory.js';
import { TouchedRows } from '../../tensor/touched-rows.js';
import { addRows } from '../../training/exchange.js';
import { type Group, mostSummed, type SummedGradients } from '../../training/group.js';
import type { Shares } from '../../training/optimizer.js';
import type { Segment } from './pieces.js';
import type { ThreadGroup } from './threads.js';
import type { WireBlocks } from '../runtime.js';
import { Wire } from './wire.js';
import { type Placed, type TablePlan, WirePlan } from './wire-plan.js';

/** What devices of several ranks need to be a group. */
export interface RanksMeeting extends Placed {
  readonly wire: WireBlocks;
  /** Shared Int32 counters of this rank's devices, a piece each: how often it was announced in this update. */
  readonly announced: SharedArrayBuffer;
  /** Places of the lists, by parameter name, into which the touched rows of all ranks are merged. */
  readonly merged: { readonly [name: string]: number };
}

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
  readonly #words: Float32Array;
  readonly #integers: Int32Array;
  readonly #plan: WirePlan;
  readonly #announced: Int32Array;
  /** Of each device of this rank. */
  readonly #gradients: readonly (readonly LearntParameter[])[];
  /** Sums of the dense ones, and the lists of all ranks. */
  readonly #summed: readonly LearntParameter[];
  /** Pieces of which a learnt value is a member. */
  readonly #piecesOf: ReadonlyMap<number, readonly number[]>;
  readonly #device: Device;
  /** Announced by this device in this update. */
  readonly #final = new Set<number>();
  /** The first ticket of this update, and the next. */
  #ticket = 0;
  #sums = 0;

  constructor(local: ThreadGroup, gradients: readonly Gradients[], device: Device, meeting: RanksMeeting) {
    const all = gradients.map((each) => [...each]);
    const [first = []] = all;
    this.#local = local;
    this.#meeting = meeting;
    this.#device = device;
    this.#wire = new Wire(meeting.wire);
    this.#words = new Float32Array(meeting.wire.words);
    this.#integers = new Int32Array(meeting.wire.words);
    this.#announced = new Int32Array(meeting.announced);
    this.#plan = new WirePlan(
      first.map(({ parameter }) => parameter),
      meeting,
    );
    this.#gradients = all;
    this.#summed = first.map((learnt) => ({ ...learnt, gradient: mergedList(device.memory, learnt, meeting) ?? learnt.gradient }));
    const piecesOf = new Map<number, number[]>();
    for (const [piece, { members }] of this.#plan.pieces.entries()) {
      for (const member of members) piecesOf.set(member, [...(piecesOf.get(member) ?? []), piece]);
    }
    this.#piecesOf = piecesOf;
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
      const places = this.#plan.sums[(this.#sums++ % 2) as 0 | 1];
      const at = (word: number) => new Float64Array(this.#meeting.wire.words, 4 * word, mostSummed);
      const ticket = this.#ticket++;
      if (this.#leads) {
        at(places.send).set(own);
        this.#gather(ticket, places, this.#forEachRank(2 * mostSummed));
      }
      this.#wire.wait(ticket);
      const all = this.#meeting.devices.map((_, rank) => at(places.receive + rank * 2 * mostSummed));
      return values.map((_, index) => all.reduce((total, ofRank) => total + (ofRank[index] as number), 0));
    };
  }

  announce(index: number): void {
    if (this.#final.has(index)) return;
    this.#final.add(index);
    for (const piece of this.#piecesOf.get(index) ?? []) {
      const members = this.#plan.pieces[piece]?.members.length ?? 0;
      const awaited = members * this.#gradients.length;
      // Whoever comes last sums and sends for all.
      if (Atomics.add(this.#announced, piece, 1) !== awaited - 1) continue;
      Atomics.store(this.#announced, piece, 0);
      this.#send(piece);
    }
  }

  reduceScatter(device: Device): SummedGradients {
    for (const index of this.#piecesOf.keys()) this.announce(index);
    this.#final.clear();
    const first = this.#ticket;
    this.#ticket += this.#plan.pieces.length;
    this.#local.barrier();
    let squares = this.#mergeRows(device);
    for (const piece of this.#plan.pieces.keys()) {
      this.#wire.wait(first + piece);
      this.#receive(piece);
    }
    for (const { segments } of this.#plan.pieces) {
      for (const segment of segments[this.rank] ?? []) {
        squares += device.kernels.sumOfSquares(this.#address(this.#summed, segment), segment.end - segment.start);
      }
    }
    return { gradients: this.#summed, squares };
  }

  gatherParameters(): void {
    const { pieces, firstDevice } = this.#plan;
    const values = this.#summed.map(({ value }) => value.f32);
    const own = (piece: (typeof pieces)[number]) => this.#ofRank(piece, this.#meeting.rank);
    for (const piece of pieces) {
      let at = piece.incoming;
      for (const [device, segments] of own(piece).entries()) {
        for (const { index, start, end } of segments) {
          if (firstDevice + device === this.rank) this.#words.set((values[index] as Float32Array).subarray(start, end), at);
          at += end - start;
        }
      }
    }
    this.#local.barrier();
    const first = this.#ticket;
    this.#ticket += pieces.length;
    if (this.#leads) {
      for (const [number, piece] of pieces.entries()) {
        // Each side of a piece's places is now what the other was.
        const places = { send: piece.incoming, receive: piece.outgoing };
        this.#gather(first + number, places, this.#plan.valuesByRank(piece));
      }
      for (const { gradient } of this.#summed) if (gradient instanceof TouchedRows) gradient.count = 0;
    }
    for (const [number, piece] of pieces.entries()) {
      if (number % this.#local.size !== this.#local.rank) continue;
      this.#wire.wait(first + number);
      let at = piece.outgoing;
      for (const [device, segments] of piece.segments.entries()) {
        const isOwn = device >= firstDevice && device < firstDevice + this.#local.size;
        for (const { index, start, end } of segments) {
          if (!isOwn) (values[index] as Float32Array).set(this.#words.subarray(at, at + end - start), start);
          at += end - start;
        }
      }
    }
    this.#local.barrier();
  }

  /** Whether this device leaves what only one of a process does. */
  get #leads(): boolean {
    return this.#local.rank === 0;
  }

  #ofRank({ segments }: { readonly segments: readonly (readonly Segment[])[] }, rank: number): readonly (readonly Segment[])[] {
    const { first, end } = this.#plan.devicesOf(rank);
    return segments.slice(first, end);
  }

  /** Sums a piece of all devices of this rank, and sends to each rank what it updates. */
  #send(number: number): void {
    const piece = this.#plan.pieces[number];
    if (piece === undefined) return;
    const { kernels } = this.#device;
    const [first = [], ...others] = this.#gradients;
    let at = piece.outgoing;
    for (const rank of this.#meeting.devices.keys()) {
      for (const segment of this.#ofRank(piece, rank).flat()) {
        const count = segment.end - segment.start;
        const sum = this.#address(first, segment);
        for (const other of others) kernels.moveGradient(sum, this.#address(other, segment), count);
        if (rank === this.#meeting.rank) continue;
        this.#words.set(this.#values(first, segment), at);
        kernels.fill(sum, 0, count);
        at += count;
      }
    }
    const values = this.#plan.valuesByRank(piece);
    const isOwn = (rank: number) => rank === this.#meeting.rank;
    const own = values[this.#meeting.rank] as number;
    this.#wire.leave(this.#ticket + number, {
      kind: 'scatter',
      send: piece.outgoing,
      sent: values.map((count, rank) => (isOwn(rank) ? 0 : count)),
      receive: piece.incoming,
      received: values.map((_, rank) => (isOwn(rank) ? 0 : own)),
    });
  }

  /** Adds what other ranks sent of a piece to what this device updates: its own first, then theirs in order. */
  #receive(number: number): void {
    const piece = this.#plan.pieces[number];
    if (piece === undefined) return;
    let at = piece.incoming;
    for (const rank of this.#meeting.devices.keys()) {
      if (rank === this.#meeting.rank) continue;
      for (const [device, segments] of this.#ofRank(piece, this.#meeting.rank).entries()) {
        for (const segment of segments) {
          const count = segment.end - segment.start;
          if (device === this.#local.rank) add(this.#values(this.#summed, segment), this.#words, at);
          at += count;
        }
      }
    }
  }

  /** Merges the lists of touched rows of all ranks; returns the sum of squares of those that fall to this device, once for all ranks. */
  #mergeRows(device: Device): number {
    const { tables, counts } = this.#plan;
    if (tables.length === 0) return 0;
    const [first = [], ...others] = this.#gradients;
    // As `partsToSum` divides them.
    const ofDevice = tables.filter(({ index }) => index % this.#local.size === this.#local.rank);
    for (const { index } of ofDevice) {
      const own = rowsOf(first[index]);
      for (const other of others) addRows(device, own, rowsOf(other[index]));
      this.#integers[counts.send + tables.findIndex((table) => table.index === index)] = own.count;
    }
    this.#local.barrier();
    const ticket = this.#ticket++;
    if (this.#leads) this.#gather(ticket, counts, this.#forEachRank(tables.length));
    this.#wire.wait(ticket);
    let squares = 0;
    for (const [number, table] of tables.entries()) {
      const ofRanks = this.#meeting.devices.map((_, rank) => this.#integers[counts.receive + rank * tables.length + number] as number);
      const rounds = Math.ceil(Math.max(...ofRanks) / table.rowsAtOnce);
      const start = this.#ticket;
      this.#ticket += rounds;
      if (!ofDevice.includes(table)) continue;
      for (let round = 0; round < rounds; round++) this.#exchangeRows(start + round, table, round, ofRanks);
      rowsOf(first[table.index]).clear();
      const merged = rowsOf(this.#summed[table.index]);
      // Every rank has the whole list: its squares count once.
      if (this.#meeting.rank === 0) squares += device.kernels.sumOfSquares(merged.table.offset, merged.table.size);
    }
    return squares;
  }

  #exchangeRows(ticket: number, { index, columns, rowsAtOnce, send, receive }: TablePlan, round: number, ofRanks: readonly number[]): void {
    const from = round * rowsAtOnce;
    const rows = ofRanks.map((count) => Math.min(rowsAtOnce, Math.max(0, count - from)));
    const own = rowsOf(this.#gradients[0]?.[index]);
    const count = rows[this.#meeting.rank] as number;
    // A rank's part: the ids, then the rows.
    this.#integers.set(own.touched.i32.subarray(from, from + count), send);
    this.#words.set(own.table.f32.subarray(from * columns, (from + count) * columns), send + count);
    const words = rows.map((each) => each * (1 + columns));
    this.#gather(ticket, { send, receive }, words);
    this.#wire.wait(ticket);
    const { memory, kernels } = this.#device;
    const merged = rowsOf(this.#summed[index]);
    const block = memory.allocate(4 * Math.max(...words));
    let at = receive;
    for (const [rank, each] of rows.entries()) {
      const part = words[rank] as number;
      memory.f32.set(this.#words.subarray(at, at + part), block.offset / 4);
      const room = merged.reserve(each);
      const { slots, count: before } = merged;
      const table = block.offset + 4 * each;
      merged.count = kernels.addToTouchedRows(room.table, room.touched, before, slots.offset, block.offset, table, each, columns);
      at += part;
    }
    memory.free(block);
  }

  /** Has a rank's part, of so many words each, given to all ranks. */
  #gather(ticket: number, { send, receive }: { send: number; receive: number }, words: readonly number[]): void {
    const sent = words.map((count, rank) => (rank === this.#meeting.rank ? count : 0));
    this.#wire.leave(ticket, { kind: 'gather', send, sent, receive, received: words });
  }

  #forEachRank(words: number): number[] {
    return this.#meeting.devices.map(() => words);
  }

  #address(learnt: readonly LearntParameter[], { index, start }: Segment): number {
    return (learnt[index] as LearntParameter).gradient.offset + 4 * start;
  }

  #values(learnt: readonly LearntParameter[], segment: Segment): Float32Array {
    const from = this.#address(learnt, segment) / 4;
    return this.#device.memory.f32.subarray(from, from + segment.end - segment.start);
  }
}

function rowsOf(learnt: LearntParameter | undefined): TouchedRows {
  if (!(learnt?.gradient instanceof TouchedRows)) throw new Error('no list of touched rows');
  return learnt.gradient;
}

function mergedList(memory: Memory, { parameter: { name, shape } }: LearntParameter, { merged }: RanksMeeting): TouchedRows | undefined {
  const offset = merged[name];
  const [rows = 0, columns = 0] = shape;
  return offset === undefined ? undefined : new TouchedRows(memory, rows, columns, offset);
}

/** sum += words from `at` on */
function add(sum: Float32Array, words: Float32Array, at: number): void {
  for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] as number) + (words[at + index] as number);
}
