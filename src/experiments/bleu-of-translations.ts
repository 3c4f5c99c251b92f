import { sentenceInterval } from '../analysis/examination/effects.js';
import { differenceOfMeans, type Estimated, mean, within } from '../analysis/examination/means.js';
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

/** Translations of one test set by copies of a system: trainings that differ only in their seeds. */
export interface ScoredCopies {
  /** Of every sentence, for each copy. */
  readonly statistics: readonly (readonly Float64Array[])[];
  /** Of each copy. */
  readonly bleu: readonly number[];
}

export async function scoredCopies(laboratory: Laboratory, translations: readonly Translate[]): Promise<ScoredCopies> {
  const statistics: (readonly Float64Array[])[] = [];
  for (const translation of translations) statistics.push(await bleuStatistics(laboratory, translation));
  return { statistics, bleu: statistics.map((copy) => bleu().score(sumStatistics(copy)).score) };
}

/** With fewer copies an interval over them is nearly useless; sentences are resampled instead. */
const fewestCopies = 3;

export function isOverCopies({ bleu }: ScoredCopies): boolean {
  return bleu.length >= fewestCopies;
}

/** The mean over copies, with an interval over them if there are enough, otherwise over sentences. */
export async function meanBleu(one: ScoredCopies, signal: AbortSignal | undefined): Promise<Estimated> {
  const estimate = isOverCopies(one) ? mean(one.bleu) : await overSentences([one], ([score]) => score ?? 0, signal);
  return within(estimate, ...bleuBounds);
}

/** The difference between two systems, with an interval over copies if both have enough, otherwise over sentences. */
export async function effectOnBleu(before: ScoredCopies, now: ScoredCopies, signal: AbortSignal | undefined): Promise<Estimated> {
  if (isOverCopies(before) && isOverCopies(now)) return differenceOfMeans(before.bleu, now.bleu);
  return overSentences([before, now], ([former = 0, present = 0]) => present - former, signal);
}

/** A function of systems' scores, each the mean over its copies, with an interval over sentences. */
function overSentences(systems: readonly ScoredCopies[], figure: (scores: number[]) => number, signal: AbortSignal | undefined) {
  const all = systems.flatMap(({ statistics }) => statistics);
  const size = all[0]?.[0]?.length ?? 0;
  const joined = (all[0] ?? []).map((_, sentence) => Float64Array.from(all.flatMap((copy) => [...(copy[sentence] as Float64Array)])));
  return sentenceInterval(
    joined,
    (sum) => {
      const scores = all.map((_, copy) => bleu().score(sum.subarray(copy * size, (copy + 1) * size)).score).values();
      return figure(systems.map(({ statistics }) => mean(statistics.map(() => scores.next().value ?? Number.NaN)).value));
    },
    { signal },
  );
}
