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

/** A hypothesis read back from the history, `</s>` included in all but the ids. */
export interface Path {
  readonly ids: Int32Array;
  readonly tokenLogProbabilities: Float32Array;
  readonly attention: readonly Float32Array[] | undefined;
}

/** The tokens of all rows of a search as a tree: each step points back into the one before, so that no row is ever copied. */
export class SearchHistory {
  readonly #steps: HistoryStep[] = [];

  /** Tokens that every row has. */
  get length(): number {
    return this.#steps.length;
  }

  push(step: HistoryStep): void {
    this.#steps.push(step);
  }

  /** The ids of a row that lives now. */
  ids(row: number): Int32Array {
    const ids = new Int32Array(this.length);
    this.#walk(row, (position, step, at) => {
      ids[position] = step.ids[at] as number;
    });
    return ids;
  }

  /** The hypothesis that ends with `last`. */
  path(last: LastToken): Path {
    const ids = new Int32Array(this.length);
    const tokenLogProbabilities = new Float32Array(this.length + 1);
    const attention = last.attention === undefined ? undefined : new Array<Float32Array>(this.length + 1);
    tokenLogProbabilities[this.length] = last.logProbability;
    if (attention !== undefined) attention[this.length] = last.attention?.[last.row] as Float32Array;
    this.#walk(last.row, (position, step, at) => {
      ids[position] = step.ids[at] as number;
      tokenLogProbabilities[position] = step.logProbabilities[at] as number;
      if (attention !== undefined) attention[position] = step.attention?.[step.parents[at] as number] as Float32Array;
    });
    return { ids, tokenLogProbabilities, attention };
  }

  /** From a row of now back to its first token. */
  #walk(row: number, visit: (position: number, step: HistoryStep, at: number) => void): void {
    let at = row;
    for (let position = this.length - 1; position >= 0; position--) {
      const step = this.#steps[position] as HistoryStep;
      visit(position, step, at);
      at = step.parents[at] as number;
    }
  }
}
