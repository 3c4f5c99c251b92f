/** 1, 2, 4, ... and the limit itself. */
export function powersUpTo(limit: number): number[] {
  const powers: number[] = [];
  for (let power = 1; power < limit; power *= 2) powers.push(power);
  return [...powers, limit];
}

/** A function of two numbers that is known on a grid and never falls: linear between its points and beyond the last. */
export class Surface {
  readonly #xs: readonly number[];
  readonly #ys: readonly number[];
  readonly #values: readonly number[][];

  /**
   * `values[i][j]` at (xs[i], ys[j]); both rise. Disturbances only add time, the more the longer a run lasts: so nothing takes
   * longer than more of it did, nor longer than parts of it one after the other.
   */
  constructor(xs: readonly number[], ys: readonly number[], values: readonly (readonly number[])[]) {
    this.#xs = xs;
    this.#ys = ys;
    this.#values = values.map((row) => [...row]);
    const known = (i: number, j: number): number => this.#values[i]?.[j] ?? Number.POSITIVE_INFINITY;
    for (let i = xs.length - 1; i >= 0; i--) {
      for (let j = ys.length - 1; j >= 0; j--) this.#lower(i, j, Math.min(known(i + 1, j), known(i, j + 1)));
    }
    for (let i = 0; i < xs.length; i++) {
      for (let j = 0; j < ys.length; j++) {
        const partsOf = (points: readonly number[], at: number) => (points[at] as number) / (points[at - 1] ?? 0);
        this.#lower(i, j, Math.min(known(i - 1, j) * partsOf(xs, i), known(i, j - 1) * partsOf(ys, j)));
      }
    }
  }

  #lower(i: number, j: number, most: number): void {
    const row = this.#values[i] as number[];
    row[j] = Math.min(row[j] as number, most);
  }

  at(x: number, y: number): number {
    return interpolated(this.#xs, (index) => interpolated(this.#ys, (other) => this.#values[index]?.[other] as number, y), x);
  }
}

/** Below the first point in proportion to it. */
function interpolated(points: readonly number[], valueAt: (index: number) => number, at: number): number {
  const [first, last] = [points[0] as number, points.length - 1];
  if (at <= first || last === 0) return (valueAt(0) * at) / first;
  const found = points.findIndex((point) => point >= at);
  const upper = found < 0 ? last : found;
  const [low, high] = [points[upper - 1] as number, points[upper] as number];
  const [below, above] = [valueAt(upper - 1), valueAt(upper)];
  return below + ((above - below) / (high - low)) * (at - low);
}
