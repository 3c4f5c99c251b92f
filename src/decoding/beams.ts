import type { Scope } from '../tensor/device.js';
import { bestExtensions, type Extensions, type RowGroups } from '../tensor/operations/search.js';
import type { DecodingOptions } from './options.js';
import { SearchHistory } from './search-history.js';
import { type Hypothesis, nothingMayFollow, type Predictions, type SearchRows, type SearchRowsOptions } from './search-rows.js';

export interface BeamsOptions extends SearchRowsOptions, Pick<DecodingOptions, 'beamWidth' | 'stopping'> {
  readonly beam: number;
  readonly nbest: number;
}

/**
 * The beams of all sentences of a batch, one after the other. In every step the best extensions of a sentence's rows
 * live on; one that ends with `</s>` leaves its beam, which is one place smaller from then on (Sutskever et al. 2014,
 * section 3.2). So a beam of 1 is greedy search.
 *
 * A sentence is done when nothing lives in its beam, or when the best that a living row can still reach does not beat
 * the worst of its `nbest` best. As every further token can only lower the sum, that is its sum now divided by the
 * penalty of the greatest length; stopping there loses nothing.
 *
 * Where the beam's width is constant, one that ends gives its place to the next best: of twice as many extensions those that end
 * among the first `beam` are finished, and the best others live on. A sentence is done as `stopping` says, once `beam` are finished.
 *
 * Ties go to the row, then to the token, that ranked before.
 */
export class Beams implements SearchRows {
  readonly #options: BeamsOptions;
  /** A beam of 1 is greedy search, whatever its width does. */
  readonly #isConstant: boolean;
  readonly #history: SearchHistory;
  /** By sentence, best first. */
  readonly #finished: Hypothesis[][];
  #count: number;
  #sentences: Int32Array;
  #scores: Float64Array;
  #previousIds: Int32Array;
  /** Rows of the next step are written here. */
  #next: { sentences: Int32Array; scores: Float64Array; ids: Int32Array; parents: Int32Array; logProbabilities: Float32Array };

