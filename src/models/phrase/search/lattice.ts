import { InternedTuples } from './interned-tuples.js';

/** What decides how a hypothesis can go on: those that agree in all of it are one. */
export interface HypothesisState {
  /** Source words that are translated. */
  coverage: number;
  /** Where the last phrase ended in the source. */
  end: number;
  languageModel: number;
  reordering: number;
}

/**
 * All hypotheses that a search has made, recombined. A node stands for all hypotheses that can only go on alike; an arc leads to it
 * from a node before it by one translation option. Both are numbers, in the order in which they were made: the node 0 is the empty
 * hypothesis. Columns are arrays that only grow, of small integers or of doubles, which engines keep unboxed.
 */
export class Lattice {
  /** By node: its best score, its best arc (-1 for the start), and its arc that was made last. */
  readonly scores: number[] = [];
  readonly bestArcs: number[] = [];
  readonly #lastArcs: number[] = [];
  /** By arc: the node that it leaves, its option, the best score of all ways that end with it, and the arc before it to the same node. */
  readonly origins: number[] = [];
  readonly options: number[] = [];
  readonly arcScores: number[] = [];
  readonly #earlierArcs: number[] = [];
  readonly #states = new InternedTuples(4);

  constructor(start: HypothesisState) {
    this.#node(start);
    this.scores[0] = 0;
  }

  get nodes(): number {
    return this.scores.length;
  }

  coverage(node: number): number {
    return this.#states.at(node, 0);
  }

  end(node: number): number {
    return this.#states.at(node, 1);
  }

  languageModelState(node: number): number {
    return this.#states.at(node, 2);
  }

  /** Adds a way to a state. Of equally good ones the first is the best. */
  add(origin: number, option: number, score: number, state: HypothesisState): void {
    const node = this.#node(state);
    const arc = this.origins.length;
    this.origins.push(origin);
    this.options.push(option);
    this.arcScores.push(score);
    this.#earlierArcs.push(this.#lastArcs[node] as number);
    this.#lastArcs[node] = arc;
    if (score > (this.scores[node] as number)) {
      this.scores[node] = score;
      this.bestArcs[node] = arc;
    }
  }

  /** The option that the best hypothesis of a node ends with; -1 for the start. */
  lastOption(node: number): number {
    const arc = this.bestArcs[node] as number;
    return arc < 0 ? -1 : (this.options[arc] as number);
  }

  /** All arcs to a node, the best first. */
  arcsTo(node: number): number[] {
    const arcs: number[] = [];
    for (let arc = this.#lastArcs[node] as number; arc >= 0; arc = this.#earlierArcs[arc] as number) arcs.push(arc);
    return arcs.sort((a, b) => (this.arcScores[b] as number) - (this.arcScores[a] as number) || a - b);
  }

  #node({ coverage, end, languageModel, reordering }: HypothesisState): number {
    const { tuple } = this.#states;
    tuple[0] = coverage;
    tuple[1] = end;
    tuple[2] = languageModel;
    tuple[3] = reordering;
    const node = this.#states.intern();
    if (node === this.scores.length) {
      this.scores.push(-Infinity);
      this.bestArcs.push(-1);
      this.#lastArcs.push(-1);
    }
    return node;
  }
}
