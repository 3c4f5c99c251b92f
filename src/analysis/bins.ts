import { type IntervalOptions, type ScoredSentences, type ScoreInterval, scoreInterval } from './scored-sentences.js';

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

export interface ScoredBin extends ScoreInterval {
  readonly least: number;
  readonly greatest: number;
  readonly sentences: number;
}

/** The score of each bin as if it were a test set of its own. */
export async function scoreBins(
  { metric, statistics }: ScoredSentences,
  bins: readonly Bin[],
  { label = 'resampling parts', onProgress, ...options }: IntervalOptions & { readonly label?: string } = {},
): Promise<ScoredBin[]> {
  const scored: ScoredBin[] = [];
  for (const [index, { least, greatest, sentences }] of bins.entries()) {
    const interval = await scoreInterval(
      { metric, statistics: sentences.map((sentence) => statistics[sentence] as Float64Array) },
      { ...options, onProgress: (progress) => onProgress?.({ label, fraction: (index + (progress.fraction ?? 0)) / bins.length }) },
    );
    scored.push({ least, greatest, sentences: sentences.length, ...interval });
  }
  return scored;
}
