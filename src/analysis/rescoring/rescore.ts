import { resolveOptions } from '../../core/options.js';
import { featureValues } from '../../decoding/nbest.js';
import { type SelectionOptions, selectionOf } from '../../decoding/selection/options.js';
import type { LineSelection, SelectedBy } from '../../decoding/selection/selected-translations.js';
import type { SelectedList, Selection } from '../../decoding/selection/selection.js';
import { bleu } from '../../metrics/bleu.js';
import { inOneForm } from '../../metrics/one-form.js';
import { type IntervalOptions, requireTestSet } from '../examination/scored-sentences.js';
import { RescoringJudgement, type RescoringScores } from './judgement.js';
import {
  type NbestList,
  type RankedHypothesis,
  type RescoredSentence,
  type RescoringControl,
  type RescoringOptionsInput,
  ranked,
  requireNbestList,
  rescored,
  rescoringOptions,
  type ScorePairs,
} from './rescoring.js';
import { type TunedSelection, type TuningMetric, tuneSelection } from './tuned-selection.js';
import { type TunedWeight, WeightSearch } from './weight-search.js';

export interface RescoreOptions extends Omit<RescoringOptionsInput, 'weight'>, RescoringControl {
  /**
   * The model's share of the combined score: 0 leaves the list as it is, 1 asks the model alone. Or one that is tuned for BLEU on
   * another list, which needs references: see `TunedWeight`. Default: 0.5, the even average.
   */
  readonly weight?: number | { readonly tunedOn: NbestList } | undefined;
  /**
   * Chooses among the hypotheses of each list by these criteria, their own score (`own`) being the combined one: `{ by: 'mbr' }`. Each
   * counts the same unless `candidateWeights` asks for the feature logProbability.
   */
  readonly select?: SelectionOptions | undefined;
  /** Called with each sentence as soon as it is ranked, and awaited. The result then has no sentences, so the list may have any length. */
  readonly onSentence?: ((sentence: RankedSentence) => void | Promise<void>) | undefined;
}

export interface RankedSentence extends RescoredSentence {
  /** Best first, all of the list. */
  readonly hypotheses: readonly (RankedHypothesis & { readonly selected?: SelectedBy | undefined })[];
  /** What a selection took, where one was asked for. */
  readonly selection?: LineSelection | undefined;
  /** The choice: the best hypothesis; empty when the list has none. */
  readonly text: string;
}

export interface Rescoring {
  /** One per source sentence, in order; none if there is an `onSentence`. */
  readonly sentences: readonly RankedSentence[];
  /** The model's share. */
  readonly weight: number;
  /** How the weight was found, when it was tuned. */
  readonly tuned: TunedWeight | undefined;
  /** BLEU before and after and of the oracle; undefined without references. */
  readonly scores: RescoringScores | undefined;
}

/**
 * Reranks the hypotheses of every sentence by their own scores and a model's.
 *
 * @throws DecadeError `usage` for options that are not allowed or a missing feature, `input` for a list of another source text,
 *         references that are not parallel, and unreadable lines unless `onBadLine` takes them, `numeric` for a model whose
 *         log-probabilities are no numbers
 */
export async function rescore(
  list: NbestList,
  score: ScorePairs,
  { weight: given, select, onSentence, signal, onProgress, onBadLine, onAssumption, onCut, ...rest }: RescoreOptions = {},
): Promise<Rescoring> {
  const tunedOn = typeof given === 'object' && given?.tunedOn instanceof Object ? given.tunedOn : undefined;
  const options = resolveOptions(
    rescoringOptions,
    { ...rest, weight: tunedOn === undefined ? (given as number | undefined) : undefined },
    'rescoring options',
  );
  for (const each of tunedOn === undefined ? [list] : [tunedOn, list]) requireNbestList(each);
  const { references = [] } = list;
  if (references.length > 0) requireReferences(list);
  if (tunedOn !== undefined) requireReferences(tunedOn);
  const selection = select && selectionOf(select);
  const control = { signal, onProgress, onBadLine, onAssumption, onCut };
  const tuned = tunedOn && (await tuneWeight(rescored(tunedOn, score, 'tuning', options, control), control));
  const weight = tuned?.weight ?? options.weight;
  const judgement = references.length === 0 ? undefined : new RescoringJudgement(weight);
  const sentences: RankedSentence[] = [];
  for await (const sentence of rescored(list, score, 'rescoring', options, control)) {
    const byScore = ranked(sentence.hypotheses, weight);
    const selected = selection && (await selectedFrom(selection, sentence.source, byScore, signal));
    const hypotheses = selected?.hypotheses ?? byScore;
    judgement?.add(comparable(sentence), selected && (selected.first ?? 0));
    const result = { ...sentence, hypotheses, ...(selected && { selection: selected.selection }), text: hypotheses[0]?.text ?? '' };
    if (onSentence === undefined) sentences.push(result);
    else await onSentence(result);
  }
  return { sentences, weight, tuned, scores: await judgement?.scores({ signal, onProgress }) };
}

