import { type SelectionOptions, selectionOf, type SelectionTerm, selectionTermsOf } from '../../decoding/selection/options.js';
import { featureValues } from '../../decoding/nbest.js';
import { bleu } from '../../metrics/bleu.js';
import { chrf } from '../../metrics/chrf.js';
import { inOneForm } from '../../metrics/one-form.js';
import { type NbestList, type RescoredSentence, type RescoringControl, type RescoringOptions, rescored } from './rescoring.js';
import { type FeaturedHypothesis, scoreWith, searchWeights } from './several-weights.js';

/** What weights can be tuned for. */
export const tuningMetrics = { bleu, chrf } as const;
export type TuningMetric = keyof typeof tuningMetrics;

/** A selection with weights that were tuned on a list with references. */
export interface TunedSelection {
  /** The terms with their weights. */
  readonly select: readonly SelectionTerm[];
  /** By the names of the criteria. */
  readonly weights: Readonly<Record<string, number>>;
  readonly metric: TuningMetric;
  /** Of the tuning list, with these weights and with those that were given. */
  readonly score: number;
  readonly before: number;
}

/** Sentences whose candidates are valued at once. */
const sentencesAtOnce = 64;

/** Finds weights for the criteria of a selection; see `searchWeights`. What it finds fits the list that it is tuned on a little too well. */
export async function tuneSelection(
  list: NbestList,
  select: SelectionOptions,
  metricName: TuningMetric,
  options: RescoringOptions,
  control: RescoringControl,
): Promise<TunedSelection> {
  const selection = selectionOf(select);
  const metric = tuningMetrics[metricName]();
  const sentences: FeaturedHypothesis[][] = [];
  let names: string[] = [];
  let waiting: RescoredSentence[] = [];
  const valued = async () => {
    const lists = waiting.map(({ source, hypotheses }) => ({
      source,
      candidates: hypotheses.map(({ text, own, features }) => ({
        text,
        score: own,
        logProbability: featureValues(features, 'logProbability')[0],
      })),
    }));
    for (const [place, { ranking }] of (await selection.select(lists, { signal: control.signal })).entries()) {
      const { hypotheses, references } = waiting[place] as RescoredSentence;
      const texts = inOneForm({ hypotheses: hypotheses.map(({ text }) => text), references: [references] });
      names = Object.keys(ranking[0]?.values ?? {});
      sentences.push(
        ranking.map(({ index, values }) => ({
          features: Object.values(values),
          statistics: metric.statistics(texts.hypotheses[index] as string, texts.references.flat() as string[]),
        })),
      );
    }
    waiting = [];
  };
  for await (const sentence of rescored(list, async () => [], 'tuning', options, { ...control, onAssumption: undefined })) {
    if (sentence.hypotheses.length > 0) waiting.push(sentence);
    if (waiting.length === sentencesAtOnce) await valued();
  }
  await valued();
  const terms = selectionTermsOf(select);
  const given = terms.map(({ weight = 1 }) => weight);
  const found = await searchWeights(metric, sentences, given, control);
  return {
    select: terms.map((term, index) => ({ ...term, weight: found.weights[index] as number })),
    weights: Object.fromEntries(names.map((name, index) => [name, found.weights[index] as number])),
    metric: metricName,
    score: found.score,
    before: scoreWith(metric, sentences, given),
  };
}
