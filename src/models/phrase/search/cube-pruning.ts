import { CandidateHeap } from './candidate-heap.js';
import type { PhraseExtensions } from './extensions.js';
import { featureIndex, type TranslationWeights } from './features.js';
import type { FutureCosts } from './future-costs.js';
import type { LanguageModelCache } from './language-model-cache.js';
import type { HypothesisState, Lattice } from './lattice.js';
import { jump, type LexicalisedReordering } from './reordering.js';
import type { TranslationOptions } from './translation-options.js';

/** All that the search knows of one sentence. */
export interface SearchedSentence {
  readonly options: TranslationOptions;
  readonly futureCosts: FutureCosts;
  readonly extensions: PhraseExtensions;
  readonly reordering: LexicalisedReordering;
  readonly lattice: Lattice;
  readonly weights: TranslationWeights;
  readonly languageModel: LanguageModelCache;
  /** `</s>` of the target. */
  readonly endId: number;
}

/**
 * The extensions of hypotheses to those that have translated more, looked at in the order in which they promise most (Huang and Chiang
 * 2007). Hypotheses that agree in coverage and end are the rows of a cube, the options of a span its columns, both best first, so
 * that its best cells lie in the corner where both begin. A cell is scored when the one before it was taken.
 */
export class CubePruning {
  readonly #search: SearchedSentence;
  readonly #languageModelWeight: number;
  readonly #distortionWeight: number;
  /** Hypotheses, those of a cube one after the other. */
  readonly #rows: number[] = [];
  /** By cube: its rows, its extension, and what the jump to it adds to the score. */
  readonly #firstRows: number[] = [];
  readonly #afterLastRows: number[] = [];
  readonly #extensions: number[] = [];
  readonly #distortions: number[] = [];
  /** The cubes that lead to so many translated source words. */
  readonly #cubes: number[][];
  /** Cells of the cubes that are looked at now: where they are, their score and the state of the language model after them. */
  #cells = 0;
  readonly #cubeOf: number[] = [];
  readonly #rowOf: number[] = [];
  readonly #optionOf: number[] = [];
  readonly #scores: number[] = [];
  readonly #states: number[] = [];
  readonly #heap = new CandidateHeap();
  /** Filled anew for each hypothesis. */
  readonly #state: HypothesisState = { coverage: 0, end: 0, languageModel: 0, reordering: 0 };

  constructor(search: SearchedSentence) {
    this.#search = search;
    this.#languageModelWeight = search.weights[featureIndex('languageModel')] as number;
    this.#distortionWeight = search.weights[featureIndex('distortion')] as number;
    this.#cubes = Array.from({ length: search.options.length + 1 }, () => []);
  }

  /** Adds the cubes of hypotheses that agree in coverage and end, the best first. */
  add(hypotheses: readonly number[]): void {
    const { extensions, lattice } = this.#search;
    const [hypothesis = 0] = hypotheses;
    const firstRow = this.#rows.length;
    for (const row of hypotheses) this.#rows.push(row);
    const end = lattice.end(hypothesis);
    const [first, afterLast] = extensions.of(lattice.coverage(hypothesis));
    for (let extension = first; extension < afterLast; extension++) {
      if (!extensions.isAllowed(extension, end)) continue;
      this.#cubes[extensions.sizes[extension] as number]?.push(this.#extensions.length);
      this.#firstRows.push(firstRow);
      this.#afterLastRows.push(this.#rows.length);
      this.#extensions.push(extension);
      this.#distortions.push(-this.#distortionWeight * jump(end, extensions.starts[extension] as number));
    }
  }

  /** Puts the best extensions to so many translated words into the lattice, `limit` of them at most. */
  extend(size: number, limit: number): void {
    const { extensions } = this.#search;
    this.#heap.clear();
    this.#cells = 0;
    for (const cube of this.#cubes[size] as number[]) {
      this.#consider(cube, this.#firstRows[cube] as number, extensions.firstOptions[this.#extensions[cube] as number] as number);
    }
    for (let taken = 0; taken < limit && this.#heap.size > 0; taken++) {
      const cell = this.#heap.pop();
      this.#take(cell);
      const cube = this.#cubeOf[cell] as number;
      const extension = this.#extensions[cube] as number;
      const row = this.#rowOf[cell] as number;
      const option = this.#optionOf[cell] as number;
      // Every cell has one cell before it, so that it is considered once.
      if (option + 1 < (extensions.afterLastOptions[extension] as number)) this.#consider(cube, row, option + 1);
      if (option === extensions.firstOptions[extension] && row + 1 < (this.#afterLastRows[cube] as number))
        this.#consider(cube, row + 1, option);
    }
  }

  /** Scores a cell. */
  #consider(cube: number, row: number, option: number): void {
    const { options, extensions, lattice, languageModel, reordering, endId } = this.#search;
    const extension = this.#extensions[cube] as number;
    const hypothesis = this.#rows[row] as number;
    let state = lattice.languageModelState(hypothesis);
    let logProbability = 0;
    for (let word = options.wordBegins[option] as number; word < (options.wordBegins[option + 1] as number); word++) {
      const slot = languageModel.ask(state, options.words[word] as number);
      logProbability += languageModel.logProbabilities[slot] as number;
      state = languageModel.nextStates[slot] as number;
    }
    if (this.#isComplete(extension)) logProbability += languageModel.logProbabilities[languageModel.ask(state, endId)] as number;
    let score = (lattice.scores[hypothesis] as number) + (this.#distortions[cube] as number) + (options.scores[option] as number);
    score += this.#languageModelWeight * logProbability;
    if (reordering.isUsed) score += reordering.score(lattice.lastOption(hypothesis), option);
    const cell = this.#cells++;
    this.#cubeOf[cell] = cube;
    this.#rowOf[cell] = row;
    this.#optionOf[cell] = option;
    this.#scores[cell] = score;
    this.#states[cell] = state;
    this.#heap.push(score + (extensions.futures[extension] as number), cell);
  }

  /** Makes a hypothesis of a cell. */
  #take(cell: number): void {
    const { options, extensions, reordering, lattice } = this.#search;
    const extension = this.#extensions[this.#cubeOf[cell] as number] as number;
    const option = this.#optionOf[cell] as number;
    // Nothing comes after a complete hypothesis, so that all of them are one.
    const isComplete = this.#isComplete(extension);
    const state = this.#state;
    state.coverage = extensions.coverages[extension] as number;
    state.end = isComplete ? 0 : (options.ends[option] as number);
    state.languageModel = isComplete ? 0 : (this.#states[cell] as number);
    state.reordering = isComplete ? 0 : reordering.state(option);
    lattice.add(this.#rows[this.#rowOf[cell] as number] as number, option, this.#scores[cell] as number, state);
  }

  #isComplete(extension: number): boolean {
    return this.#search.extensions.sizes[extension] === this.#search.options.length;
  }
}
