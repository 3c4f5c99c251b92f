import { DecadeError } from '../../core/errors.js';
import type { WireBlocks } from '../runtime.js';

/** What ranks exchange at once. Counts and places are in words of 4 bytes. */
export type RankExchange = Scatter | Gather;

/** Each rank gets a part of its own from each other. */
export interface Scatter {
  readonly kind: 'scatter';
  /** Where what is sent begins; the parts lie one after another, in the order of ranks. */
  readonly send: number;
  /** Words for each rank. */
  readonly sent: readonly number[];
  /** Where what is received begins, likewise. */
  readonly receive: number;
  /** Words from each rank. */
  readonly received: readonly number[];
}

/** Each rank has a part, and all get it. */
export interface Gather {
  readonly kind: 'gather';
  /** Where the parts are, one after another, in the order of ranks: a rank leaves its own in its place. */
  readonly parts: number;
  /** Words of each rank. */
  readonly words: readonly number[];
}

/** Where the part of a rank begins. */
export function placeOfPart({ parts, words }: Pick<Gather, 'parts' | 'words'>, rank: number): number {
  return words.slice(0, rank).reduce((at, count) => at + count, parts);
}

/** Wakes the thread that owns the network. */
export function ring(bell: SharedArrayBuffer): void {
  const field = new Int32Array(bell);
  Atomics.add(field, 0, 1);
  Atomics.notify(field, 0);
}

/** Int32 fields of the control block, before its slots. */
const header = { broken: 0, slots: 1, ranks: 2 } as const;
const headerFields = 16;
/** Int32 fields of a slot, before the counts. */
const slotFields = { requested: 0, completed: 1, kind: 2, send: 3, receive: 4 } as const;
const countsAt = 5;
/** Loads before a waiting device sleeps. */
const spins = 2_000;

/**
 * Through which the devices of a process have data exchanged with other ranks: they leave exchanges under tickets, and the thread that
 * owns the network carries them out in the order of tickets, while they compute. Every rank must leave the same ones.
 */
export class Wire {
  readonly blocks: WireBlocks;
  readonly ranks: number;
  readonly #fields: Int32Array;
  readonly #slots: number;
  readonly #slotSize: number;

  constructor(blocks: WireBlocks) {
    this.blocks = blocks;
    this.#fields = new Int32Array(blocks.control);
    this.ranks = this.#fields[header.ranks] as number;
    this.#slots = this.#fields[header.slots] as number;
    this.#slotSize = countsAt + 2 * this.ranks;
  }

  /** `slots`: exchanges of which none has been waited for, at most. */
  static make(bell: SharedArrayBuffer, { ranks, slots, words }: { ranks: number; slots: number; words: number }): Wire {
    const control = new SharedArrayBuffer(4 * (headerFields + slots * (countsAt + 2 * ranks)));
    new Int32Array(control).set([0, slots, ranks]);
    return new Wire({ bell, control, words: new SharedArrayBuffer(4 * words) });
  }

  /** Leaves an exchange, whose ticket is free: tickets count up from 0, and those of so long ago have been waited for. */
  leave(ticket: number, exchange: RankExchange): void {
    const at = this.#slot(ticket);
    const fields = this.#fields;
    if (exchange.kind === 'scatter') {
      const { send, sent, receive, received } = exchange;
      fields[at + slotFields.kind] = 0;
      fields[at + slotFields.send] = send;
      fields[at + slotFields.receive] = receive;
      fields.set(sent, at + countsAt);
      fields.set(received, at + countsAt + this.ranks);
    } else {
      fields[at + slotFields.kind] = 1;
      fields[at + slotFields.receive] = exchange.parts;
      fields.set(exchange.words, at + countsAt + this.ranks);
    }
    Atomics.store(fields, at + slotFields.requested, mark(ticket));
    ring(this.blocks.bell);
  }

  /** Whether an exchange is done. */
  isDone(ticket: number): boolean {
    // A device that looks late may find the slot's next ticket done, which is done after this one.
    return ((Atomics.load(this.#fields, this.#slot(ticket) + slotFields.completed) - mark(ticket)) | 0) >= 0;
  }

  /**
   * Waits until an exchange is done.
   *
   * @throws DecadeError `resource` when it never will be
   */
  wait(ticket: number): void {
    const fields = this.#fields;
    const place = this.#slot(ticket) + slotFields.completed;
    for (let spin = 0; spin < spins && !this.isDone(ticket); spin++);
    for (let seen = Atomics.load(fields, place); !this.isDone(ticket); seen = Atomics.load(fields, place)) {
      if (Atomics.load(fields, header.broken) !== 0) {
        throw new DecadeError('resource', { where: 'ranks', received: 'another rank has stopped' });
      }
      Atomics.wait(fields, place, seen, 100);
    }
  }

  /** The exchange of a ticket, if a device has left it. */
  left(ticket: number): RankExchange | undefined {
    const at = this.#slot(ticket);
    const fields = this.#fields;
    if (Atomics.load(fields, at + slotFields.requested) !== mark(ticket)) return undefined;
    const counts = (from: number) => [...fields.subarray(from, from + this.ranks)];
    const receive = fields[at + slotFields.receive] as number;
    const received = counts(at + countsAt + this.ranks);
    if (fields[at + slotFields.kind] === 1) return { kind: 'gather', parts: receive, words: received };
    const [send, sent] = [fields[at + slotFields.send] as number, counts(at + countsAt)];
    return { kind: 'scatter', send, sent, receive, received };
  }

  /** Wakes the devices that wait for an exchange. */
  complete(ticket: number): void {
    const place = this.#slot(ticket) + slotFields.completed;
    Atomics.store(this.#fields, place, mark(ticket));
    Atomics.notify(this.#fields, place);
  }

  /** Every device that waits, or will, gets an error. */
  break(): void {
    Atomics.store(this.#fields, header.broken, 1);
  }

  #slot(ticket: number): number {
    return headerFields + (ticket % this.#slots) * this.#slotSize;
  }
}

/** What marks a slot as this ticket's; a slot that was never used is 0. */
function mark(ticket: number): number {
  return (ticket + 1) | 0;
}
