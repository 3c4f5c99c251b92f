import type { Finding } from './experiment.js';
import type { Laboratory } from './laboratory.js';
import type { TrainedRun } from './steps.js';

/** The dev perplexity of a unigram model of the target, which reads no source, for each run; runs with one corpus and vocabulary share it. */
export async function unigramPerplexities(laboratory: Laboratory, runs: readonly TrainedRun[]): Promise<number[]> {
  const known = new Map<string, number>();
  const perplexities: number[] = [];
  for (const run of runs) {
    const key = JSON.stringify([run.configuration.data, run.configuration.tokenizer, run.init?.name]);
    const perplexity = known.get(key) ?? (await laboratory.unigramPerplexity(run));
    known.set(key, perplexity);
    perplexities.push(perplexity);
  }
  return perplexities;
}

/**
 * Replaces all conclusions if a training is no better than a unigram model or has diverged: then the comparison says nothing
 * about the paper. Undefined if all learnt. Models that another metric selected may well give references less than a unigram model does.
 */
export function noVerdict(runs: readonly TrainedRun[], unigrams: readonly number[]): string | undefined {
  const failed = runs.flatMap((run, index) => {
    const unigram = unigrams[index] as number;
    const isJudged = Number.isFinite(run.perplexity) && run.configuration.training.validate?.metrics[0] === 'perplexity';
    return run.diverged !== undefined || (isJudged && run.perplexity >= unigram) ? [{ ...run, unigram }] : [];
  });
  if (failed.length === 0) return undefined;
  const named = failed.map(({ name, perplexity, diverged }) => `${name} (${diverged ?? `dev perplexity ${perplexity.toFixed(1)}`})`);
  const reached = [...new Set(failed.map(({ unigram }) => unigram.toFixed(1)))].join(' or ');
  return `No verdict: ${failed.length} of ${runs.length} trainings did not learn: ${named.join('; ')}. A unigram model of the target, which reads no source, reaches a dev perplexity of ${reached}. Try a lower training.optimizer.learningRate, another model.initialRange or more epochs (--set).`;
}

/** Of phrase tables, and of models without a dev set, there is none. */
export function perplexityWritten({ perplexity, diverged }: Pick<TrainedRun, 'perplexity' | 'diverged'>): string {
  if (diverged !== undefined) return 'diverged';
  return Number.isFinite(perplexity) ? perplexity.toFixed(3) : '–';
}

/** The finding if a training diverged and may have left no model. */
export function trainingsOnly(runs: readonly TrainedRun[]): Finding {
  return {
    head: ['training', 'updates', 'dev perplexity'],
    rows: runs.map(({ name, steps, perplexity, diverged }) => [
      name,
      steps.toLocaleString('en-US'),
      perplexityWritten({ perplexity, diverged }),
    ]),
    conclusions: [],
    plots: [],
    figures: { diverged: runs.filter(({ diverged }) => diverged !== undefined).map(({ name }) => name) },
  };
}
