import * as z from 'zod';
import { DecadeError } from '../../core/errors.js';
import { type ItemKind, requireList, requireLists, requireStream } from '../../core/lists.js';
import { CutScores } from '../../decoding/cut-scores.js';
import type { LengthPenalty } from '../../decoding/length-penalty.js';
import {
  type BadLine,
  featureValues,
  isScore,
  type NbestGroup,
  type NbestHypothesis,
  nbestGroups,
  translationFeatures,
} from '../../decoding/nbest.js';
import { type LineScore, requireLogProbability, type ScoreOptions } from '../../decoding/score.js';
import type { Translation } from '../../decoding/translator.js';
import type { WorkControl } from '../work.js';
import { MatchingPenalty } from './matching-penalty.js';

/** Options of rescoring and their defaults. */
export const rescoringOptions = z.strictObject({
  /** The model's share of the combined score: 0 leaves the list as it is, 1 asks the model alone, 0.5 is the paper's even average. */
  weight: z.number().min(0).max(1).default(0.5),
  /** The list's own score: its `score`, or a feature by name, such as `logProbability`. */
  own: z.string().min(1).default('score'),
  /**
   * The model's log-probability is divided by length^alpha (`</s>` counts); 0: the log-probability itself, as in 2014. Default:
   * as the list's own figure is, where the list says so, otherwise 0.
   */
  lengthPenalty: z.number().min(0).max(10).optional(),
  /** Sentences are collected until they have this many hypotheses, which are scored together. */
  hypothesesAtOnce: z.int().min(1).max(10_000_000).default(2_000),
});
export type RescoringOptions = z.output<typeof rescoringOptions>;
/** As a caller writes them: `{ own: 'logProbability' }`. */
export type RescoringOptionsInput = z.input<typeof rescoringOptions>;

/** N-best lists of any system. */
export type NbestList = ListedText & (NbestLines | NbestHypotheses);

interface ListedText {
  /** Of the list, for messages. */
  readonly name?: string | undefined;
  /** The source sentences. */
  readonly sources: readonly string[];
  /** One list for each set of references, each as long as `sources`. */
  readonly references?: readonly (readonly string[])[] | undefined;
}

interface NbestLines {
  /** `line ||| text ||| feature= values ||| score`, the lines of `sources` numbered from 0; undefined for bytes that are not UTF-8. */
  readonly lines: AsyncIterable<string | undefined> | Iterable<string | undefined>;
}

interface NbestHypotheses {
  /** For each of `sources`, as the `nbest` of a translation. */
  readonly hypotheses: readonly (readonly ListedHypothesis[])[];
}

/** A translation by decade, or as much as another system provides. */
export type ListedHypothesis = Translation | (Pick<NbestHypothesis, 'text' | 'score'> & Partial<NbestHypothesis>);

/** A model's score of a pair; of the tokens only their number is used here. */
export interface PairScore extends Pick<LineScore, 'logProbability'>, Partial<Pick<LineScore, 'warning'>> {
  readonly tokenLogProbabilities: { readonly length: number };
}

/** Scores pairs with a model or an ensemble. */
export type ScorePairs = (
  pairs: readonly { readonly source: string; readonly target: string }[],
  options: ScoreOptions,
) => Promise<readonly PairScore[]>;

export interface RescoredHypothesis extends NbestHypothesis {
  /** The list's own score, or the feature used instead. */
  readonly own: number;
  /** The model's log-probability, divided by the length penalty. */
  readonly model: number;
}

export interface RankedHypothesis extends RescoredHypothesis {
  /** The weighted average of both, by which hypotheses are ranked. */
  readonly combined: number;
}

/** A sentence with its hypotheses. Sentences without hypotheses are included, so lines keep their places. */
export interface RescoredSentence {
  /** From 0. */
  readonly sentence: number;
  readonly source: string;
  /** Empty without references. */
  readonly references: readonly string[];
  /** In the order of the list. */
  readonly hypotheses: readonly RescoredHypothesis[];
}

