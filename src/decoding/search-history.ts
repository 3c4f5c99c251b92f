/** What one step of a search did: a token for each row that lives after it. */
interface HistoryStep {
  readonly ids: Int32Array;
  /** The row before the step that each row extends. */
  readonly parents: Int32Array;
  readonly logProbabilities: Float32Array;
  /** Of each row before the step. */
  readonly attention: readonly Float32Array[] | undefined;
}

/** How one step ends a hypothesis. */
export interface LastToken {
  readonly logProbability: number;
  /** The row that it follows. */
  readonly row: number;
  readonly attention: readonly Float32Array[] | undefined;
}

/** Tokens that were written one after another. */
export interface Path {
  /** Target ids without `<s>` and `</s>`. */
  readonly ids: Int32Array;
  /**
   * Log-probability of each token given those before, in nats. Where `</s>` ends the text, as it does every translation, there is
   * one more than `ids`: the last is that of `</s>`.
   */
  readonly tokenLogProbabilities: Float32Array;
  /** For each token, `</s>` included, a distribution over the source tokens in their written order. */
  readonly attention: readonly Float32Array[] | undefined;
}

/**
 * The tokens of all rows of a search as a tree: each step points back into the one before, so that no row is ever copied. Before
 * the first step stands what each sentence begins with.
 */
export class SearchHistory {
  readonly #beginnings: readonly Path[];
  readonly #steps: HistoryStep[] = [];

  constructor(beginnings: readonly Path[]) {
    this.#beginnings = beginnings;
  }

  /** Steps that have been taken: tokens of every row, its beginning not counted. */
  get steps(): number {
    return this.#steps.length;
  }

  /** Tokens that the rows of a sentence have. */
  length(sentence: number): number {
    return this.#beginning(sentence).ids.length + this.steps;
  }

  push(step: HistoryStep): void {
    this.#steps.push(step);
  }

  /** The ids of a row of this sentence that lives now. */
  ids(sentence: number, row: number): Int32Array {
    const ids = new Int32Array(this.length(sentence));
    const beginning = this.#beginning(sentence);
    ids.set(beginning.ids);
    this.#walk(row, (position, step, at) => {
      ids[beginning.ids.length + position] = step.ids[at] as number;
    });
    return ids;
  }

  /** The hypothesis of this sentence that ends with `last`. */
  path(sentence: number, last: LastToken): Path {
    const beginning = this.#beginning(sentence);
    const [start, length] = [beginning.ids.length, this.length(sentence)];
    const ids = new Int32Array(length);
    const tokenLogProbabilities = new Float32Array(length + 1);
    const attention = last.attention && new Array<Float32Array>(this.steps + 1);
    ids.set(beginning.ids);
    tokenLogProbabilities.set(beginning.tokenLogProbabilities);
    tokenLogProbabilities[length] = last.logProbability;
    if (attention !== undefined) attention[this.steps] = last.attention?.[last.row] as Float32Array;
    this.#walk(last.row, (position, step, at) => {
      ids[start + position] = step.ids[at] as number;
      tokenLogProbabilities[start + position] = step.logProbabilities[at] as number;
      if (attention !== undefined) attention[position] = step.attention?.[step.parents[at] as number] as Float32Array;
    });
    return { ids, tokenLogProbabilities, attention: attention && [...(beginning.attention ?? []), ...attention] };
  }

  #beginning(sentence: number): Path {
    return this.#beginnings[sentence] as Path;
  }

  /** From a row of now back to its first token after the beginning. */
  #walk(row: number, visit: (position: number, step: HistoryStep, at: number) => void): void {
    let at = row;
    for (let position = this.steps - 1; position >= 0; position--) {
      const step = this.#steps[position] as HistoryStep;
      visit(position, step, at);
      at = step.parents[at] as number;
    }
  }
}
