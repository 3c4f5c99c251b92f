import { DecadeError } from '../core/errors.js';
import type { Extensions, RowGroups } from '../tensor/operations/search.js';
import { endId } from '../text/tokenizer.js';
import type { LengthPenalty } from './length-penalty.js';
import type { LiveRows } from './processors.js';
import { type Path, SearchHistory } from './search-history.js';

/** A complete translation of one sentence. */
export interface Hypothesis {
  /** Target ids without `<s>` and `</s>`. */
  readonly ids: Int32Array;
  /** Log-probability of each token given those before, in nats; one more than `ids`: the last is that of `</s>`. */
  readonly tokenLogProbabilities: Float32Array;
  /** Their sum. */
  readonly logProbability: number;
  /** What it is ranked by: `logProbability` divided by the length penalty. */
  readonly score: number;
  /** For each token, `</s>` included, a distribution over the source tokens in their written order. */
  readonly attention: readonly Float32Array[] | undefined;
}

export interface BeamsOptions {
  readonly beam: number;
  readonly nbest: number;
  readonly penalty: LengthPenalty;
  /** What the translation of each sentence begins with. */
  readonly prefixes: readonly Path[];
  /** Most tokens of each sentence, its prefix counted and `</s>` not. */
  readonly maximumLengths: Int32Array;
  /** What a message calls a sentence. */
  nameOf(sentence: number): string;
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
 * Ties go to the row, then to the token, that ranked before.
 */
export class Beams implements LiveRows {
  readonly #options: BeamsOptions;
  readonly #history = new SearchHistory();
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
    const { prefixes, beam } = options;
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

  /** Steps that have been taken. */
  get steps(): number {
    return this.#history.length;
  }

  length(row: number): number {
    return this.#prefix(this.sentence(row)).ids.length + this.steps;
  }

  /** The last token of every row, once a step has been taken. */
  get previousIds(): Int32Array {
    return this.#previousIds.subarray(0, this.#count);
  }

  /** The rows of every sentence that is not done, and how many of their extensions it can take. */
  get groups(): RowGroups {
    const starts: number[] = [];
    const places: number[] = [];
    for (let row = 0; row < this.#count; row++) {
      const sentence = this.sentence(row);
      if (row > 0 && this.sentence(row - 1) === sentence) continue;
      starts.push(row);
      places.push(this.#options.beam - (this.#finished[sentence] as Hypothesis[]).length);
    }
    starts.push(this.#count);
    return { starts: Int32Array.from(starts), places: Int32Array.from(places), scores: this.#scores.subarray(0, this.#count) };
  }

  sentence(row: number): number {
    return this.#sentences[row] as number;
  }

  ids(row: number): Int32Array {
    const before = this.#prefix(this.sentence(row)).ids;
    const ids = new Int32Array(this.length(row));
    ids.set(before);
    ids.set(this.#history.ids(row), before.length);
    return ids;
  }

  #prefix(sentence: number): Path {
    return this.#options.prefixes[sentence] as Path;
  }

  /** The best complete hypotheses of every sentence, best first. */
  get results(): Hypothesis[][] {
    return this.#finished.map((hypotheses) => hypotheses.slice(0, this.#options.nbest));
  }

  /** Takes a step: the best extensions of `groups`. Gives the row that each row of now extends, or undefined when every row extends itself. */
  advance(extensions: Extensions, attention: readonly Float32Array[] | undefined): Int32Array | undefined {
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
    const { nbest, penalty, maximumLengths } = this.#options;
    const next = this.#next;
    const finished = this.#finished[sentence] as Hypothesis[];
    const prefix = this.#prefix(sentence);
    const end = group * capacity + (counts[group] as number);
    let row = kept;
    for (let place = group * capacity; place < end; place++) {
      const [from, score, logProbability] = [rows[place] as number, totals[place] as number, logProbabilities[place] as number];
      if (ids[place] === endId) {
        const path = joined(prefix, this.#history.path({ row: from, logProbability, attention }));
        insertByScore(finished, { ...path, logProbability: score, score: score / penalty(path.ids.length + 1) });
      } else {
        next.sentences[row] = sentence;
        next.scores[row] = score;
        next.ids[row] = ids[place] as number;
        next.parents[row] = from;
        next.logProbabilities[row] = logProbability;
        row++;
      }
    }
    if (row === kept && finished.length === 0) throw nothingMayFollow(this.#options.nameOf(sentence), prefix.ids.length + this.steps);
    const worst = finished[nbest - 1];
    if (worst === undefined) return row;
    const reachable = (next.scores[kept] as number) / penalty((maximumLengths[sentence] as number) + 1);
    return row > kept && reachable > worst.score ? row : kept;
  }
}

function joined(prefix: Path, path: Path): Path {
  if (prefix.ids.length === 0) return path;
  return {
    ids: Int32Array.of(...prefix.ids, ...path.ids),
    tokenLogProbabilities: Float32Array.of(...prefix.tokenLogProbabilities, ...path.tokenLogProbabilities),
    attention: path.attention && [...(prefix.attention ?? []), ...path.attention],
  };
}

/** After its equals. */
function insertByScore(hypotheses: Hypothesis[], hypothesis: Hypothesis): void {
  let place = hypotheses.length;
  while (place > 0 && (hypotheses[place - 1] as Hypothesis).score < hypothesis.score) place--;
  hypotheses.splice(place, 0, hypothesis);
}

function nothingMayFollow(sentence: string, length: number): DecadeError {
  return new DecadeError('numeric', {
    where: `search, ${sentence}, after ${length} tokens`,
    received: 'no token that can follow',
    allowed: 'finite scores for at least one token',
    next: 'check that the loss of the model was not NaN, and that minimumLength and forbidRepeats leave a choice',
  });
}