/** Progress and cancellation of rescoring. */
export interface RescoringControl extends WorkControl {
  /** Called with each unusable line and the reason; the others are rescored. Without it such a line is an error. */
  readonly onBadLine?: BadLine | undefined;
  /** Called with an assumption that had to be made, once per list. */
  readonly onAssumption?: ((text: string) => void) | undefined;
  /** Called with how many hypotheses were scored cut short, once per list that has such. */
  readonly onCut?: ((warning: DecadeError) => void) | undefined;
}

/**
 * Scores every hypothesis of a list with the model, sentence by sentence, as a stream. Holds at most `hypothesesAtOnce`
 * hypotheses, or the longest list of one sentence.
 *
 * @param label  the purpose, reported with the progress
 * @throws DecadeError `input` if the list has a sentence that is not in the sources, `usage` for a missing feature, `numeric` for a model
 *         whose log-probabilities are no numbers
 */
export async function* rescored(
  list: NbestList,
  score: ScorePairs,
  label: string,
  options: RescoringOptions,
  { signal, onProgress, onBadLine, onAssumption, onCut }: RescoringControl = {},
): AsyncGenerator<RescoredSentence, void, undefined> {
  const { name = 'n-best list', sources } = list;
  const penalty = new MatchingPenalty(options, () => {
    onAssumption?.(`${name} does not state its length penalty: the model's log-probabilities are used without one (length penalty 0)`);
  });
  const cut = new CutScores();
  let waiting: Listed[] = [];
  let [count, all] = [0, 0];
  async function* scored(): AsyncGenerator<RescoredSentence, void, undefined> {
    const pairs = waiting.flatMap(({ source, hypotheses }) => hypotheses.map(({ text }) => ({ source, target: text })));
    const found = await score(pairs, { signal });
    for (const { warning } of found) cut.add(warning);
    const scores = found.values();
    for (const { hypotheses, ...rest } of waiting) {
      const where = `${name}: sentence ${rest.sentence}`;
      yield {
        ...rest,
        hypotheses: hypotheses.map((hypothesis) => ({
          ...hypothesis,
          own: ownScore(hypothesis, options.own, where),
          model: modelScore(scores.next().value, penalty.of(hypothesis, where), where),
        })),
      };
      all += hypotheses.length;
      const figures = [`${all.toLocaleString('en')} hypotheses`];
      onProgress?.({ label, fraction: (rest.sentence + 1) / sources.length, figures });
    }
    waiting = [];
    count = 0;
  }
  for await (const sentence of listed(list, name, onBadLine)) {
    waiting.push(sentence);
    count += sentence.hypotheses.length;
    if (count >= options.hypothesesAtOnce || waiting.length >= options.hypothesesAtOnce) yield* scored();
  }
  if (waiting.length > 0) yield* scored();
  const warning = cut.warning(name);
  if (warning !== undefined) onCut?.(warning);
}

type Listed = Omit<RescoredSentence, 'hypotheses'> & NbestGroup;

const listedHypothesis: ItemKind = {
  is: (item) => typeof item === 'object' && item !== null && 'text' in item && typeof item.text === 'string' && 'score' in item,
  name: '{ text, score }',
};

/** Throws `usage` for a value that is not a list, `input` for hypotheses of another number of sentences. */
export function requireNbestList(list: NbestList): void {
  const { name = 'n-best list', sources } = list;
  requireList(`${name}: sources`, sources);
  if ('lines' in list === 'hypotheses' in list) {
    const received = 'lines' in list ? 'both lines and hypotheses' : 'neither lines nor hypotheses';
    throw new DecadeError('usage', { where: name, received, allowed: 'one of them' });
  }
  if ('lines' in list) {
    requireStream(`${name}: lines`, list.lines);
    return;
  }
  requireLists(`${name}: hypotheses`, list.hypotheses, listedHypothesis);
  if (list.hypotheses.length === sources.length) return;
  throw new DecadeError('input', {
    where: name,
    received: `hypotheses of ${list.hypotheses.length} sentences`,
    allowed: `${sources.length}, one list per source; an empty list for a source without hypotheses`,
    next: 'check that this is the source text of the list',
  });
}

