import { type NamedValues, type PlacedValues, pieces } from '../../tensor/named-values.js';
import type { Shape } from '../../tensor/tensor.js';
import { type KeptParts, keptRange } from '../../training/optimizer.js';
import type { ValuesOf } from './messages.js';
import type { RankLink } from './rank-devices.js';

/** Another rank, and what of the optimizer's values it keeps. */
export interface KeepingRank {
  readonly link: RankLink;
  readonly kept: KeptParts;
}

/** Gives all other ranks values that this one has. */
export async function giveToAll(links: readonly RankLink[], of: ValuesOf, values: NamedValues): Promise<void> {
  for (const [name, shape] of values.shapes) {
    for (const { start, end } of pieces(sizeOf(shape))) {
      const piece = new Float32Array(end - start);
      await values.read(name, start, piece);
      await Promise.all(links.map((link) => set(link, of, name, start, piece)));
    }
  }
}

/** The optimizer's values: of what is divided each rank keeps a part, and of the rest all ranks have the same. */
export class DividedValues implements NamedValues {
  readonly #own: PlacedValues;
  readonly #ranks: readonly KeepingRank[];
  readonly #isDivided: (name: string) => boolean;

  constructor(own: PlacedValues, ranks: readonly KeepingRank[], isDivided: (name: string) => boolean) {
    this.#own = own;
    this.#ranks = ranks;
    this.#isDivided = isDivided;
  }

  get shapes(): ReadonlyMap<string, Shape> {
    return this.#own.shapes;
  }

  requireSame(expected: ReadonlyMap<string, Shape>): void {
    this.#own.requireSame(expected);
  }

  /** Reads each part where it is. */
  async read(name: string, start: number, target: Float32Array): Promise<void> {
    await this.#own.read(name, start, target);
    if (!this.#isDivided(name)) return;
    for (const { link, kept } of this.#ranks) {
      const part = this.#partOf(name, kept);
      const [from, to] = [Math.max(start, part.start), Math.min(start + target.length, part.end)];
      if (from >= to) continue;
      const { values } = await link.ask('values', { kind: 'get', of: 'optimizerState', name, start: from, end: to });
      target.set(values, from - start);
    }
  }

  /** Gives each other rank what it keeps. */
  async give(values: NamedValues): Promise<void> {
    for (const name of this.shapes.keys()) {
      for (const { link, kept } of this.#ranks) {
        const part = this.#partOf(name, kept);
        for (const { start, end } of pieces(part.end - part.start)) {
          const piece = new Float32Array(end - start);
          await values.read(name, part.start + start, piece);
          await set(link, 'optimizerState', name, part.start + start, piece);
        }
      }
    }
  }

  #partOf(name: string, kept: KeptParts): { start: number; end: number } {
    const size = sizeOf(this.shapes.get(name) ?? [0]);
    return this.#isDivided(name) ? keptRange(size, kept) : { start: 0, end: size };
  }
}

function set(link: RankLink, of: ValuesOf, name: string, start: number, values: Float32Array): Promise<unknown> {
  return link.ask('done', { kind: 'set', of, name, start, values });
}

function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}
