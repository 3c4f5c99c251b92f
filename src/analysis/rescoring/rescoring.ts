import { z } from 'zod';
import { DecadeError } from '../../core/errors.js';
import { featureValues, type NbestGroup, type NbestHypothesis } from '../../decoding/nbest.js';
import type { LineScore, ScoreOptions } from '../../decoding/score.js';

/** How a list is scored again, and the defaults. */
export const rescoringOptions = z.strictObject({
  /** Which of the list's own figures counts: its `score`, or a feature by its name, such as `logProbability`. */
  own: z.string().min(1).default('score'),
  /** The model's log-probability is divided by length^alpha (`</s>` counts); 0: the log-probability itself, as in 2014. */
  lengthPenalty: z.number().min(0).max(10).default(0),
  /** Sentences are gathered until they have so many hypotheses, which are scored together. */
  hypothesesAtOnce: z.int().min(1).max(10_000_000).default(2_000),
});
export type RescoringOptionsInput = z.input<typeof rescoringOptions>;

/** The model's share of the combined score: 0 leaves the list as it is, 1 asks the model alone, 0.5 is the paper's even average. */
export const modelWeight = z.number().min(0).max(1);

/** Scores pairs, one model or several together. */
export type ScorePairs = (
  pairs: readonly { readonly source: string; readonly target: string }[],
  options: ScoreOptions,
) => Promise<readonly LineScore[]>;

export interface RescoredHypothesis {
  readonly hypothesis: NbestHypothesis;
  /** The list's own figure. */
  readonly own: number;
  /** The model's. */
  readonly model: number;
}

/** A sentence with what is said of it: also one that the list has nothing for, so that lines keep their places. */
export interface RescoredSentence {
  /** From 0. */
  readonly sentence: number;
  readonly source: string;
  /** As they were given with the source; empty without references. */
  readonly references: readonly string[];
  /** In the order of the list. */
  readonly hypotheses: readonly RescoredHypothesis[];
}

/** A line of the source text, and its references if there are any. */
export interface SourceSentence {
  readonly source: string;
  readonly references: readonly string[];
}

/**
 * The model's opinion of every hypothesis of a list, sentence by sentence, as the list comes: no more is held than
 * `hypothesesAtOnce` or the longest list of one sentence.
 *
 * @param sources  the lines that were translated
 * @param name     of the list, for messages
 * @throws DecadeError `input` when the list has a sentence that the source text has not, `usage` for a feature that is not there
 */
export async function* rescore(
  groups: AsyncIterable<NbestGroup>,
  sources: AsyncIterable<SourceSentence>,
  score: ScorePairs,
  given: RescoringOptionsInput & { readonly name: string; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<RescoredSentence, void, undefined> {
  const { name, signal, ...rest } = given;
  const options = rescoringOptions.parse(rest);
  let waiting: (SourceSentence & NbestGroup)[] = [];
  let count = 0;
  const scored = async (): Promise<RescoredSentence[]> => {
    const pairs = waiting.flatMap(({ source, hypotheses }) => hypotheses.map(({ text }) => ({ source, target: text })));
    const scores = (await score(pairs, signal === undefined ? {} : { signal })).values();
    const sentences = waiting.map(({ sentence, source, references, hypotheses }) => ({
      sentence,
      source,
      references,
      hypotheses: hypotheses.map((hypothesis) => ({
        hypothesis,
        own: ownScore(hypothesis, options.own, `${name}: sentence ${sentence}`),
        model: modelScore(scores.next().value, options.lengthPenalty),
      })),
    }));
    waiting = [];
    count = 0;
    return sentences;
  };
  for await (const sentence of withSources(groups, sources, name)) {
    waiting.push(sentence);
    count += sentence.hypotheses.length;
    if (count >= options.hypothesesAtOnce || waiting.length >= options.hypothesesAtOnce) yield* await scored();
  }
  if (waiting.length > 0) yield* await scored();
}

/** Every line of the source text with its part of the list. */
async function* withSources(
  groups: AsyncIterable<NbestGroup>,
  sources: AsyncIterable<SourceSentence>,
  name: string,
): AsyncGenerator<SourceSentence & NbestGroup> {
  const lists = groups[Symbol.asyncIterator]();
  try {
    let list = await lists.next();
    let sentence = 0;
    for await (const source of sources) {
      if (list.done || list.value.sentence > sentence) yield { ...source, sentence, hypotheses: [] };
      else {
        yield { ...source, ...list.value };
        list = await lists.next();
      }
      sentence++;
    }
    if (!list.done) {
      throw new DecadeError('input', {
        where: name,
        received: `sentence ${list.value.sentence}`,
        allowed: `sentences below ${sentence}: the source text has ${sentence} lines, numbered from 0`,
        next: 'check that this is the text that was translated',
      });
    }
  } finally {
    await lists.return?.();
  }
}

function ownScore({ score, features }: NbestHypothesis, own: string, where: string): number {
  if (own === 'score') return score;
  const values = featureValues(features, own);
  const [value] = values;
  if (value !== undefined && Number.isFinite(value) && values.length === 1) return value;
  throw new DecadeError('usage', {
    where: `${where}, ${own}`,
    received: values.length === 0 ? `features ${JSON.stringify(features)}` : `values ${values.join(' ')}`,
    allowed: 'the name of a feature with one number, or score',
  });
}

function modelScore(score: LineScore | undefined, lengthPenalty: number): number {
  if (score === undefined || Number.isNaN(score.logProbability)) return Number.NEGATIVE_INFINITY;
  return score.logProbability / score.tokenLogProbabilities.length ** lengthPenalty;
}

/** What a hypothesis is ranked by. */
export function combinedScore({ own, model }: Pick<RescoredHypothesis, 'own' | 'model'>, weight: number): number {
  // A model without an opinion (-Infinity) times nothing would be no number.
  return weight === 0 ? own : (1 - weight) * own + weight * model;
}

/** Best first; equal ones in the order of the list. Where the model finds all impossible (an empty source), the list's own scores decide. */
export function ranked(hypotheses: readonly RescoredHypothesis[], weight: number): { hypothesis: RescoredHypothesis; score: number }[] {
  const isOpinion = hypotheses.some(({ model }) => Number.isFinite(model));
  return hypotheses
    .map((hypothesis) => ({ hypothesis, score: combinedScore(hypothesis, isOpinion ? weight : 0) }))
    .sort((a, b) => (a.score === b.score ? 0 : b.score - a.score));
}