/** Every source sentence with its part of the list. */
async function* listed(list: NbestList, name: string, onBadLine: BadLine = thrown): AsyncGenerator<Listed, void, undefined> {
  const { sources, references = [] } = list;
  const at = (sentence: number, hypotheses: NbestGroup['hypotheses']): Listed => ({
    sentence,
    source: sources[sentence] as string,
    references: references.map((set) => set[sentence] as string),
    hypotheses,
  });
  const groups = 'lines' in list ? nbestGroups(list.lines, name, onBadLine) : groupsOf(list, name);
  let next = 0;
  for await (const { sentence, hypotheses } of groups) {
    if (sentence >= sources.length) {
      throw new DecadeError('input', {
        where: name,
        received: `sentence ${sentence}`,
        allowed: `sentences below ${sources.length}: the source text has ${sources.length} lines, numbered from 0`,
        next: 'check that this is the source text of the list',
      });
    }
    for (; next < sentence; next++) yield at(next, []);
    yield at(next++, hypotheses);
  }
  for (; next < sources.length; next++) yield at(next, []);
}

function* groupsOf({ hypotheses }: NbestHypotheses, name: string): Generator<NbestGroup> {
  for (const [sentence, given] of hypotheses.entries()) {
    const odd = given.find(({ score }) => !isScore(score));
    if (odd !== undefined) {
      throw new DecadeError('input', { where: `${name}: sentence ${sentence}`, received: `a score of ${odd.score}`, allowed: 'numbers' });
    }
    yield {
      sentence,
      hypotheses: given.map((hypothesis) =>
        'tokenLogProbabilities' in hypothesis
          ? { text: hypothesis.text, score: hypothesis.score, features: translationFeatures(hypothesis), further: [] }
          : { features: '', further: [], ...hypothesis },
      ),
    };
  }
}

function thrown(error: DecadeError): never {
  throw error;
}

function ownScore({ score, features }: NbestHypothesis, own: string, where: string): number {
  if (own === 'score') return score;
  const values = featureValues(features, own);
  const [value] = values;
  if (value !== undefined && isScore(value) && values.length === 1) return value;
  throw new DecadeError('usage', {
    where: `${where}, ${own}`,
    received: values.length === 0 ? `features ${JSON.stringify(features)}` : `values ${values.join(' ')}`,
    allowed: 'the name of a feature with one number, or score',
  });
}

/** -Infinity where no model is asked. */
function modelScore(score: PairScore | undefined, penalty: LengthPenalty, where: string): number {
  if (score === undefined) return Number.NEGATIVE_INFINITY;
  // Nothing was scored for an empty pair, whose log-probability is 0.
  return requireLogProbability(score.logProbability, where) / penalty(Math.max(1, score.tokenLogProbabilities.length));
}

/** Best first; equal ones in the order of the list. Where the model finds all impossible (an empty source), the list's own scores decide. */
export function ranked(hypotheses: readonly RescoredHypothesis[], weight: number): RankedHypothesis[] {
  const isOpinion = hypotheses.some(({ model }) => Number.isFinite(model));
  const share = isOpinion ? weight : 0;
  return hypotheses
    .map((hypothesis) => ({ ...hypothesis, combined: combinedScore(hypothesis, share) }))
    .sort((a, b) => (a.combined === b.combined ? 0 : b.combined - a.combined));
}

function combinedScore({ own, model }: RescoredHypothesis, weight: number): number {
  // -Infinity, for what one of them finds impossible, times nothing would be no number.
  if (weight === 0 || weight === 1) return weight === 0 ? own : model;
  return (1 - weight) * own + weight * model;
}
