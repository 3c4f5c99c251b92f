import { type NamedValues, type PlacedValues, pieces } from '../../tensor/named-values.js';
import type { Shape } from '../../tensor/tensor.js';
import { shareOf } from '../../training/optimizer.js';
import type { WirePlan } from '../group/wire-plan.js';
import type { ValuesOf } from './messages.js';
import type { RankLink } from './rank-devices.js';

/** Gives all other ranks values that this one has. */
export async function giveToAll(links: readonly RankLink[], of: ValuesOf, values: PlacedValues): Promise<void> {
  for (const [name, shape] of values.shapes) {
    for (const { start, end } of pieces(sizeOf(shape))) {
      const piece = new Float32Array(end - start);
      await values.read(name, start, piece);
      await Promise.all(links.map((link) => link.ask('done', { kind: 'set', of, name, start, values: piece })));
    }
  }
}

/** The optimizer's values of which each rank keeps a share current: read where they are. */
export class DividedValues implements NamedValues {
  readonly #own: PlacedValues;
  readonly #links: readonly RankLink[];
  readonly #plan: Pick<WirePlan, 'allDevices' | 'devicesOf'>;
  readonly #isDivided: (name: string) => boolean;

  constructor(
    own: PlacedValues,
    links: readonly RankLink[],
    plan: Pick<WirePlan, 'allDevices' | 'devicesOf'>,
    isDivided: (name: string) => boolean,
  ) {
    this.#own = own;
    this.#links = links;
    this.#plan = plan;
    this.#isDivided = isDivided;
  }

  get shapes(): ReadonlyMap<string, Shape> {
    return this.#own.shapes;
  }

  requireSame(expected: ReadonlyMap<string, Shape>): void {
    this.#own.requireSame(expected);
  }

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    await this.#own.read(name, start, target);
    if (!this.#isDivided(name)) return;
    const size = sizeOf(this.shapes.get(name) ?? [0]);
    const plan = this.#plan;
    for (const [index, link] of this.#links.entries()) {
      const devices = plan.devicesOf(index + 1);
      const boundary = (part: number) => shareOf(size, { part, parts: plan.allDevices }, 16);
      const [from, to] = [Math.max(start, boundary(devices.first).start), Math.min(start + target.length, boundary(devices.end - 1).end)];
      if (from >= to) continue;
      const { values } = await link.ask('values', { kind: 'get', of: 'optimizerState', name, start: from, end: to });
      target.set(values, from - start);
    }
  }
}

function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}
