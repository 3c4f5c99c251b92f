import { counted } from '../../core/counted.js';
import { DecadeError } from '../../core/errors.js';
import { requireList, requireLists } from '../../core/lists.js';
import { confidenceInterval, pairedBootstrapProbability, resampler, standardResamples } from '../../metrics/bootstrap.js';
import { type Evaluation, evaluationOf, sumStatistics } from '../../metrics/evaluate.js';
import type { Metric } from '../../metrics/metric.js';
import { inOneForm } from '../../metrics/one-form.js';
import { type EvaluateOptions, scoringMetrics } from '../../metrics/scoring-options.js';
import { forEach, type WorkControl } from '../work.js';

/** Sentences with what their translations should be. */
export interface TestSet {
  /** For people: the files, or the part of the run's data. */
  readonly name: string;
  readonly sources: readonly string[];
  /** One list for each set of references, each as long as `sources`. None: translations can be looked at, not scored. */
  readonly references: readonly (readonly string[])[];
}

/** `1,014 sentences of test.en` */
export function describeTestSet({ name, sources }: TestSet): string {
  return `${sources.length.toLocaleString('en')} ${sources.length === 1 ? 'sentence' : 'sentences'} of ${name}`;
}

/** Throws `input` for a test set without sentences, `usage` for what is no list of text. */
export function requireSentences({ name, sources }: Pick<TestSet, 'name' | 'sources'>): void {
  requireList('sources', sources);
  if (sources.length > 0) return;
  throw new DecadeError('input', { where: name, received: '0 sentences', allowed: 'at least one', next: 'check the file' });
}

/** Throws `input` for a test set without sentences or references, or whose files differ in length, `usage` for what are no lists of text. */
export function requireTestSet({ name, sources, references }: TestSet): void {
  requireList('sources', sources);
  requireLists('references', references);
  const odd = references.find((set) => set.length !== sources.length);
  if (sources.length > 0 && references.length > 0 && odd === undefined) return;
  throw new DecadeError('input', {
    where: name,
    received:
      odd === undefined
        ? `${counted(sources.length, 'sentence')}, ${counted(references.length, 'set')} of references`
        : `${sources.length} and ${odd.length} lines`,
    allowed: odd === undefined ? 'at least one of each' : 'equal numbers of lines',
    next: odd === undefined ? 'check the files' : 'look for a missing or split line: the files must be parallel',
  });
}

/** Throws `usage` for a line, from 1, beyond those that there are. */
export function requireLines(lines: readonly number[] = [], name: string, count: number): void {
  const beyond = lines.find((line) => line > count);
  if (beyond === undefined) return;
  throw new DecadeError('usage', { where: '--attention', received: `line ${beyond}`, allowed: `1 to ${count}, the lines of ${name}` });
}

/** Statistics of every sentence by one metric. */
export interface ScoredSentences {
  readonly metric: Metric;
  readonly references: number;
  readonly statistics: readonly Float64Array[];
}

/** Scores every translation by itself, in one canonical form with its references. */
export async function scoreSentences(
  metric: Metric,
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  control: WorkControl = {},
): Promise<ScoredSentences> {
  const compared = inOneForm({ hypotheses, references });
  const statistics: Float64Array[] = [];
  await forEach(`scoring by ${metric.label}`, hypotheses.length, control, (sentence) => {
    statistics.push(
      metric.statistics(
        compared.hypotheses[sentence] as string,
        compared.references.map((set) => set[sentence] as string),
      ),
    );
  });
  return { metric, references: references.length, statistics };
}

/** The score of translations by each metric that the options name, as `evaluate` gives it, in work that can be ended. */
export async function evaluateSentences(
  { hypotheses, references, ...scoring }: EvaluateOptions,
  control: WorkControl = {},
): Promise<Evaluation[]> {
  const evaluations: Evaluation[] = [];
  for (const metric of scoringMetrics(scoring)) {
    const { statistics } = await scoreSentences(metric, hypotheses, references, control);
    evaluations.push(evaluationOf(metric, { sentences: statistics, references: references.length }));
  }
  return evaluations;
}

/** A score of a whole test set, and where it would lie on 95 % of test sets drawn like it. */
export interface ScoreInterval {
  readonly score: number;
  readonly low: number;
  readonly high: number;
}

/** Of which sentences, how many draws, and from which seed; see `resampler`. */
export interface IntervalOptions extends WorkControl {
  readonly resamples?: number | undefined;
  readonly seed?: number | undefined;
}

/** The score of a system with its bootstrap interval. */
export async function scoreInterval({ metric, statistics }: Pick<ScoredSentences, 'metric' | 'statistics'>, options: IntervalOptions = {}) {
  const [interval] = await pairedIntervals(metric, [statistics], options);
  return interval as ScoreInterval;
}

/** How far one system's score lies above another's on the same sentences. */
export interface ScoreDifference extends ScoreInterval {
  /** How likely so large a difference is between equals (paired bootstrap). */
  readonly probability: number;
}

export interface PairedInterval extends ScoreInterval {
  /** From the first system; undefined for the first itself. */
  readonly difference: ScoreDifference | undefined;
}

/** The same of several systems on the same sentences, and how far they lie from the first: all are scored on the same draws. */
export async function pairedIntervals(
  metric: Pick<Metric, 'label' | 'score'>,
  systems: readonly (readonly Float64Array[])[],
  { resamples = standardResamples, seed, ...control }: IntervalOptions = {},
): Promise<PairedInterval[]> {
  const draw = resampler(metric, systems, seed);
  const drawn = systems.map(() => new Float64Array(resamples));
  await forEach(`resampling, ${metric.label}`, resamples, control, (resample) => {
    for (const [system, score] of draw(resample).entries()) (drawn[system] as Float64Array)[resample] = score;
  });
  const scores = systems.map((statistics) => metric.score(sumStatistics(statistics)).score);
  const [baseline = new Float64Array(resamples)] = drawn;
  return drawn.map((resampled, system) => {
    const score = scores[system] as number;
    const interval = { score, ...confidenceInterval(resampled) };
    if (system === 0) return { ...interval, difference: undefined };
    const difference = score - (scores[0] as number);
    return {
      ...interval,
      difference: {
        score: difference,
        ...confidenceInterval(resampled.map((value, resample) => value - (baseline[resample] as number))),
        probability: pairedBootstrapProbability(baseline, resampled, difference),
      },
    };
  });
}
