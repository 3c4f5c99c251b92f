import { confidenceInterval, resampler, standardResamples } from '../../metrics/bootstrap.js';
import { sumStatistics } from '../../metrics/evaluate.js';
import type { Estimated } from './means.js';
import type { IntervalOptions } from './scored-sentences.js';
import { forEach } from '../work.js';

/**
 * A figure that is a function of sums over sentences, with its bootstrap interval: where it would lie on 95 % of test sets drawn
 * like this one.
 *
 * @param statistics  of every sentence, always the same number of them
 */
export async function sentenceInterval(
  statistics: readonly Float64Array[],
  figure: (sum: Float64Array) => number,
  { resamples = standardResamples, seed, ...control }: IntervalOptions = {},
): Promise<Estimated> {
  const draw = resampler({ score: (sum) => ({ score: figure(sum), details: {} }) }, [statistics], seed);
  const drawn = new Float64Array(resamples);
  await forEach('resampling', resamples, control, (resample) => {
    [drawn[resample]] = draw(resample) as [number];
  });
  return { value: figure(sumStatistics(statistics)), ...confidenceInterval(drawn) };
}
