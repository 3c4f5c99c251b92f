import { turns } from '../../core/event-loop.js';
import { bleu } from '../../metrics/bleu.js';
import { chrf } from '../../metrics/chrf.js';
import type { NgramScore } from '../../metrics/ngram-metric.js';
import { PairwiseScores } from '../../metrics/pairwise.js';
import { unigramF } from '../../metrics/unigram-f.js';
import type { Candidate, CandidateList, Criterion, SelectionControl, Valuation } from './criterion.js';
import { type CandidateWeights, type DistinctTexts, distinctTexts } from './distinct-texts.js';

/** How alike two texts are, from 0 to 100: sentence scores as sacreBLEU's, and `unigram`, the F-score of words. */
export const utilities = {
  chrf: () => chrf(),
  'chrf++': () => chrf({ wordOrder: 2 }),
  bleu: () => bleu({ effectiveOrder: true }),
  unigram: unigramF,
} as const satisfies Record<string, () => NgramScore>;

export type UtilityName = keyof typeof utilities;

export interface MinimumBayesRiskOptions {
  readonly utility: UtilityName;
  /** How much each pseudo-reference counts; see `distinctTexts` for the default. */
  readonly weights?: CandidateWeights | undefined;
  /** Which texts are worth the utility; undefined: all. */
  readonly coarse?: CoarseOptions | undefined;
}

export interface CoarseOptions {
  readonly utility: UtilityName;
  /** Pseudo-references of the coarse utility: the first so many distinct texts, which of samples are a random choice. */
  readonly references?: number | undefined;
  /** Texts with the highest coarse utility that are kept. */
  readonly keep: number;
}

/**
 * Minimum Bayes risk decoding (Kumar and Byrne 2004; Eikema and Aziz 2020): every candidate is worth what it is expected to be as a
 * translation if one of the candidates, with their weights, is the right one,
 *
 *     value(h) = sum over r of weight(r) utility(h, r)
 *
 * which of all candidates is highest for the one that most others agree with. With `coarse`, a cheap utility or few pseudo-references
 * choose the texts that are worth more (coarse to fine, Eikema and Aziz 2022); the others are worth 0, the least there is.
 */
export function minimumBayesRisk({ utility, weights, coarse }: MinimumBayesRiskOptions): Criterion {
  const fine = utilities[utility]();
  const coarser = coarse && { ...coarse, score: utilities[coarse.utility]() };
  const valuation = async (list: CandidateList, pause: () => Promise<void>): Promise<Valuation> => {
    const started = performance.now();
    const distinct = distinctTexts(list, weights);
    const { texts, places } = distinct;
    const fineScores = new PairwiseScores(fine, texts);
    let compared: readonly number[] = texts.map((_, text) => text);
    let evaluations = 0;
    if (coarser !== undefined && coarser.keep < texts.length) {
      const coarseScores = coarser.utility === utility ? fineScores : new PairwiseScores(coarser.score, texts);
      const references = Math.min(texts.length, coarser.references ?? texts.length);
      const expected = await expectedScores(coarseScores, distinct, compared, references, pause);
      evaluations += texts.length * references;
      compared = best(expected, distinct, list.candidates).slice(0, coarser.keep);
    }
    const expected = await expectedScores(fineScores, distinct, compared, texts.length, pause);
    evaluations += compared.length * texts.length;
    return {
      values: Float64Array.from(places, (text) => expected[text] as number),
      cost: { evaluations, operations: 0, seconds: (performance.now() - started) / 1000 },
    };
  };
  return {
    name: 'mbr',
    async valuations(lists, { signal }: SelectionControl) {
      const turn = turns();
      const pause = async () => {
        await turn();
        signal?.throwIfAborted();
      };
      const valuations: Valuation[] = [];
      for (const list of lists) valuations.push(await valuation(list, pause));
      return valuations;
    },
  };
}

/** Of each text that is compared, its expected score with the first `references` texts; 0 for others. */
async function expectedScores(
  scores: PairwiseScores,
  { texts, weights }: DistinctTexts,
  compared: readonly number[],
  references: number,
  pause: () => Promise<void>,
): Promise<Float64Array> {
  const all = weights.subarray(0, references).reduce((sum, weight) => sum + weight, 0);
  const expected = new Float64Array(texts.length);
  for (const text of compared) {
    await pause();
    const sum = scores.of(text, references).reduce((so, value, reference) => so + (weights[reference] as number) * value, 0);
    expected[text] = sum / all;
  }
  return expected;
}

/** Texts by their expected score; of equal ones the one with the best own score first, then the one that occurs first. */
function best(expected: Float64Array, { texts, places }: DistinctTexts, candidates: readonly Candidate[]): number[] {
  const own = new Float64Array(texts.length).fill(Number.NEGATIVE_INFINITY);
  for (const [index, { score }] of candidates.entries()) {
    const text = places[index] as number;
    own[text] = Math.max(own[text] as number, score);
  }
  const descending = (of: Float64Array) => (a: number, b: number) => (of[a] === of[b] ? 0 : (of[b] as number) - (of[a] as number));
  return texts.map((_, text) => text).sort((a, b) => descending(expected)(a, b) || descending(own)(a, b) || a - b);
}
