import type { Symmetrisation } from './options.js';

/** Links between words: source and target position, again and again, sorted by them. */
export type Links = Int32Array;

/** Beside and diagonally. */
const neighbours = [
  [-1, 0],
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, -1],
  [-1, 1],
  [1, -1],
  [1, 1],
] as const;

const [forwardBit, reverseBit, chosenBit] = [1, 2, 4];

/**
 * One alignment of the two directions of a sentence pair (Koehn, Och and Marcu 2003; Koehn et al. 2005). `grow-diag` begins with what
 * both say and adds neighbours that one of them says, while one of the two words has no link yet; `final` then adds what is said of
 * words of which one has none, `final-and` of which both have none.
 *
 * @param sourceOf  the source word of every target word, -1 for none
 * @param targetOf  the target word of every source word, -1 for none
 */
export function symmetrise(sourceOf: ArrayLike<number>, targetOf: ArrayLike<number>, symmetrisation: Symmetrisation): Links {
  const grid = new LinkGrid(targetOf.length, sourceOf.length);
  for (let target = 0; target < sourceOf.length; target++) grid.mark(sourceOf[target] as number, target, forwardBit);
  for (let source = 0; source < targetOf.length; source++) grid.mark(source, targetOf[source] as number, reverseBit);
  if (symmetrisation === 'union') grid.chooseAll((said) => said !== 0);
  else grid.chooseAll((said) => said === (forwardBit | reverseBit));
  if (symmetrisation.startsWith('grow-diag')) grid.grow();
  for (const direction of [forwardBit, reverseBit]) {
    if (symmetrisation === 'grow-diag-final') grid.finish(direction, (isSourceFree, isTargetFree) => isSourceFree || isTargetFree);
    if (symmetrisation === 'grow-diag-final-and') grid.finish(direction, (isSourceFree, isTargetFree) => isSourceFree && isTargetFree);
  }
  return grid.links();
}

class LinkGrid {
  readonly #targets: number;
  readonly #cells: Uint8Array;
  /** Chosen links of each word. */
  readonly #ofSource: Int32Array;
  readonly #ofTarget: Int32Array;
  #chosen = 0;

  constructor(sources: number, targets: number) {
    this.#targets = targets;
    this.#cells = new Uint8Array(sources * targets);
    this.#ofSource = new Int32Array(sources);
    this.#ofTarget = new Int32Array(targets);
  }

  mark(source: number, target: number, bit: number): void {
    if (source < 0 || target < 0) return;
    const cell = source * this.#targets + target;
    this.#cells[cell] = (this.#cells[cell] as number) | bit;
  }

  /** Chooses by which directions say it. */
  chooseAll(isChosen: (said: number) => boolean): void {
    this.#each((source, target, cell) => {
      if (isChosen(cell)) this.#choose(source, target);
    });
  }

  grow(): void {
    for (let before = -1; before !== this.#chosen; ) {
      before = this.#chosen;
      this.#each((source, target) => {
        if (!this.#isChosen(source, target)) return;
        for (const [down, right] of neighbours) {
          const [s, t] = [source + down, target + right];
          if (s < 0 || t < 0 || s >= this.#ofSource.length || t >= this.#targets || this.#isChosen(s, t)) continue;
          const isSaid = this.#cells[s * this.#targets + t] !== 0;
          if (isSaid && (this.#ofSource[s] === 0 || this.#ofTarget[t] === 0)) this.#choose(s, t);
        }
      });
    }
  }

  finish(bit: number, mayBeAdded: (isSourceFree: boolean, isTargetFree: boolean) => boolean): void {
    this.#each((source, target, cell) => {
      if ((cell & bit) !== 0 && mayBeAdded(this.#ofSource[source] === 0, this.#ofTarget[target] === 0)) this.#choose(source, target);
    });
  }

  links(): Links {
    const links = new Int32Array(2 * this.#chosen);
    let next = 0;
    this.#each((source, target) => {
      if (!this.#isChosen(source, target)) return;
      links[next++] = source;
      links[next++] = target;
    });
    return links;
  }

  #each(visit: (source: number, target: number, cell: number) => void): void {
    for (let source = 0, cell = 0; source < this.#ofSource.length; source++) {
      for (let target = 0; target < this.#targets; target++, cell++) {
        if (this.#cells[cell] !== 0) visit(source, target, this.#cells[cell] as number);
      }
    }
  }

  #isChosen(source: number, target: number): boolean {
    return ((this.#cells[source * this.#targets + target] as number) & chosenBit) !== 0;
  }

  #choose(source: number, target: number): void {
    if (this.#isChosen(source, target)) return;
    this.mark(source, target, chosenBit);
    this.#ofSource[source] = (this.#ofSource[source] as number) + 1;
    this.#ofTarget[target] = (this.#ofTarget[target] as number) + 1;
    this.#chosen++;
  }
}
