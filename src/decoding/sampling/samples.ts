import { randomKey, uniform } from '../../core/random.js';
import type { Scope } from '../../tensor/device.js';
import { type LastToken, SearchHistory } from '../search-history.js';
import {
  type DrawnToken,
  type Hypothesis,
  nothingMayFollow,
  type Predictions,
  type SearchRows,
  type SearchRowsOptions,
} from '../search-rows.js';
import { Candidates } from './candidates.js';
import type { SamplingOptions } from '../sampling-options.js';
import { type CandidateProcessor, candidateProcessors } from './processors.js';
import { RowDistributions } from './row-distribution.js';
import { type StopStrings, StopWatch } from './stop-strings.js';

/** A text that goes on from its beginning, rather than a translation, which `</s>` ends: it is cut at its maximum length. */
export interface Continuation {
  /** It also ends after these. */
  readonly stop?: StopStrings | undefined;
}

export interface SamplesOptions extends SearchRowsOptions {
  readonly sample: SamplingOptions;
  readonly continuation: Continuation | undefined;
  /** The number of each sentence: what is drawn for it depends on no other. */
  readonly numbers: readonly number[];
}

interface LiveSample {
  readonly sentence: number;
  readonly sample: number;
  /** End of what it has spelt. */
  readonly tail: string;
}

/**
 * Samples of all sentences of a batch. Each row draws its next token by itself; the first step draws that of every sample from the
 * one row of its sentence, which reads its source and its prefix once.
 *
 * A draw is the point where the cumulative distribution, by token id, passes a random number that depends on the seed, the sentence,
 * the sample and the position only (`core/random.ts`).
 */
export class Samples implements SearchRows {
  readonly #options: SamplesOptions;
  readonly #history: SearchHistory;
  readonly #processors: readonly CandidateProcessor[];
  readonly #watch: StopWatch | undefined;
  /** By sentence, in the order of the samples. */
  readonly #finished: Hypothesis[][];
  #candidates: Candidates | undefined;
  #rows: readonly LiveSample[];
  #previousIds = new Int32Array(0);
  #drawn: readonly DrawnToken[] = [];

  /** One row for each sentence, in their order. */
  constructor(options: SamplesOptions) {
    const { prefixes, sample, continuation } = options;
    this.#options = options;
    this.#history = new SearchHistory(prefixes);
    this.#processors = candidateProcessors(sample);
    this.#watch = continuation?.stop && new StopWatch(continuation.stop);
    this.#finished = prefixes.map(() => []);
    this.#rows = prefixes.map((_, sentence) => ({ sentence, sample: 0, tail: '' }));
  }

  get count(): number {
    return this.#rows.length;
  }

  get steps(): number {
    return this.#history.steps;
  }

  get previousIds(): Int32Array {
    return this.#previousIds;
  }

  get drawn(): readonly DrawnToken[] {
    return this.#drawn;
  }

  length(row: number): number {
    return this.#history.length(this.sentence(row));
  }

  sentence(row: number): number {
    return this.#row(row).sentence;
  }

  ids(row: number): Int32Array {
    return this.#history.ids(this.sentence(row), row);
  }

  /** The samples of every sentence, in the order of their numbers. */
  get results(): Hypothesis[][] {
    return this.#finished;
  }

  advance(scope: Scope, { logits, normalisers, attention }: Predictions): Int32Array | undefined {
    const { continuation, maximumLengths, numbers, endId } = this.#options;
    const { seed, samples } = this.#options.sample;
    const distributions = new RowDistributions(scope, logits, this.#options.sample);
    const next = { rows: [] as LiveSample[], ids: [] as number[], parents: [] as number[], logProbabilities: [] as number[] };
    const drawn: DrawnToken[] = [];
    for (const [row, { sentence, sample, tail }] of this.#rows.entries()) {
      const candidates = this.#candidatesOf(row, distributions, logits.dimension(1));
      const length = this.length(row);
      const number = numbers[sentence] as number;
      for (const each of this.steps === 0 ? Array.from({ length: samples }, (_, index) => index) : [sample]) {
        const id = candidates.at(uniform(randomKey(seed, 'sample', number, each), length));
        const logProbability = ownLogProbability({ logits, normalisers }, row, id);
        if (id !== endId) drawn.push({ sentence, sample: each, id });
        const spelt = id === endId || this.#watch === undefined ? tail : this.#watch.follow(tail, id, length === 0);
        const isCut = continuation !== undefined && length + 1 >= (maximumLengths[sentence] as number);
        if (id === endId || spelt === undefined || isCut) {
          this.#finish(sentence, each, id, { row, logProbability, attention });
        } else {
          next.rows.push({ sentence, sample: each, tail: spelt });
          next.ids.push(id);
          next.parents.push(row);
          next.logProbabilities.push(logProbability);
        }
      }
    }
    const before = this.count;
    const [ids, parents] = [Int32Array.from(next.ids), Int32Array.from(next.parents)];
    this.#history.push({ ids, parents, logProbabilities: Float32Array.from(next.logProbabilities), attention });
    this.#rows = next.rows;
    this.#previousIds = ids;
    this.#drawn = drawn;
    return parents.length === before && parents.every((parent, row) => parent === row) ? undefined : parents;
  }

  #row(row: number): LiveSample {
    return this.#rows[row] as LiveSample;
  }

  /** What may follow a row, as the options make it. */
  #candidatesOf(row: number, distributions: RowDistributions, vocabulary: number): Candidates {
    const { logProbabilities, probabilities } = distributions.of(row, () => this.ids(row));
    this.#candidates ??= new Candidates(vocabulary);
    this.#candidates.fill(logProbabilities, probabilities);
    if (!(this.#candidates.total > 0)) throw nothingMayFollow(this.#options.nameOf(this.sentence(row)), this.length(row));
    for (const process of this.#processors) process(this.#candidates);
    return this.#candidates;
  }

  /** `id` is its last token, which belongs to the text unless it is `</s>`. */
  #finish(sentence: number, sample: number, id: number, last: LastToken): void {
    const path = this.#history.path(sentence, last);
    const logProbability = path.tokenLogProbabilities.reduce((sum, value) => sum + value, 0);
    const score = logProbability / this.#options.penalty(path.tokenLogProbabilities.length);
    const ids = id === this.#options.endId ? path.ids : Int32Array.of(...path.ids, id);
    (this.#finished[sentence] as Hypothesis[])[sample] = { ...path, ids, logProbability, score };
  }
}

/** The model's own, whatever was made of it before the token was drawn. */
function ownLogProbability({ logits, normalisers }: Omit<Predictions, 'attention'>, row: number, id: number): number {
  const [maximum, logarithm] = [normalisers.rows.f32[2 * row] as number, normalisers.rows.f32[2 * row + 1] as number];
  return (logits.f32[row * logits.dimension(1) + id] as number) - maximum - logarithm;
}
