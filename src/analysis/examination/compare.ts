import { DecadeError } from '../../core/errors.js';
import { requireList } from '../../core/lists.js';
import type { Metric } from '../../metrics/metric.js';
import { type ScoringOptions, scoringMetrics } from '../../metrics/scoring-options.js';
import { type PairedInterval, pairedIntervals, requireTestSet, scoreSentences, type TestSet } from './scored-sentences.js';
import type { WorkControl } from '../work.js';

/** What is compared: a name and its translations of the test set. */
export interface ComparedSystem {
  readonly name: string;
  readonly hypotheses: readonly string[];
}

export interface SystemScore extends PairedInterval {
  readonly system: string;
}

export interface MetricComparison {
  readonly metric: string;
  readonly label: string;
  readonly signature: string;
  readonly higherIsBetter: boolean;
  readonly systems: readonly SystemScore[];
}

export interface Comparison {
  readonly testSet: TestSet;
  readonly systems: readonly ComparedSystem[];
  readonly metrics: readonly MetricComparison[];
  /** chrF of every sentence by itself, for each system. */
  readonly sentenceScores: readonly Float64Array[];
}

/**
 * Scores systems on the same sentences; every one is tested against the first by paired bootstrap resampling (Koehn 2004).
 *
 * @throws DecadeError `usage` for fewer than two systems or scoring options that are not allowed, `input` for lists of different length
 */
export async function compareSystems(
  testSet: TestSet,
  systems: readonly ComparedSystem[],
  scoring: ScoringOptions = {},
  control: WorkControl = {},
): Promise<Comparison> {
  const metrics = scoringMetrics(scoring);
  requireSystems(systems);
  requireTestSet(testSet);
  for (const { name, hypotheses } of systems) {
    requireList(`hypotheses of ${name}`, hypotheses);
    if (hypotheses.length === testSet.sources.length) continue;
    throw new DecadeError('input', {
      where: name,
      received: `${hypotheses.length} translations`,
      allowed: `${testSet.sources.length}, one per sentence of ${testSet.name}`,
    });
  }
  const compared: MetricComparison[] = [];
  for (const metric of metrics) {
    const statistics = [];
    for (const { hypotheses } of systems) {
      statistics.push((await scoreSentences(metric, hypotheses, testSet.references, control)).statistics);
    }
    const intervals = await pairedIntervals(metric, statistics, control);
    compared.push({
      metric: metric.name,
      label: metric.label,
      signature: metric.signature(testSet.references.length),
      higherIsBetter: metric.higherIsBetter,
      systems: intervals.map((interval, index) => ({ system: systems[index]?.name ?? '', ...interval })),
    });
  }
  const [chrf] = scoringMetrics({ ...scoring, metrics: ['chrf'] }) as [Metric];
  const sentenceScores: Float64Array[] = [];
  for (const { hypotheses } of systems) {
    const { statistics } = await scoreSentences(chrf, hypotheses, testSet.references, control);
    sentenceScores.push(Float64Array.from(statistics, (sentence) => chrf.score(sentence).score));
  }
  return { testSet, systems, metrics: compared, sentenceScores };
}

/** Throws `usage` for fewer than two systems, and for two of one name. */
export function requireSystems(systems: readonly { readonly name: string }[]): void {
  const twice = systems.find(({ name }, index) => systems.findIndex((other) => other.name === name) < index);
  if (systems.length >= 2 && twice === undefined) return;
  throw new DecadeError('usage', {
    where: 'compare',
    received: twice === undefined ? `${systems.length} ${systems.length === 1 ? 'system' : 'systems'}` : `${twice.name} twice`,
    allowed: 'at least two, all different',
    next: 'use `decade compare RUN RUN`, or --hypotheses FILE for each',
  });
}