/** In the order of a selection, and the place that the first had before. */
async function selectedFrom(
  selection: Selection,
  source: string,
  hypotheses: readonly RankedHypothesis[],
  signal: AbortSignal | undefined,
) {
  const candidates = hypotheses.map(({ text, combined, features }) => {
    const [logProbability] = featureValues(features, 'logProbability');
    return { text, score: combined, logProbability };
  });
  const [{ ranking, cost }] = (await selection.select([{ source, candidates }], { signal })) as [SelectedList];
  return {
    hypotheses: ranking.map(({ index, value, values }) => ({ ...(hypotheses[index] as RankedHypothesis), selected: { value, values } })),
    first: ranking[0]?.index,
    selection: {
      candidates: candidates.length,
      distinctTexts: new Set(candidates.map(({ text }) => text)).size,
      ...{ sourceTokens: 0, targetTokens: 0, ...cost },
    },
  };
}

export interface SelectFromListOptions extends Omit<RescoreOptions, 'weight' | 'lengthPenalty'> {
  /** A list with references, on which the weights of the criteria are tuned. Default: they stay as they are given. */
  readonly tunedOn?: NbestList | undefined;
  /** What they are tuned for. Default: `bleu`. */
  readonly tunedFor?: TuningMetric | undefined;
}

/** As `rescore`, by the list's own scores and a selection: no model has an opinion, nor a length penalty. */
export async function selectFromList(
  list: NbestList,
  { tunedOn, tunedFor = 'bleu', select, ...options }: SelectFromListOptions,
): Promise<Rescoring & { readonly tunedSelection?: TunedSelection }> {
  const noModel = async () => [];
  const rest = { ...options, weight: 0, onAssumption: undefined };
  if (tunedOn === undefined || select === undefined) return rescore(list, noModel, { ...rest, select });
  requireNbestList(tunedOn);
  requireReferences(tunedOn);
  const { own, hypothesesAtOnce } = options;
  const tuned = await tuneSelection(
    tunedOn,
    select,
    tunedFor,
    resolveOptions(rescoringOptions, { own, hypothesesAtOnce }, 'rescoring options'),
    options,
  );
  return { ...(await rescore(list, noModel, { ...rest, select: tuned.select })), tunedSelection: tuned };
}

/** The weight for the BLEU of rescored sentences with references; undefined for no sentence. */
async function tuneWeight(sentences: AsyncIterable<RescoredSentence>, options: IntervalOptions = {}): Promise<TunedWeight | undefined> {
  const search = new WeightSearch(bleu());
  for await (const sentence of sentences) {
    const { hypotheses, references } = comparable(sentence);
    search.add(hypotheses, references);
  }
  return search.best(options);
}

/** The sentence as metrics see it: its texts in one canonical form. */
function comparable(sentence: RescoredSentence): RescoredSentence {
  const { hypotheses, references } = inOneForm({
    hypotheses: sentence.hypotheses.map(({ text }) => text),
    references: [sentence.references],
  });
  return {
    ...sentence,
    hypotheses: sentence.hypotheses.map((hypothesis, index) => ({ ...hypothesis, text: hypotheses[index] as string })),
    references: references.flat() as string[],
  };
}

function requireReferences({ name = 'n-best list', sources, references = [] }: NbestList): void {
  requireTestSet({ name, sources, references });
}
