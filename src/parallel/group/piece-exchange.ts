import type { LearntParameter } from '../../nn/parameters.js';
import type { Device } from '../../tensor/device.js';
import type { Segment } from './pieces.js';
import type { RanksMeeting } from './ranks-meeting.js';
import type { ThreadGroup } from './threads.js';
import type { PiecePlan, WirePlan } from './wire-plan.js';
import { valuesOfPortion, type WireValues } from './wire-values.js';
import { partsFrom, type RankParts, type Wire } from './wire.js';

export interface PieceExchangeOptions {
  readonly local: ThreadGroup;
  readonly meeting: RanksMeeting;
  readonly plan: WirePlan;
  readonly wire: Wire;
  readonly values: WireValues;
  readonly device: Device;
  /** Of each device of this rank. */
  readonly gradients: readonly (readonly LearntParameter[])[];
}

/**
 * Sums the dense gradients of all ranks, and gives all ranks the parameters, piece by piece. Pieces come in chains, of which each has its
 * places in the wire: a piece is sent when the one before it in its chain has arrived and was added. While backward goes on, whichever
 * device comes by sends what can be sent; afterwards each chain has a device of its own.
 */
export class PieceExchange {
  readonly #local: ThreadGroup;
  readonly #rank: number;
  readonly #ranks: number;
  readonly #plan: WirePlan;
  readonly #wire: Wire;
  readonly #values: WireValues;
  readonly #device: Device;
  readonly #gradients: readonly (readonly LearntParameter[])[];
  /** Pieces of which a learnt value is a member. */
  readonly #piecesOf: ReadonlyMap<number, readonly number[]>;
  readonly #announced: Int32Array;
  readonly #sent: Int32Array;
  /** 1 while a device is at a chain. */
  readonly #taken: Int32Array;
  /** Where it is kept what the parameters were before the update, in bytes: where what changed them is exchanged. */
  readonly #before: number | undefined;
  /** Announced by this device in this update. */
  readonly #final = new Set<number>();

  constructor({ local, meeting, plan, wire, values, device, gradients }: PieceExchangeOptions) {
    this.#local = local;
    this.#rank = meeting.rank;
    this.#ranks = meeting.devices.length;
    this.#plan = plan;
    this.#wire = wire;
    this.#values = values;
    this.#device = device;
    this.#gradients = gradients;
    const { pieces, chains } = plan;
    this.#announced = new Int32Array(meeting.pieces, 0, pieces.length);
    this.#sent = new Int32Array(meeting.pieces, 4 * pieces.length, chains);
    this.#taken = new Int32Array(meeting.pieces, 4 * (pieces.length + chains), chains);
    this.#before = meeting.communication === 'f32' ? undefined : 4 * plan.before;
    const piecesOf = new Map<number, number[]>();
    for (const [piece, { members }] of pieces.entries()) {
      for (const member of members) piecesOf.set(member, [...(piecesOf.get(member) ?? []), piece]);
    }
    this.#piecesOf = piecesOf;
  }

  /** Tickets that all pieces take together, once for gradients and once for parameters. */
  get tickets(): number {
    return this.#plan.pieces.length;
  }

