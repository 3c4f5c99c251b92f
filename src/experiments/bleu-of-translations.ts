import { scoreSentences } from '../analysis/examination/scored-sentences.js';
import { bleu } from '../metrics/bleu.js';
import { sumStatistics } from '../metrics/evaluate.js';
import type { Laboratory } from './laboratory.js';
import type { Translate } from './steps.js';

/** What no BLEU can be beyond. */
export const bleuBounds = [0, 100] as const;

/** Statistics by BLEU of every sentence that was translated. */
export async function bleuStatistics(laboratory: Laboratory, translation: Translate): Promise<readonly Float64Array[]> {
  const { signal } = laboratory.options;
  const { texts } = await laboratory.result(translation);
  return (await scoreSentences(bleu(), texts, [translation.sentences.references], { signal })).statistics;
}

/** BLEU of each of some translations. */
export async function bleuOfEach(laboratory: Laboratory, translations: readonly Translate[]): Promise<number[]> {
  const scores: number[] = [];
  for (const translation of translations) {
    scores.push(bleu().score(sumStatistics(await bleuStatistics(laboratory, translation))).score);
  }
  return scores;
}