  /** One row for each sentence, in their order. */
  constructor(options: BeamsOptions) {
    this.#options = options;
    const { prefixes, beam, beamWidth } = options;
    this.#isConstant = beamWidth === 'constant' && beam > 1;
    this.#history = new SearchHistory(prefixes);
    this.#finished = prefixes.map(() => []);
    const capacity = prefixes.length * beam;
    this.#count = prefixes.length;
    this.#sentences = new Int32Array(capacity);
    this.#sentences.set(Array.from(prefixes.keys()));
    this.#scores = new Float64Array(capacity);
    this.#scores.set(prefixes.map(({ tokenLogProbabilities }) => tokenLogProbabilities.reduce((sum, value) => sum + value, 0)));
    this.#previousIds = new Int32Array(capacity);
    this.#next = {
      sentences: new Int32Array(capacity),
      scores: new Float64Array(capacity),
      ids: new Int32Array(capacity),
      parents: new Int32Array(capacity),
      logProbabilities: new Float32Array(capacity),
    };
  }

  get count(): number {
    return this.#count;
  }

  get steps(): number {
    return this.#history.steps;
  }

  length(row: number): number {
    return this.#history.length(this.sentence(row));
  }

  get previousIds(): Int32Array {
    return this.#previousIds.subarray(0, this.#count);
  }

  /** The rows of every sentence that is not done, and how many of their extensions it looks at. */
  #groups(): RowGroups {
    const starts: number[] = [];
    const places: number[] = [];
    for (let row = 0; row < this.#count; row++) {
      const sentence = this.sentence(row);
      if (row > 0 && this.sentence(row - 1) === sentence) continue;
      starts.push(row);
      const { beam } = this.#options;
      places.push(this.#isConstant ? 2 * beam : beam - (this.#finished[sentence] as Hypothesis[]).length);
    }
    starts.push(this.#count);
    return { starts: Int32Array.from(starts), places: Int32Array.from(places), scores: this.#scores.subarray(0, this.#count) };
  }

  sentence(row: number): number {
    return this.#sentences[row] as number;
  }

  ids(row: number): Int32Array {
    return this.#history.ids(this.sentence(row), row);
  }

  /** The best complete hypotheses of every sentence, best first. */
  get results(): Hypothesis[][] {
    return this.#finished.map((hypotheses) => hypotheses.slice(0, this.#options.nbest));
  }

  /** The best extensions live on. */
  advance(scope: Scope, { logits, normalisers, attention }: Predictions): Int32Array | undefined {
    const extensions = bestExtensions(scope, logits, normalisers, this.#groups());
    const next = this.#next;
    const before = this.#count;
    let kept = 0;
    for (let first = 0, group = 0; first < before; group++) {
      const sentence = this.sentence(first);
      while (first < before && this.#sentences[first] === sentence) first++;
      kept = this.#extend(sentence, group, kept, extensions, attention);
    }
    const parents = next.parents.slice(0, kept);
    this.#history.push({
      ids: next.ids.slice(0, kept),
      parents,
      logProbabilities: next.logProbabilities.slice(0, kept),
      attention,
    });
    this.#count = kept;
    this.#next = { ...next, sentences: this.#sentences, scores: this.#scores, ids: this.#previousIds };
    this.#sentences = next.sentences;
    this.#scores = next.scores;
    this.#previousIds = next.ids;
    return kept === before && parents.every((parent, row) => parent === row) ? undefined : parents;
  }

  /** Extends the rows of a sentence into rows from `kept` on. Gives the number of rows then kept. */
  #extend(
    sentence: number,
    group: number,
    kept: number,
    { capacity, counts, totals, logProbabilities, rows, ids }: Extensions,
    attention: readonly Float32Array[] | undefined,
  ): number {
    const { beam, penalty, endId } = this.#options;
    const next = this.#next;
    const finished = this.#finished[sentence] as Hypothesis[];
    const first = group * capacity;
    const end = first + (counts[group] as number);
    let row = kept;
    for (let place = first; place < end && row < kept + beam; place++) {
      const [from, score, logProbability] = [rows[place] as number, totals[place] as number, logProbabilities[place] as number];
      if (ids[place] === endId) {
        if (place - first >= beam) continue;
        const path = this.#history.path(sentence, { row: from, logProbability, attention });
        insertByScore(finished, { ...path, logProbability: score, score: score / penalty(path.ids.length + 1) });
        if (this.#isConstant && finished.length > beam) finished.pop();
      } else {
        next.sentences[row] = sentence;
        next.scores[row] = score;
        next.ids[row] = ids[place] as number;
        next.parents[row] = from;
        next.logProbabilities[row] = logProbability;
        row++;
      }
    }
    if (row === kept && finished.length === 0) throw nothingMayFollow(this.#options.nameOf(sentence), this.#history.length(sentence));
    return row > kept && this.#goesOn(sentence, next.scores[kept] as number) ? row : kept;
  }

  /** Whether a sentence is not done yet; `best` is the sum of the best row that lives on. */
  #goesOn(sentence: number, best: number): boolean {
    const { beam, nbest, penalty, maximumLengths, stopping } = this.#options;
    const worst = (this.#finished[sentence] as Hypothesis[])[(this.#isConstant ? beam : nbest) - 1];
    if (worst === undefined) return true;
    if (this.#isConstant && stopping === 'first') return false;
    const isNow = this.#isConstant && stopping === 'likely';
    const length = isNow ? this.#history.length(sentence) + 1 : (maximumLengths[sentence] as number) + 1;
    return best / penalty(length) > worst.score;
  }
}

/** After its equals. */
function insertByScore(hypotheses: Hypothesis[], hypothesis: Hypothesis): void {
  let place = hypotheses.length;
  while (place > 0 && (hypotheses[place - 1] as Hypothesis).score < hypothesis.score) place--;
  hypotheses.splice(place, 0, hypothesis);
}
