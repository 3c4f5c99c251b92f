import {
  type CorpusEstimate,
  estimateCorpus,
  estimateModel,
  modelOf,
  operationsPerPair,
  trainingPairs,
} from '../analysis/cost/estimate.js';
import { measureTrainingSpeed } from '../analysis/cost/measured-speed.js';
import type { Configuration } from '../training/configuration.js';
import type { ExperimentBase } from './base.js';
import type { Use } from './experiment.js';
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

/** What one use of trained models needs. */
export interface UseCost {
  readonly kind: Use['kind'];
  /** `test set, beam 12, 5 models` */
  readonly label: string;
  readonly state: 'done' | 'begun' | 'new';
  /** From the same speed: as many operations a second as updates do. 0 when it is done. */
  readonly seconds: number;
}

export interface Cost {
  readonly trainings: readonly TrainingCost[];
  readonly uses: readonly UseCost[];
  /** Of all trainings that are to be done. */
  readonly trainingSeconds: number;
  /** Of all translations, n-best lists and scores that are to be made. */
  readonly usingSeconds: number;
  /** Of both. */
  readonly seconds: number;
  /** Words a second that the estimate rests on, of each kind of network. */
  readonly wordsPerSecond: readonly { readonly network: string; readonly wordsPerSecond: number }[];
}

/** What is to be trained, what is done with it, and on which sentences. */
export interface Planned {
  readonly base: ExperimentBase;
  readonly configurations: readonly Configuration[];
  readonly uses: readonly Use[];
}

/**
 * What a plan will cost before it begins, less what is kept in the laboratory. Speed is measured by a second of real updates of
 * each kind of network, or known from a training of the same kind that is over. Validation, checkpoints and
 * judging (resampling sentences, tuning weights) come on top.
 */
export async function costOf(laboratory: Laboratory, planned: Planned, speedSeconds = 1): Promise<Cost> {
  const speeds = new Speeds(laboratory, planned.base.configuration, speedSeconds);
  const trainings: TrainingCost[] = [];
  for (const configuration of planned.configurations) trainings.push(await costOfTraining(laboratory, configuration, speeds));
  const uses: UseCost[] = [];
  for (const use of planned.uses) uses.push(await costOfUse(laboratory, planned.base, use, speeds));
  const sum = (of: readonly { readonly seconds: number }[]) => of.reduce((total, { seconds }) => total + seconds, 0);
  const [trainingSeconds, usingSeconds] = [sum(trainings), sum(uses)];
  return { trainings, uses, trainingSeconds, usingSeconds, seconds: trainingSeconds + usingSeconds, wordsPerSecond: speeds.measured };
}

/** Words a second of updates of each kind of network, found when they are asked for. */
class Speeds {
  readonly #laboratory: Laboratory;
  readonly #base: Configuration;
  readonly #seconds: number;
  readonly #known = new Map<string, number>();
  #corpus: Promise<CorpusEstimate> | undefined;

  constructor(laboratory: Laboratory, base: Configuration, seconds: number) {
    this.#laboratory = laboratory;
    this.#base = base;
    this.#seconds = seconds;
  }

  /** Of the training corpus, which all configurations share. */
  get corpus(): Promise<CorpusEstimate> {
    this.#corpus ??= estimateCorpus(this.#laboratory.runtime.files, this.#base);
    return this.#corpus;
  }

  get measured() {
    return Array.from(this.#known, ([network, wordsPerSecond]) => ({ network, wordsPerSecond }));
  }

  async of(configuration: Configuration): Promise<number> {
    const network = speedClassOf(configuration);
    const { runtime, options } = this.#laboratory;
    options.signal?.throwIfAborted();
    const found = (await this.#laboratory.find(configuration))?.wordsPerSecond ?? 0;
    const speed =
      this.#known.get(network) ??
      (found > 0
        ? found
        : await measureTrainingSpeed(runtime, configuration, await this.corpus, {
            devices: options.devices ?? runtime.cores,
            gemm: options.gemm,
            seconds: this.#seconds,
          }));
    this.#known.set(network, speed);
    return speed;
  }
}

async function costOfTraining(laboratory: Laboratory, configuration: Configuration, speeds: Speeds): Promise<TrainingCost> {
  const model = estimateModel(configuration);
  const [name, state] = await Promise.all([laboratory.nameOf(configuration), laboratory.stateOf(configuration)]);
  const known = { name, state, parameters: model.parameters };
  if (state === 'done') return { ...known, words: 0, seconds: 0 };
  const corpus = await speeds.corpus;
  const words = trainingPairs(configuration, corpus) * (corpus.sourceTokensPerPair + corpus.targetTokensPerPair);
  return { ...known, words, seconds: words / (await speeds.of(configuration)) };
}

async function costOfUse(
  laboratory: Laboratory,
  base: ExperimentBase,
  { kind, models, of, beam, listed }: Use,
  speeds: Speeds,
): Promise<UseCost> {
  const { outputs } = laboratory;
  const sentences = await laboratory.sentences(of === 'test' ? base.test : (base.configuration.data.dev ?? base.test), of);
  const names = await Promise.all(models.map((model) => laboratory.nameOf(model)));
  const [first = ''] = names;
  /** How much of it is still to do, from 0 to 1. */
  const left = async (): Promise<number> => {
    if (kind === 'translate') return (await outputs.findTranslations(names, sentences, beam)) === undefined ? 1 : 0;
    if (kind === 'list') return (await outputs.findNbest(first, sentences, beam)) === undefined ? 1 : 0;
    const list = listed && (await outputs.findNbest(await laboratory.nameOf(listed), sentences, beam));
    return list === undefined ? 1 : (await outputs.unscored(names, list)) / (beam * sentences.sources.length);
  };
  const share = await left();
  const together = models.length === 1 ? '' : `, ${models.length} models`;
  const label = `${of} set, ${kind === 'translate' ? `beam ${beam}` : `${beam}-best`}${together}`;
  if (share === 0) return { kind, label, state: 'done', seconds: 0 };
  const corpus = await speeds.corpus;
  let seconds = 0;
  for (const model of models) {
    // A third of an update's products: forward only. Each hypothesis has a row of the decoder's, the sentence one of the encoder's.
    const estimate = estimateModel(model);
    const { operationsPerSourceToken, operationsPerTargetToken } = estimate;
    const operations =
      (corpus.sourceTokensPerPair * operationsPerSourceToken + beam * corpus.targetTokensPerPair * operationsPerTargetToken) / 3;
    const words = (corpus.sourceTokensPerPair + corpus.targetTokensPerPair) / operationsPerPair(estimate, corpus);
    seconds += (share * sentences.sources.length * operations * words) / (await speeds.of(model));
  }
  return { kind, label, state: share < 1 ? 'begun' : 'new', seconds };
}

/** Trainings of one class have one speed. */
function speedClassOf(configuration: Configuration): string {
  const { batch } = configuration.training;
  return `${modelOf(configuration).summary.speedClass}, batches of ${'sentences' in batch ? `${batch.sentences} sentences` : `${batch.words} words`}`;
}
