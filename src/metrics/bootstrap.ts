import { randomKey, uniformInteger } from '../core/random.js';
import type { Metric } from './metric.js';

/** As many as sacreBLEU draws. */
export const standardResamples = 1_000;
/** sacreBLEU's; the numbers drawn with it are others. */
export const standardSeed = 12_345;

/**
 * Draws test sets of the same size with replacement (Efron 1979) and scores every system on each, all on the same draws,
 * so that systems can be compared in pairs (Koehn 2004, "Statistical significance tests for machine translation
 * evaluation").
 *
 * @param systems  statistics of every sentence (`Metric.statistics`), for each system, of the same sentences
 * @returns        the score of each system on the draw with this number
 */
export function resampler(
  metric: Pick<Metric, 'score'>,
  systems: readonly (readonly Float64Array[])[],
  seed = standardSeed,
): (resample: number) => number[] {
  const sentences = systems[0]?.length ?? 0;
  const size = systems[0]?.[0]?.length ?? 0;
  // One block of memory a system: a draw visits rows in any order.
  const rows = systems.map((statistics) => {
    const block = new Float64Array(sentences * size);
    for (let sentence = 0; sentence < sentences; sentence++) block.set(statistics[sentence] as Float64Array, sentence * size);
    return block;
  });
  const drawn = new Int32Array(sentences);
  return (resample) => {
    drawSentences(drawn, seed, resample);
    return rows.map((block) => {
      const sum = new Float64Array(size);
      for (let place = 0; place < sentences; place++) {
        const row = (drawn[place] as number) * size;
        for (let index = 0; index < size; index++) sum[index] = (sum[index] as number) + (block[row + index] as number);
      }
      return metric.score(sum).score;
    });
  };
}

/** Fills `drawn` with the numbers of as many sentences, drawn with replacement: always the same ones for a seed and a number. */
export function drawSentences(drawn: Int32Array, seed: number, resample: number): void {
  const key = randomKey(seed, 'bootstrap', resample);
  for (let place = 0; place < drawn.length; place++) drawn[place] = uniformInteger(key, place, drawn.length);
}

/** Where the middle 95 % of resampled scores lie, by the same places in their order as sacreBLEU's. */
export function confidenceInterval(scores: ArrayLike<number>): { low: number; high: number } {
  const sorted = Float64Array.from(scores).sort();
  const cut = Math.floor(sorted.length / 40);
  return { low: sorted[cut] ?? Number.NaN, high: sorted[sorted.length - cut - 1] ?? Number.NaN };
}

/**
 * How likely a difference at least as large would be if the systems were equally good, by the paired bootstrap as
 * sacreBLEU computes it: how often |δ*| - mean |δ*| exceeds the difference on the whole test set, δ* being the
 * differences on the draws. At least 1 / (draws + 1), and 1 for equal scores, where sacreBLEU's count would say the least.
 *
 * @param difference  of the two systems on the whole test set
 */
export function pairedBootstrapProbability(baseline: ArrayLike<number>, system: ArrayLike<number>, difference: number): number {
  if (difference === 0) return 1;
  const differences = Float64Array.from(baseline, (score, resample) => Math.abs((system[resample] as number) - score));
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  const exceeded = differences.filter((value) => value - mean > Math.abs(difference)).length;
  return (exceeded + 1) / (differences.length + 1);
}
