import { DecadeError } from '../../core/errors.js';
import type { WireBlocks } from '../runtime.js';

/** What ranks exchange at once. */
export type RankExchange = Scatter | Gather;

/** A part of each rank, in the order of ranks: where it begins in the memory of this one, and its size, both in words of 4 bytes. */
export interface RankParts {
  readonly at: readonly number[];
  readonly words: readonly number[];
}

/** Each rank gets a part of its own from each other. */
export interface Scatter {
  readonly kind: 'scatter';
  readonly sent: RankParts;
  readonly received: RankParts;
}

/** Each rank has a part, and all get it: each leaves its own in its place. */
export interface Gather {
  readonly kind: 'gather';
  readonly parts: RankParts;
}

/** Parts one after another. */
export function partsFrom(start: number, words: readonly number[]): RankParts {
  const at: number[] = [];
  let next = start;
  for (const count of words) {
    at.push(next);
    next += count;
  }
  return { at, words };
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
/** Int32 fields of a slot, before the parts. */
const slotFields = { requested: 0, completed: 1, kind: 2 } as const;
const partsAt = 3;
const kinds = { scatter: 0, gather: 1 } as const;
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
    this.#slotSize = partsAt + 4 * this.ranks;
  }

  /** `slots`: exchanges that are under way at once, at most. */
  static make(bell: SharedArrayBuffer, memory: WebAssembly.Memory, { ranks, slots }: { ranks: number; slots: number }): Wire {
    const control = new SharedArrayBuffer(4 * (headerFields + slots * (partsAt + 4 * ranks)));
    new Int32Array(control).set([0, slots, ranks]);
    return new Wire({ bell, control, memory });
  }

  /**
   * Leaves an exchange, whose ticket is free: tickets count up from 0. A device that is far ahead of the others waits until the one
   * before it in the same slot is done.
   *
   * @throws DecadeError `resource` when that will never be
   */
  leave(ticket: number, exchange: RankExchange): void {
    if (ticket >= this.#slots) this.wait(ticket - this.#slots);
    const at = this.#slot(ticket);
    const fields = this.#fields;
    fields[at + slotFields.kind] = kinds[exchange.kind];
    const all = exchange.kind === 'scatter' ? [exchange.sent, exchange.received] : [exchange.parts];
    for (const [index, parts] of all.entries()) {
      fields.set(parts.at, at + partsAt + 2 * index * this.ranks);
      fields.set(parts.words, at + partsAt + (2 * index + 1) * this.ranks);
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
    const list = (index: number) => [...fields.subarray(at + partsAt + index * this.ranks, at + partsAt + (index + 1) * this.ranks)];
    const first = { at: list(0), words: list(1) };
    if (fields[at + slotFields.kind] === kinds.gather) return { kind: 'gather', parts: first };
    return { kind: 'scatter', sent: first, received: { at: list(2), words: list(3) } };
  }

  /** Wakes the devices that wait for an exchange. */
  complete(ticket: number): void {
    const place = this.#slot(ticket) + slotFields.completed;
    Atomics.store(this.#fields, place, mark(ticket));
    Atomics.notify(this.#fields, place);
  }

  /** Whether all that was left is done, so that the network writes nowhere any more. */
  get isIdle(): boolean {
    return Array.from({ length: this.#slots }, (_, slot) => this.#slot(slot)).every(
      (at) => Atomics.load(this.#fields, at + slotFields.requested) === Atomics.load(this.#fields, at + slotFields.completed),
    );
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
