import { CandidateHeap } from './candidate-heap.js';
import type { Coverages } from './coverage.js';
import { featureIndex, type TranslationWeights } from './features.js';
import type { FutureCosts } from './future-costs.js';
import type { LanguageModelCache } from './language-model-cache.js';
import type { HypothesisState, Lattice } from './lattice.js';
import { jump, type LexicalisedReordering } from './reordering.js';
import type { TranslationOptions } from './translation-options.js';

/** All that the search knows of one sentence. */
export interface SentenceSearch {
  readonly options: TranslationOptions;
  readonly coverages: Coverages;
  readonly futureCosts: FutureCosts;
  readonly reordering: LexicalisedReordering;
  readonly lattice: Lattice;
  readonly weights: TranslationWeights;
  readonly languageModel: LanguageModelCache;
  /** `</s>` of the target. */
  readonly endId: number;
}

/**
 * Extends hypotheses of the same coverage and end by the options of a span: the rows of a table are the hypotheses, its columns the
 * options, both best first, so that the best extensions lie in the corner where both begin (Huang and Chiang 2007).
 */
interface Cube {
  /** [firstRow, afterLastRow) of the rows of all cubes. */
  readonly firstRow: number;
  readonly afterLastRow: number;
  readonly firstOption: number;
  readonly afterLastOption: number;
  readonly coverage: number;
  readonly end: number;
  /** What the jump to the span adds to the score. */
  readonly distortion: number;
  /** What remains to be translated will add at best. */
  readonly future: number;
}

const languageModelFeature = featureIndex('languageModel');
const distortionFeature = featureIndex('distortion');

/** The extensions of hypotheses to those that have translated more, looked at in the order in which they promise most. */
export class CubePruning {
  readonly #search: SentenceSearch;
  readonly #languageModelWeight: number;
  readonly #distortionWeight: number;
  readonly #rows: number[] = [];
  /** By the number of translated source words to which they lead. */
  readonly #cubes: Cube[][];
  /** Candidates of the stack that is being filled: a cell of a cube, its score and the state of the language model after it. */
  readonly #heap = new CandidateHeap();
  readonly #cubesOf: Cube[] = [];
  readonly #rowsOf: number[] = [];
  readonly #optionsOf: number[] = [];
  readonly #scores: number[] = [];
  readonly #states: number[] = [];
  /** Filled anew for each hypothesis. */
  readonly #state: HypothesisState = { coverage: 0, end: 0, languageModel: 0, reordering: 0 };

  constructor(search: SentenceSearch) {
    this.#search = search;
    this.#languageModelWeight = search.weights[languageModelFeature] as number;
    this.#distortionWeight = search.weights[distortionFeature] as number;
    this.#cubes = Array.from({ length: search.options.length + 1 }, () => []);
  }

  /** Adds hypotheses that agree in coverage and end, the best first, as rows of the cubes that are added next. */
  addRows(nodes: readonly number[]): { readonly firstRow: number; readonly afterLastRow: number } {
    const firstRow = this.#rows.length;
    for (const node of nodes) this.#rows.push(node);
    return { firstRow, afterLastRow: this.#rows.length };
  }

  /** Adds the extensions of such rows by the options of [start, end), if it has any. */
  addCube(rows: { readonly firstRow: number; readonly afterLastRow: number }, start: number, end: number): void {
    const { options, coverages, futureCosts, lattice } = this.#search;
    const firstOption = options.first(start, end);
    const afterLastOption = options.afterLast(start, end);
    if (firstOption === afterLastOption) return;
    const node = this.#rows[rows.firstRow] as number;
    const coverage = coverages.with(lattice.coverage(node), start, end);
    this.#cubes[coverages.size(coverage)]?.push({
      ...rows,
      firstOption,
      afterLastOption,
      coverage,
      end,
      distortion: -this.#distortionWeight * jump(lattice.end(node), start),
      future: futureCosts.of(coverage, end),
    });
  }

  /** Puts the best extensions to so many translated words into the lattice, `limit` of them at most. */
  extend(size: number, limit: number): void {
    this.#heap.clear();
    this.#cubesOf.length = this.#rowsOf.length = this.#optionsOf.length = this.#scores.length = this.#states.length = 0;
    for (const cube of this.#cubes[size] as Cube[]) this.#consider(cube, cube.firstRow, cube.firstOption);
    for (let taken = 0; taken < limit && this.#heap.size > 0; taken++) {
      const candidate = this.#heap.pop();
      this.#add(candidate);
      const cube = this.#cubesOf[candidate] as Cube;
      const row = this.#rowsOf[candidate] as number;
      const option = this.#optionsOf[candidate] as number;
      // Every cell has one cell before it, so that it is considered once.
      if (option + 1 < cube.afterLastOption) this.#consider(cube, row, option + 1);
      if (option === cube.firstOption && row + 1 < cube.afterLastRow) this.#consider(cube, row + 1, option);
    }
    this.#cubes[size] = [];
  }

  /** Scores a cell of a cube and makes it a candidate. */
  #consider(cube: Cube, row: number, option: number): void {
    const { options, lattice, languageModel, reordering, endId } = this.#search;
    const node = this.#rows[row] as number;
    let state = lattice.languageModelState(node);
    let logProbability = 0;
    for (let word = options.wordBegins[option] as number; word < (options.wordBegins[option + 1] as number); word++) {
      const slot = languageModel.ask(state, options.words[word] as number);
      logProbability += languageModel.logProbabilities[slot] as number;
      state = languageModel.nextStates[slot] as number;
    }
    if (this.#isComplete(cube)) logProbability += languageModel.logProbabilities[languageModel.ask(state, endId)] as number;
    let score = (lattice.scores[node] as number) + cube.distortion + (options.scores[option] as number);
    score += this.#languageModelWeight * logProbability;
    if (reordering.isUsed) score += reordering.score(lattice.lastOption(node), option);
    const candidate = this.#scores.length;
    this.#cubesOf.push(cube);
    this.#rowsOf.push(row);
    this.#optionsOf.push(option);
    this.#scores.push(score);
    this.#states.push(state);
    this.#heap.push(score + cube.future, candidate);
  }

  #add(candidate: number): void {
    const { reordering, lattice } = this.#search;
    const cube = this.#cubesOf[candidate] as Cube;
    const option = this.#optionsOf[candidate] as number;
    // Nothing comes after a complete hypothesis, so that all of them are one.
    const isComplete = this.#isComplete(cube);
    this.#state.coverage = cube.coverage;
    this.#state.end = isComplete ? 0 : cube.end;
    this.#state.languageModel = isComplete ? 0 : (this.#states[candidate] as number);
    this.#state.reordering = isComplete ? 0 : reordering.state(option);
    lattice.add(this.#rows[this.#rowsOf[candidate] as number] as number, option, this.#scores[candidate] as number, this.#state);
  }

  #isComplete({ coverage }: Cube): boolean {
    return this.#search.coverages.size(coverage) === this.#search.options.length;
  }
}
