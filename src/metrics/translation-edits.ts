/**
 * The number of edits that turn a hypothesis into a reference, where moving a run of words counts as one edit (Snover
 * et al. 2006, "A study of translation edit rate with targeted human annotation", section 3). Finding the fewest is
 * NP-complete; this is the greedy search of Tercom with the limits of sacreBLEU, step for step, so that figures agree.
 */

const longestShift = 10;
const farthestShift = 50;
const mostCandidates = 1000;
const beam = 25;

/** Insertions, deletions, substitutions and shifts. */
export function translationEdits(hypothesis: readonly string[], reference: readonly string[]): number {
  if (reference.length === 0) return hypothesis.length;
  const numbers = new Map<string, number>();
  const numbered = (words: readonly string[]) =>
    words.map((word) => {
      const known = numbers.get(word) ?? numbers.size;
      numbers.set(word, known);
      return known;
    });
  const goal = numbered(reference);
  const search: Search = { words: numbered(hypothesis), goal, candidates: 0 };
  let shifts = 0;
  for (;;) {
    const distances = new Distances(search.words, goal);
    const shifted = bestShift(search, distances);
    if (shifted === undefined) return shifts + distances.total;
    search.words = shifted;
    shifts++;
  }
}

interface Search {
  words: number[];
  readonly goal: readonly number[];
  /** Shifts tried so far. */
  candidates: number;
}

/** The words after the shift that reduces the edit distance most; `undefined` when none does, or too many were tried. */
function bestShift(search: Search, distances: Distances): number[] | undefined {
  const { words, goal } = search;
  const { aligned, wrongWords, wrongGoals } = distances.alignment();
  let best: { gain: number; length: number; start: number; target: number; words: number[] } | undefined;
  for (const { start, goalStart, length } of commonRuns(words, goal)) {
    // Only words that are wrong where they stand, and missing where they would go.
    if (!wrongWords.slice(start, start + length).includes(true)) continue;
    if (!wrongGoals.slice(goalStart, goalStart + length).includes(true)) continue;
    const opposite = aligned[goalStart] ?? -1;
    if (opposite >= start && opposite < start + length) continue;

    let previousTarget = -1;
    for (let offset = -1; offset < length; offset++) {
      const beforeGoal = goalStart + offset;
      if (beforeGoal >= goal.length) break;
      const target = beforeGoal === -1 ? 0 : (aligned[beforeGoal] ?? -1) + 1;
      if (target === previousTarget) continue;
      previousTarget = target;
      const shifted = shift(words, start, length, target);
      const gain = distances.total - distances.totalFor(shifted, Math.min(start, target));
      search.candidates++;
      // The largest gain, then the longest run, the earliest start, the earliest target.
      const order = best === undefined ? 1 : gain - best.gain || length - best.length || best.start - start || best.target - target;
      if (order > 0) best = { gain, length, start, target, words: shifted };
    }
    if (search.candidates >= mostCandidates) return undefined;
  }
  return best !== undefined && best.gain > 0 ? best.words : undefined;
}

/** Runs of words that both have, each shorter one before the longer. */
function* commonRuns(words: readonly number[], goal: readonly number[]) {
  for (let start = 0; start < words.length; start++) {
    const first = Math.max(0, start - farthestShift);
    const last = Math.min(goal.length - 1, start + farthestShift);
    for (let goalStart = first; goalStart <= last; goalStart++) {
      const longest = Math.min(longestShift, words.length - start, goal.length - goalStart);
      for (let length = 1; length <= longest && words[start + length - 1] === goal[goalStart + length - 1]; length++) {
        yield { start, goalStart, length };
      }
    }
  }
}

/** Moves `length` words from `start` before `target`; inside the run itself, as many words to the right. */
function shift(words: readonly number[], start: number, length: number, target: number): number[] {
  const moved = words.slice(start, start + length);
  if (target < start) return [...words.slice(0, target), ...moved, ...words.slice(target, start), ...words.slice(start + length)];
  const end = target > start + length ? target : target + length;
  return [...words.slice(0, start), ...words.slice(start + length, end), ...moved, ...words.slice(end)];
}

