import { fingerprint, FingerprintMap } from './fingerprints.js';
import { NearLines, type NearLinesOptions } from './near-lines.js';
import { pagedUint32 } from './paged-numbers.js';

/**
 * Groups of lines that may not be parted: a line is in one group with those that have the same source, or the same target, or one
 * that is near to it; and so are those with theirs. A group is named by the place of its first line.
 *
 * Memory per line: 4 bytes, and for each side 17 to 34 and what `NearLines` takes.
 */
export class LeakageGroups {
  readonly #parents = pagedUint32();
  readonly #sides: { readonly seen: FingerprintMap; readonly near: NearLines | undefined }[] = [];
  readonly #near: NearLinesOptions | undefined;

  /** @param near  undefined: only the same text counts */
  constructor(near: NearLinesOptions | undefined) {
    this.#near = near;
  }

  get lines(): number {
    return this.#parents.length;
  }

  /** Adds the next line. Empty sides say nothing. */
  add(sides: readonly string[]): void {
    const place = this.lines;
    this.#parents.push(place);
    for (const [index, side] of sides.entries()) {
      if (side === '') continue;
      this.#sides[index] ??= { seen: new FingerprintMap(), near: this.#near && new NearLines(this.#near) };
      const { seen, near } = this.#sides[index];
      const first = seen.getOrSet(fingerprint(side), place);
      if (first !== undefined) {
        this.#join(first, place);
        continue;
      }
      near?.visitNear([side], (other) => {
        this.#join(other, place);
        return false;
      });
      near?.add(place);
    }
  }

  of(place: number): number {
    let root = place;
    for (let parent = this.#parents.get(root); parent !== root; parent = this.#parents.get(root)) {
      this.#parents.set(root, this.#parents.get(parent));
      root = parent;
    }
    return root;
  }

  #join(one: number, other: number): void {
    const [first, second] = [this.of(one), this.of(other)];
    this.#parents.set(Math.max(first, second), Math.min(first, second));
  }
}
