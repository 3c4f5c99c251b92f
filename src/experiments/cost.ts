import { type CorpusEstimate, estimateCorpus, estimateModel, trainingPairs } from '../analysis/estimate.js';
import { measureTrainingSpeed } from '../analysis/measured-speed.js';
import type { Configuration } from '../training/configuration.js';
import type { Laboratory } from './laboratory.js';

/** What one training of a plan needs. */
export interface TrainingCost {
  readonly name: string;
  readonly state: 'done' | 'begun' | 'new';
  readonly parameters: number;
  /** Source and target tokens that it will read; of a training that was begun, all of them. */
  readonly words: number;
  /** From the speed that was measured here; 0 when it is done. */
  readonly seconds: number;
}

export interface Cost {
  readonly trainings: readonly TrainingCost[];
  readonly seconds: number;
  /** Words a second that the estimate rests on, of each kind of network. */
  readonly wordsPerSecond: readonly { readonly network: string; readonly wordsPerSecond: number }[];
}

/**
 * What a plan will cost before it begins. Speed is measured by a second of real updates of each kind of network, or known from
 * a training of the same kind that is over. Validation, checkpoints and translating the test set come on top.
 */
export async function costOf(laboratory: Laboratory, configurations: readonly Configuration[], speedSeconds = 1): Promise<Cost> {
  const { runtime, options } = laboratory;
  const { devices = runtime.cores, gemm, signal } = options;
  const speeds = new Map<string, number>();
  const trainings: TrainingCost[] = [];
  let corpus: CorpusEstimate | undefined;
  for (const configuration of configurations) {
    signal?.throwIfAborted();
    const network = networkOf(configuration);
    const model = estimateModel(configuration);
    const [name, state, found] = await Promise.all([
      laboratory.nameOf(configuration),
      laboratory.stateOf(configuration),
      laboratory.find(configuration),
    ]);
    if (found !== undefined) {
      if (found.wordsPerSecond > 0) speeds.set(network, found.wordsPerSecond);
      trainings.push({ name, state, parameters: model.parameters, words: 0, seconds: 0 });
      continue;
    }
    corpus ??= await estimateCorpus(runtime.files, configuration);
    const speed =
      speeds.get(network) ?? (await measureTrainingSpeed(runtime, configuration, corpus, { devices, gemm, seconds: speedSeconds }));
    speeds.set(network, speed);
    const words = trainingPairs(configuration, corpus) * (corpus.sourceTokensPerPair + corpus.targetTokensPerPair);
    trainings.push({ name, state, parameters: model.parameters, words, seconds: words / speed });
  }
  return {
    trainings,
    seconds: trainings.reduce((sum, { seconds }) => sum + seconds, 0),
    wordsPerSecond: Array.from(speeds, ([network, wordsPerSecond]) => ({ network, wordsPerSecond })),
  };
}

function networkOf({ model, training }: Configuration): string {
  const { layers, hidden, attention, residual } = model;
  const batch = 'sentences' in training.batch ? `${training.batch.sentences} sentences` : `${training.batch.words} words`;
  return `${layers}x${hidden}${attention === 'none' ? '' : `, ${attention} attention`}${residual ? ', residual' : ''}, batches of ${batch}`;
}