const unreached = 1e9;

/** Levenshtein distances between all beginnings of the words and of the goal, near the diagonal only. */
class Distances {
  private readonly rows: Int32Array[];
  private readonly spare: [Int32Array, Int32Array];
  private readonly ratio: number;
  private readonly width: number;

  constructor(
    private readonly words: readonly number[],
    private readonly goal: readonly number[],
  ) {
    this.ratio = words.length === 0 ? 1 : goal.length / words.length;
    this.width = beam < this.ratio / 2 ? Math.ceil(this.ratio / 2 + beam) : beam;
    this.rows = Array.from({ length: words.length + 1 }, () => new Int32Array(goal.length + 1));
    this.spare = [new Int32Array(goal.length + 1), new Int32Array(goal.length + 1)];
    let above = this.rows[0] as Int32Array;
    for (let column = 0; column <= goal.length; column++) above[column] = column;
    for (const [index, word] of words.entries()) {
      const current = this.rows[index + 1] as Int32Array;
      this.fill(current, above, word, index + 1);
      above = current;
    }
  }

  get total(): number {
    return this.at(this.words.length, this.goal.length);
  }

  /** The distance for as many words, of which the first `same` are the same. */
  totalFor(words: readonly number[], same: number): number {
    let above = this.rows[same] as Int32Array;
    for (let row = same + 1; row <= words.length; row++) {
      const current = this.spare[row % 2 === 0 ? 0 : 1];
      this.fill(current, above, words[row - 1] as number, row);
      above = current;
    }
    return above[this.goal.length] as number;
  }

  /** Computes the row for one more word from the row above it. */
  private fill(current: Int32Array, above: Int32Array, word: number, row: number): void {
    const { goal, width } = this;
    const diagonal = Math.floor(row * this.ratio);
    const first = Math.max(0, diagonal - width);
    const end = row === this.words.length ? goal.length + 1 : Math.min(goal.length + 1, diagonal + width);
    current.fill(unreached, 0, first);
    current.fill(unreached, Math.max(first, end));
    let left = unreached;
    let corner = first === 0 ? unreached : (above[first - 1] as number);
    for (let column = first; column < end; column++) {
      const up = above[column] as number;
      let least = goal[column - 1] === word ? corner : corner + 1;
      if (up + 1 < least) least = up + 1;
      if (left + 1 < least) least = left + 1;
      left = Math.min(least, unreached);
      current[column] = left;
      corner = up;
    }
  }

  private at(row: number, column: number): number {
    return this.rows[row]?.[column] ?? unreached;
  }

  /**
   * For each word of the goal the word across it (the last one before it where there is none, -1 at the start), and
   * which words of either side are not simply equal. Of equal ways, substitution comes before deletion, deletion before
   * insertion.
   */
  alignment(): { aligned: number[]; wrongWords: boolean[]; wrongGoals: boolean[] } {
    const { words, goal } = this;
    const aligned = new Array<number>(goal.length).fill(-1);
    const wrongWords = new Array<boolean>(words.length).fill(true);
    const wrongGoals = new Array<boolean>(goal.length).fill(true);
    let row = words.length;
    let column = goal.length;
    while (row > 0 || column > 0) {
      const here = this.at(row, column);
      const equal = row > 0 && column > 0 && words[row - 1] === goal[column - 1];
      if (row > 0 && column > 0 && here === this.at(row - 1, column - 1) + (equal ? 0 : 1)) {
        row--;
        column--;
        aligned[column] = row;
        wrongWords[row] = !equal;
        wrongGoals[column] = !equal;
      } else if (row > 0 && (column === 0 || here === this.at(row - 1, column) + 1)) {
        row--;
      } else {
        column--;
        aligned[column] = row - 1;
      }
    }
    return { aligned, wrongWords, wrongGoals };
  }
}
