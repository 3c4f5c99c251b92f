/**
 * The version of sacreBLEU whose definitions, figures and signatures the metrics follow (Post 2018, "A call for clarity
 * in reporting BLEU scores"). Signatures name it, so that scores can be compared with those of other systems.
 */
const definition = '2.6.0';

/** A score and the figures it was made of. */
export interface MetricScore {
  /** Between 0 and 100 (TER may exceed 100). */
  score: number;
  /** Parts of the score by name, e.g. `precisions`, `brevityPenalty`. */
  details: Record<string, number | number[]>;
}

/**
 * A metric of translations. A score is a function of sums over sentences, so that a corpus is scored by adding the
 * statistics of its sentences, and a resampled corpus by adding them again in other numbers.
 */
export interface Metric {
  /** Key in the table of metrics, e.g. `chrf++`. */
  readonly name: string;
  /** As printed, e.g. `chrF2++`. */
  readonly label: string;
  readonly higherIsBetter: boolean;
  /** sacreBLEU's signature, for this number of references per sentence. */
  signature(references: number | 'var'): string;
  /** Sufficient statistics of one sentence: always the same number of them. At least one reference, which may be empty. */
  statistics(hypothesis: string, references: readonly string[]): Float64Array;
  /** The score for summed statistics. */
  score(statistics: Float64Array): MetricScore;
}

/** `nrefs:1|case:mixed|...|version:2.6.0`. */
export function formatSignature(references: number | 'var', parts: Record<string, string | number>): string {
  return [`nrefs:${references}`, ...Object.entries(parts).map(([key, value]) => `${key}:${value}`), `version:${definition}`].join('|');
}

export function yesOrNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
