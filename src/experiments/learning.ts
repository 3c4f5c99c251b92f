import type { Finding } from './experiment.js';
import type { TrainedRun } from './laboratory.js';

/** Trainings that came to no better than a unigram model of the target, or to no numbers at all. */
export function notLearnt(runs: readonly TrainedRun[], unigramPerplexity: number): readonly TrainedRun[] {
  return runs.filter(({ perplexity }) => !(perplexity < unigramPerplexity));
}

/** Stands for every conclusion when a training did not learn: what is compared then says nothing of the paper. */
export function noVerdict(failed: readonly TrainedRun[], all: readonly TrainedRun[], unigramPerplexity: number): string {
  const named = failed.map(({ name, perplexity, diverged }) => `${name} (${diverged ?? `dev perplexity ${perplexity.toFixed(1)}`})`);
  return `No verdict: ${failed.length} of ${all.length} trainings did not learn: ${named.join('; ')}. A unigram model of the target, which reads no source, reaches a dev perplexity of ${unigramPerplexity.toFixed(1)}. Try a lower training.optimizer.learningRate, another model.initialRange or more epochs (--set).`;
}

/** What is told when a training diverged, and so may have left no model to measure. */
export function trainingsOnly(runs: readonly TrainedRun[]): Finding {
  return {
    head: ['training', 'updates', 'dev perplexity'],
    rows: runs.map(({ name, steps, perplexity, diverged }) => [
      name,
      steps.toLocaleString('en-US'),
      diverged === undefined ? perplexity.toFixed(3) : 'diverged',
    ]),
    conclusions: [],
    plots: [],
    figures: { diverged: runs.filter(({ diverged }) => diverged !== undefined).map(({ name }) => name) },
  };
}
