/** A text that was proposed for a source: by a beam, by sampling, by another system. */
export interface Candidate {
  readonly text: string;
  /** By what the list was ranked: of decade's own translations, the log-probability divided by the length penalty. */
  readonly score: number;
  /** Natural logarithm; undefined where the system does not say. */
  readonly logProbability?: number | undefined;
}

/** All candidates of one source, in the order of the n-best list or of the samples' numbers. */
export interface CandidateList {
  readonly source: string;
  readonly candidates: readonly Candidate[];
  /** Whether they were drawn at random, so that probable ones are there more often; undefined where nobody knows. */
  readonly areSamples?: boolean | undefined;
}

/** What it took to value the candidates of one list. */
export interface SelectionCost {
  /** Pairs of texts that were compared, or candidates that another model or system has scored. */
  readonly evaluations: number;
  /** Floating-point operations of models, estimated; 0 where none took part. */
  readonly operations: number;
  readonly seconds: number;
}

/** What a criterion says of one list. */
export interface Valuation {
  /** Of each candidate, in the order of the list; higher is better, -Infinity for what must not be chosen. */
  readonly values: ArrayLike<number>;
  readonly cost: SelectionCost;
}

export interface SelectionControl {
  /** Rejects with its reason soon after it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A reason to choose one candidate over another: the search's own score, expected utility, votes, the opinion of another model or of
 * a function of the user's own. A `Selection` adds them up.
 */
export interface Criterion {
  /** Of its values among the features of an n-best list: a word, `mbr`. */
  readonly name: string;
  /**
   * One valuation per list, in their order. Lists come together so that a device can work on them as a batch; what is said of one
   * must not depend on the others.
   */
  valuations(lists: readonly CandidateList[], control: SelectionControl): Promise<readonly Valuation[]>;
}

/** The search's own score, as another criterion among others. */
export const ownScore: Criterion = {
  name: 'own',
  valuations: async (lists) =>
    lists.map(({ candidates }) => ({
      values: Float64Array.from(candidates, ({ score }) => score),
      cost: { evaluations: 0, operations: 0, seconds: 0 },
    })),
};
