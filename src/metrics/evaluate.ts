import { counted } from '../core/counted.js';
import type * as z from 'zod';
import { DecadeError, nearestName } from '../core/errors.js';
import { bleu, type bleuOptions } from './bleu.js';
import { chrf } from './chrf.js';
import { exactMatch } from './exact-match.js';
import type { Metric, MetricScore } from './metric.js';
import { inOneForm } from './one-form.js';
import { ter } from './ter.js';

/** How metrics read text, and BLEU smooths; see `scoringOptions`. */
export type ReadingOptions = Pick<z.input<typeof bleuOptions>, 'tokenize' | 'lowercase' | 'smooth' | 'smoothValue'>;

/** Every metric by name, with its standard options. */
export const metrics = {
  bleu: ({ tokenize, lowercase, smooth, smoothValue } = {}) => bleu({ tokenize, lowercase, smooth, smoothValue }),
  chrf: ({ lowercase } = {}) => chrf({ lowercase }),
  'chrf++': ({ lowercase } = {}) => chrf({ wordOrder: 2, lowercase }),
  ter: () => ter(),
  exact: ({ lowercase } = {}) => exactMatch({ lowercase }),
} as const satisfies Record<string, (reading?: ReadingOptions) => Metric>;

export type MetricName = keyof typeof metrics;

/** The metric of this name; a `DecadeError` (`usage`) that suggests the nearest when there is none. */
export function metricNamed(name: string, reading: ReadingOptions = {}): Metric {
  const create = Object.entries(metrics).find(([known]) => known === name)?.[1];
  if (create !== undefined) return create(reading);
  const nearest = nearestName(name, Object.keys(metrics));
  throw new DecadeError('usage', {
    where: 'metrics',
    received: JSON.stringify(name),
    allowed: `one of ${Object.keys(metrics).join(', ')}`,
    ...(nearest === undefined ? {} : { next: `did you mean ${nearest}?` }),
  });
}

export interface Evaluation extends MetricScore {
  /** Name of the metric. */
  metric: string;
  /** What must be the same for scores to be compared. */
  signature: string;
}

/** Statistics of every sentence, and the number of references they have. */
export interface CorpusStatistics {
  sentences: readonly Float64Array[];
  references: number | 'var';
}

/**
 * Statistics of each sentence of a corpus, whose texts are compared in one canonical form (see `inOneForm`).
 *
 * @param hypotheses  one translation per sentence
 * @param references  one list a set of references, each as long as `hypotheses`; `undefined` where a sentence has fewer
 *                    references than others
 * Throws a `DecadeError` (`input`) when the lists differ in length, there are none, or a sentence has no reference.
 */
export function corpusStatistics(
  metric: Metric,
  hypotheses: readonly string[],
  references: readonly (readonly (string | undefined)[])[],
): CorpusStatistics {
  if (references.length === 0 || hypotheses.length === 0) {
    throw new DecadeError('input', {
      where: metric.label,
      received: `${counted(hypotheses.length, 'hypothesis', 'hypotheses')} and ${counted(references.length, 'set')} of references`,
      allowed: 'at least one of each',
    });
  }
  for (const [index, set] of references.entries()) {
    if (set.length === hypotheses.length) continue;
    throw new DecadeError('input', {
      where: metric.label,
      received: `${hypotheses.length} hypotheses but ${set.length} references in set ${index + 1}`,
      allowed: 'one reference per hypothesis, in the same order',
    });
  }
  const compared = inOneForm({ hypotheses, references });
  const numbers = new Set<number>();
  const sentences = compared.hypotheses.map((hypothesis, sentence) => {
    const present = compared.references.map((set) => set[sentence]).filter((reference) => reference !== undefined);
    if (present.length === 0) {
      throw new DecadeError('input', {
        where: metric.label,
        received: `no reference for sentence ${sentence + 1}`,
        allowed: 'at least one, which may be empty',
      });
    }
    numbers.add(present.length);
    return metric.statistics(hypothesis, present);
  });
  const [first = references.length] = numbers;
  return { sentences, references: numbers.size > 1 ? 'var' : first };
}

/** Sums statistics of sentences, for `Metric.score`. */
export function sumStatistics(sentences: Iterable<Float64Array>): Float64Array {
  let sum: Float64Array | undefined;
  for (const statistics of sentences) {
    sum ??= new Float64Array(statistics.length);
    for (const [index, value] of statistics.entries()) sum[index] = (sum[index] ?? 0) + value;
  }
  return sum ?? new Float64Array(0);
}

/** The score of a corpus (see `corpusStatistics`), with its signature. */
export function evaluate(
  metric: Metric,
  hypotheses: readonly string[],
  references: readonly (readonly (string | undefined)[])[],
): Evaluation {
  return evaluationOf(metric, corpusStatistics(metric, hypotheses, references));
}

/** The score that the statistics of a corpus come to, with its signature. */
export function evaluationOf(metric: Metric, { sentences, references }: Readonly<CorpusStatistics>): Evaluation {
  return { metric: metric.name, ...metric.score(sumStatistics(sentences)), signature: metric.signature(references) };
}
