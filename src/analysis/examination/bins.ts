import { sumStatistics } from '../../metrics/evaluate.js';
import { type IntervalOptions, type ScoredSentences, type ScoreInterval, scoreInterval } from './scored-sentences.js';
import type { WorkProgress } from '../work.js';

/** Sentences whose values lie between two bounds, both included. */
export interface Bin {
  readonly least: number;
  readonly greatest: number;
  /** Which sentences, rising. */
  readonly sentences: readonly number[];
}

/** The sentences in order of a value, cut into at most `most` parts of about the same size; equal values stay together. */
export function equalBins(values: ArrayLike<number>, most: number): Bin[] {
  const order = Array.from(values, (_, sentence) => sentence).sort((a, b) => (values[a] as number) - (values[b] as number) || a - b);
  const usual = Math.max(1, Math.round(order.length / most));
  const bins: Bin[] = [];
  for (let start = 0; start < order.length; ) {
    const isLast = bins.length === most - 1 || order.length - start < 1.5 * usual;
    let end = isLast ? order.length : start + usual;
    const valueAt = (place: number) => values[order[place] as number] as number;
    while (end < order.length && valueAt(end) === valueAt(end - 1)) end++;
    bins.push({ least: valueAt(start), greatest: valueAt(end - 1), sentences: order.slice(start, end).sort((a, b) => a - b) });
    start = end;
  }
  return bins;
}

/**
 * With fewer sentences nothing is concluded from a part: draws from so few repeat the same ones, and the bootstrap's interval is
 * then too narrow.
 */
export const fewestForInterval = 20;

export interface ScoredBin extends Pick<ScoreInterval, 'score'> {
  readonly least: number;
  readonly greatest: number;
  readonly sentences: number;
  /** Undefined for fewer than 20 sentences. */
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/** The score of each bin as if it were a test set of its own. */
export async function scoreBins(
  { metric, statistics }: ScoredSentences,
  bins: readonly Bin[],
  { label = 'resampling parts', onProgress, ...options }: IntervalOptions & { readonly label?: string } = {},
): Promise<ScoredBin[]> {
  const scored: ScoredBin[] = [];
  for (const [index, { least, greatest, sentences }] of bins.entries()) {
    const chosen = sentences.map((sentence) => statistics[sentence] as Float64Array);
    const bin = { least, greatest, sentences: sentences.length, score: metric.score(sumStatistics(chosen)).score };
    if (sentences.length < fewestForInterval) {
      scored.push({ ...bin, low: undefined, high: undefined });
      continue;
    }
    const tell = (fraction = 0) => onProgress?.({ label, fraction: (index + fraction) / bins.length });
    const interval = { ...options, onProgress: (progress: WorkProgress) => tell(progress.fraction) };
    scored.push({ ...bin, ...(await scoreInterval({ metric, statistics: chosen }, interval)) });
  }
  return scored;
}