  /** A learnt value's gradient is final on this device. `first`: the ticket of the first piece, here and below. */
  announce(index: number, first: number): void {
    if (this.#final.has(index)) return;
    this.#final.add(index);
    for (const piece of this.#piecesOf.get(index) ?? []) Atomics.add(this.#announced, piece, 1);
    for (let chain = 0; chain < this.#plan.chains; chain++) {
      // Whoever finds a chain taken leaves it: the other looks once more when it has let go.
      while (this.#canGoOn(chain, first) && Atomics.compareExchange(this.#taken, chain, 0, 1) === 0) {
        if (this.#canGoOn(chain, first)) this.#goOn(chain, first);
        Atomics.store(this.#taken, chain, 0);
      }
    }
  }

  /** Announces the rest. */
  announceAll(first: number): void {
    for (const index of this.#piecesOf.keys()) this.announce(index, first);
    this.#final.clear();
  }

  /** Sends what has not been sent. When all devices of this rank have announced all. */
  sendRest(first: number): void {
    for (const [number, chain] of this.#ownPieces()) {
      const next = number + this.#plan.chains;
      if (next >= this.tickets || this.#nextOf(chain) > next) continue;
      this.#wire.wait(first + number);
      this.#goOn(chain, first);
    }
  }

  /** Adds what has not been added. When all is sent, before a barrier. */
  receiveRest(first: number): void {
    for (const [number, chain] of this.#ownPieces()) {
      this.#announced[number] = 0;
      // The last one of a chain.
      if (number + this.#plan.chains < this.tickets) continue;
      this.#wire.wait(first + number);
      this.#add(this.#plan.pieces[number] as PiecePlan);
      Atomics.store(this.#sent, chain, 0);
    }
  }

  /** Calls `each` with what falls to this device. */
  forEachOwn(each: (segment: Segment) => void): void {
    const { pieces, firstDevice } = this.#plan;
    for (const { segments } of pieces) for (const segment of segments[firstDevice + this.#local.rank] ?? []) each(segment);
  }

  /** Keeps this device's share of the parameters as it is before the update, where that is needed. */
  remember(): void {
    if (this.#before === undefined) return;
    let at = this.#before;
    for (const { segments, device } of this.#ofThisRank()) {
      for (const segment of segments) {
        const bytes = 4 * (segment.end - segment.start);
        if (device === this.#local.rank) this.#device.kernels.copy(at, this.#parameterOf(segment), bytes);
        at += bytes;
      }
    }
  }

  /** Gives all ranks this one's share of the parameters, and takes theirs. After a barrier; before another. */
  gather(first: number): void {
    const { chains, pieces } = this.#plan;
    const starts: number[] = [];
    let before = this.#before ?? 0;
    for (const piece of pieces) {
      starts.push(before);
      for (const { start, end } of this.#plan.ofRank(piece, this.#rank).flat()) before += 4 * (end - start);
    }
    const give = (number: number) => this.#give(pieces[number] as PiecePlan, first + number, starts[number] as number);
    for (const [number] of this.#ownPieces()) if (number < chains) give(number);
    for (const [number] of this.#ownPieces()) {
      this.#wire.wait(first + number);
      this.#take(pieces[number] as PiecePlan);
      if (number + chains < pieces.length) give(number + chains);
    }
  }

  /** Pieces of the chains that are this device's when all devices have come, and their chains. */
  *#ownPieces(): Generator<readonly [piece: number, chain: number]> {
    for (let number = 0; number < this.tickets; number++) {
      const chain = number % this.#plan.chains;
      if (chain % this.#local.size === this.#local.rank) yield [number, chain];
    }
  }

  *#ofThisRank(): Generator<{ readonly segments: readonly Segment[]; readonly device: number }> {
    for (const piece of this.#plan.pieces) {
      for (const [device, segments] of this.#plan.ofRank(piece, this.#rank).entries()) yield { segments, device };
    }
  }

  /** The piece of a chain that is to be sent next. */
  #nextOf(chain: number): number {
    return chain + Atomics.load(this.#sent, chain) * this.#plan.chains;
  }

  #canGoOn(chain: number, first: number): boolean {
    const next = this.#nextOf(chain);
    const { members } = this.#plan.pieces[next] ?? {};
    if (members === undefined || Atomics.load(this.#announced, next) < members.length * this.#gradients.length) return false;
    return next < this.#plan.chains || this.#wire.isDone(first + next - this.#plan.chains);
  }

  /** Adds the piece of a chain that has arrived, and sends the next. */
  #goOn(chain: number, first: number): void {
    const { chains, pieces } = this.#plan;
    const next = this.#nextOf(chain);
    const arrived = pieces[next - chains];
    if (arrived !== undefined) this.#add(arrived);
    this.#send(pieces[next] as PiecePlan, first + next);
    Atomics.add(this.#sent, chain, 1);
  }

  /** Sums a piece of all devices of this rank, and sends to each rank what it updates. */
  #send(piece: PiecePlan, ticket: number): void {
    const { kernels } = this.#device;
    const [, ...others] = this.#gradients;
    let at = piece.outgoing;
    for (let rank = 0; rank < this.#ranks; rank++) {
      for (const portion of portionsOf(this.#plan.ofRank(piece, rank))) {
        const [sum, count] = [this.#sumOf(portion), portion.end - portion.start];
        for (const other of others) kernels.moveGradient(sum, gradientOf(other, portion), count);
        if (rank === this.#rank || piece.inPlace) continue;
        at = this.#values.write(at, sum, count);
        kernels.fill(sum, 0, count);
      }
    }
    const words = this.#plan.wordsByRank(piece);
    const ofOthers = (of: (rank: number) => number) => words.map((_, rank) => (rank === this.#rank ? 0 : of(rank)));
    const sent = ofOthers((rank) => words[rank] as number);
    this.#wire.leave(ticket, {
      kind: 'scatter',
      sent: piece.inPlace ? this.#partsInPlace(piece, sent, (segment) => this.#sumOf(segment)) : partsFrom(piece.outgoing, sent),
      received: partsFrom(
        piece.incoming,
        ofOthers(() => words[this.#rank] as number),
      ),
    });
  }

  /** Adds to what this rank's devices update of a piece, which is summed here already, what the other ranks sent, in their order. */
  #add(piece: PiecePlan): void {
    let at = piece.incoming;
    for (let rank = 0; rank < this.#ranks; rank++) {
      if (rank === this.#rank) continue;
      for (const portion of this.#ownPortionsOf(piece)) at = this.#values.add(this.#sumOf(portion), at, portion.end - portion.start);
      if (!piece.inPlace) continue;
      // What was sent from here has arrived there.
      for (const segment of this.#plan.ofRank(piece, rank).flat()) {
        this.#device.kernels.fill(this.#sumOf(segment), 0, segment.end - segment.start);
      }
    }
  }

  /** `before`: where it is kept what the parameters were, in bytes. */
  #give(piece: PiecePlan, ticket: number, before: number): void {
    const words = this.#plan.wordsByRank(piece);
    const parts = piece.inPlace
      ? this.#partsInPlace(piece, words, (segment) => this.#parameterOf(segment))
      : partsFrom(piece.outgoing, words);
    if (this.#before !== undefined) this.#giveChanges(piece, before, parts.at[this.#rank] as number);
    else if (!piece.inPlace) {
      let at = parts.at[this.#rank] as number;
      for (const portion of this.#ownPortionsOf(piece))
        at = this.#values.write(at, this.#parameterOf(portion), portion.end - portion.start);
    }
    this.#wire.leave(ticket, { kind: 'gather', parts });
  }

  /** Writes what changed parameters, and makes them what all other ranks will have: what they were, and the change as it is written. */
  #giveChanges(piece: PiecePlan, before: number, place: number): void {
    const { memory } = this.#device;
    let [at, were] = [place, before];
    for (const portion of this.#ownPortionsOf(piece)) {
      const [parameters, count] = [this.#parameterOf(portion), portion.end - portion.start];
      // before := parameters - before, then parameters := what they were.
      const values = memory.f32;
      const [now, then] = [parameters / 4, were / 4];
      for (let index = 0; index < count; index++) {
        const was = values[then + index] as number;
        values[then + index] = (values[now + index] as number) - was;
        values[now + index] = was;
      }
      this.#values.write(at, were, count);
      at = this.#values.add(parameters, at, count);
      were += 4 * count;
    }
  }

  #take(piece: PiecePlan): void {
    if (piece.inPlace) return;
    let at = piece.outgoing;
    for (const [rank, words] of this.#plan.wordsByRank(piece).entries()) {
      if (rank === this.#rank) {
        at += words;
        continue;
      }
      for (const portion of portionsOf(this.#plan.ofRank(piece, rank))) {
        const [parameters, count] = [this.#parameterOf(portion), portion.end - portion.start];
        at = this.#before === undefined ? this.#values.read(parameters, at, count) : this.#values.add(parameters, at, count);
      }
    }
  }

  /** Of each rank, where its part of a piece is that is exchanged in place: the segments of a rank are one range. `of` gives bytes. */
  #partsInPlace(piece: PiecePlan, words: readonly number[], of: (segment: Segment) => number): RankParts {
    const at = words.map((_, rank) => {
      const [first] = this.#plan.ofRank(piece, rank).flat();
      return first === undefined ? 0 : of(first) / 4;
    });
    return { at, words };
  }

  #ownPortionsOf(piece: PiecePlan): Generator<Segment> {
    return portionsOf(this.#plan.ofRank(piece, this.#rank));
  }

  /** Where this rank's devices sum a gradient, in bytes. */
  #sumOf(segment: Segment): number {
    return gradientOf(this.#gradients[0] ?? [], segment);
  }

  /** Bytes. */
  #parameterOf({ index, start }: Segment): number {
    const [first = []] = this.#gradients;
    return (first[index] as LearntParameter).value.offset + 4 * start;
  }
}

function* portionsOf(segments: readonly (readonly Segment[])[]): Generator<Segment> {
  for (const { index, start, end } of segments.flat()) {
    for (let from = start; from < end; from += valuesOfPortion) yield { index, start: from, end: Math.min(end, from + valuesOfPortion) };
  }
}

/** Bytes. */
function gradientOf(learnt: readonly LearntParameter[], { index, start }: Segment): number {
  return (learnt[index] as LearntParameter).gradient.offset + 4 * start;
}
