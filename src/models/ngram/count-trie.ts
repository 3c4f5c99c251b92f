import { DecadeError } from '../../core/errors.js';
import type { SortedNgrams } from './shorter-places.js';
import { mostNgrams } from './tables.js';

/** The n-grams of one order, with how often each occurred. */
export interface CountedNgrams extends SortedNgrams {
  readonly counts: Int32Array;
}

/** Builds the tables of all orders from the n-grams of the highest one, and shorter ones where a text ends, in ascending order. */
export class CountTrie {
  readonly #levels: readonly Level[];
  readonly #last: Int32Array;

  constructor(order: number) {
    this.#levels = Array.from({ length: order }, () => ({ length: 0, tokens: new Grown(), counts: new Grown(), extensions: new Grown() }));
    // Nothing comes before the first.
    this.#last = new Int32Array(order);
  }

  /** As `TakeNgram`. */
  add(tokens: Int32Array, at: number, count: number): void {
    const order = this.#levels.length;
    let isNew = false;
    for (let column = 0; column < order; column++) {
      const token = tokens[at + column] as number;
      isNew ||= token !== this.#last[column];
      this.#last[column] = token;
      const level = this.#levels[column] as Level;
      if (token === 0) return void this.#last.fill(0, column);
      if (!isNew) level.counts.add(level.length - 1, count);
      else this.#append(column, token - 1, count);
    }
  }

  #append(column: number, token: number, count: number): void {
    const level = this.#levels[column] as Level;
    const begin = this.#levels[column + 1]?.length ?? 0;
    // Every token of the vocabulary is a unigram, also one that never occurs.
    for (let place = column === 0 ? level.length : token; place < token; place++) this.#push(level, place, 0, begin);
    this.#push(level, token, count, begin);
    if (level.length <= mostNgrams) return;
    throw new DecadeError('resource', {
      where: `counting ${column + 1}-grams`,
      received: `more than ${mostNgrams.toLocaleString('en')} different ones`,
      allowed: 'as many as that of each order',
      next: 'lower model.order, or count less text',
    });
  }

  #push(level: Level, token: number, count: number, begin: number): void {
    level.tokens.set(level.length, token);
    level.counts.set(level.length, count);
    level.extensions.set(level.length, begin);
    level.length++;
  }

  /** The tables, with a unigram for each of so many tokens. Nothing can be added after that. */
  finish(vocabulary: number): CountedNgrams[] {
    const [unigrams] = this.#levels as [Level];
    const end = this.#levels[1]?.length ?? 0;
    while (unigrams.length < vocabulary) this.#push(unigrams, unigrams.length, 0, end);
    return this.#levels.map((level, column) => {
      const higher = this.#levels[column + 1];
      if (higher !== undefined) level.extensions.set(level.length, higher.length);
      return {
        tokens: level.tokens.take(level.length),
        counts: level.counts.take(level.length),
        extensions: higher === undefined ? new Int32Array(0) : level.extensions.take(level.length + 1),
      };
    });
  }
}

interface Level {
  length: number;
  readonly tokens: Grown;
  readonly counts: Grown;
  readonly extensions: Grown;
}

/** An array that grows by half when it is full. */
class Grown {
  #values = new Int32Array(1024);

  set(index: number, value: number): void {
    if (index >= this.#values.length) {
      const larger = new Int32Array(Math.ceil(1.5 * index));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[index] = value;
  }

  add(index: number, value: number): void {
    this.#values[index] = (this.#values[index] as number) + value;
  }

  /** The first values, to keep. */
  take(length: number): Int32Array {
    const taken = this.#values.slice(0, length);
    this.#values = new Int32Array(0);
    return taken;
  }
}
