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
import { walksOf } from '../training/walks.js';
import type { Stage } from './experiment.js';
import type { Laboratory } from './laboratory.js';
import type { List, Score, Train, Translate } from './steps.js';

/** The cost of one training. */
export interface TrainingCost {
  readonly name: string;
  readonly state: 'done' | 'begun' | 'new';
  readonly parameters: number;
  /** Source and target tokens to read, for a started training also those already read. */
  readonly tokens: number;
  /** At the speed measured on this machine; 0 when it is done. */
  readonly seconds: number;
}

/** The cost of one use of trained models. */
export interface UseCost {
  readonly kind: 'translate' | 'list' | 'score';
  /** `test set, beam 12, 5 models` */
  readonly label: string;
  readonly state: 'done' | 'begun' | 'new';
  /** At the same speed: as many operations per second as updates do. 0 when it is done. */
  readonly seconds: number;
}

/** Work that the figures do not include. */
export interface UnknownCost {
  readonly what: string;
  /** Why its cost cannot be predicted yet. */
  readonly why: string;
}

export interface Cost {
  readonly trainings: readonly TrainingCost[];
  readonly uses: readonly UseCost[];
  /** Work that the figures do not include, as far as it is known. */
  readonly unknown: readonly UnknownCost[];
  /** Of all trainings that are still to be done, as many at the same time as there are trainers. */
  readonly trainingSeconds: number;
  /** Of all translations, n-best lists and scores that are still missing. */
  readonly usingSeconds: number;
  /** Of both. */
  readonly seconds: number;
  /** Tokens per second, source and target, that the estimate assumes for each kind of network. */
  readonly wordsPerSecond: readonly { readonly network: string; readonly wordsPerSecond: number }[];
}

/**
 * Predicts the cost of steps, without results that the laboratory already has. `follows` describes steps that depend on their
 * results. Speed is that of a finished training of the same kind of network, or is measured by a second of real updates. Validation,
 * checkpoints and statistics (resampling sentences, tuning weights) are not included.
 */
export async function costOf(laboratory: Laboratory, { steps, follows }: Stage, speedSeconds = 1): Promise<Cost> {
  const speeds = new Speeds(laboratory, speedSeconds);
  const trainings: TrainingCost[] = [];
  const uses: UseCost[] = [];
  const unknown: UnknownCost[] = [];
  for (const step of steps) {
    switch (step.kind) {
      case 'train': {
        const cost = await costOfTraining(laboratory, step, speeds);
        if ('why' in cost) unknown.push(cost);
        else trainings.push(cost);
        break;
      }
      case 'transform':
        // Without inputs it has been made for this estimate.
        if (step.inputs.length > 0 && (await laboratory.find(step)) === undefined)
          unknown.push({ what: step.name, why: 'its duration depends on its input' });
        break;
      default: {
        const cost = await costOfUse(laboratory, step, speeds);
        if ('why' in cost) unknown.push(cost);
        else uses.push(cost);
      }
    }
  }
  if (follows !== undefined) unknown.push({ what: follows, why: 'depends on the results of the stages before it' });
  const sum = (of: readonly { readonly seconds: number }[]) => of.reduce((total, { seconds }) => total + seconds, 0);
  const [trainingSeconds, usingSeconds] = [sum(trainings) / laboratory.trainers, sum(uses)];
  return {
    ...{ trainings, uses, unknown, trainingSeconds, usingSeconds },
    seconds: trainingSeconds + usingSeconds,
    wordsPerSecond: speeds.measured,
  };
}

/** Tokens per second in the updates of each kind of network, measured on demand. */
class Speeds {
  readonly #laboratory: Laboratory;
  readonly #seconds: number;
  readonly #known = new Map<string, number>();
  readonly #corpora = new Map<string, Promise<CorpusEstimate | undefined>>();

  constructor(laboratory: Laboratory, seconds: number) {
    this.#laboratory = laboratory;
    this.#seconds = seconds;
  }

  /** Of a training, as it will be; undefined until its corpus can be known. Most trainings of an experiment share their corpora. */
  async corpus(training: Train): Promise<CorpusEstimate | undefined> {
    const { train } = training.made;
    const key = JSON.stringify([
      train && (await this.#laboratory.addresses.of(train)),
      training.configuration.data,
      training.configuration.tokenizer,
    ]);
    const corpus = this.#corpora.get(key) ?? this.#counted(training);
    this.#corpora.set(key, corpus);
    return corpus;
  }

  async #counted(training: Train): Promise<CorpusEstimate | undefined> {
    const foreseen = await this.#laboratory.foreseen(training);
    return foreseen && estimateCorpus(foreseen.files, foreseen.configuration);
  }

  get measured() {
    return Array.from(this.#known, ([network, wordsPerSecond]) => ({ network, wordsPerSecond }));
  }

  async of(training: Train, corpus: CorpusEstimate): Promise<number> {
    const { configuration } = training;
    const network = speedClassOf(configuration);
    const { runtime, options } = this.#laboratory;
    options.signal?.throwIfAborted();
    const found = (await this.#laboratory.find(training))?.wordsPerSecond ?? 0;
    const speed =
      this.#known.get(network) ??
      (found > 0
        ? found
        : await measureTrainingSpeed(runtime, configuration, corpus, {
            devices: options.devices ?? runtime.cores,
            gemm: options.gemm,
            seconds: this.#seconds,
          }));
    this.#known.set(network, speed);
    return speed;
  }
}

async function costOfTraining(laboratory: Laboratory, training: Train, speeds: Speeds): Promise<TrainingCost | UnknownCost> {
  const [name, state] = await Promise.all([laboratory.addresses.of(training), laboratory.stateOf(training)]);
  const largest = { name, state, parameters: estimateModel(training.configuration).parameters };
  if (state === 'done') return { ...largest, tokens: 0, seconds: 0 };
  const corpus = await speeds.corpus(training);
  if (corpus === undefined) return { what: `training ${name}`, why: 'its corpus is not made yet' };
  const tokens = trainingPairs(training.configuration, corpus) * (corpus.sourceTokensPerPair + corpus.targetTokensPerPair);
  const { parameters } = estimateModel(training.configuration, corpus);
  return { ...largest, parameters, tokens, seconds: tokens / (await speeds.of(training, corpus)) };
}

async function costOfUse(laboratory: Laboratory, use: Translate | List | Score, speeds: Speeds): Promise<UseCost | UnknownCost> {
  const { kind, models } = use;
  const { sentences } = kind === 'score' ? use.list : use;
  const beam = kind === 'translate' ? use.beam : kind === 'list' ? use.size : use.list.size;
  const share = await laboratory.left(use);
  const together = models.length === 1 ? '' : `, ${models.length} models`;
  const label = `${sentences.name} set, ${kind === 'translate' ? `beam ${beam}` : `${beam}-best`}${together}`;
  if (share === 0) return { kind, label, state: 'done', seconds: 0 };
  let seconds = 0;
  for (const model of models) {
    const corpus = await speeds.corpus(model);
    if (corpus === undefined)
      return { what: `${useNames[kind]} the ${label}`, why: 'a corpus that its model is trained on is not made yet' };
    // A third of a walk's products: forward only. Each hypothesis has a row of the decoder's, the sentence one of the encoder's.
    const estimate = estimateModel(model.configuration, corpus);
    const { operationsPerSourceToken, operationsPerTargetToken } = estimate;
    const operationsOfPair = operationsPerPair(estimate, corpus);
    if (operationsOfPair === 0) return { what: `${useNames[kind]} the ${label}`, why: 'its model searches without a network' };
    const operations =
      (corpus.sourceTokensPerPair * operationsPerSourceToken + beam * corpus.targetTokensPerPair * operationsPerTargetToken) /
      (3 * walksOf(model.configuration.training));
    const tokensPerOperation = (corpus.sourceTokensPerPair + corpus.targetTokensPerPair) / operationsOfPair;
    seconds += (share * sentences.sources.length * operations * tokensPerOperation) / (await speeds.of(model, corpus));
  }
  return { kind, label, state: share < 1 ? 'begun' : 'new', seconds };
}

const useNames = { translate: 'translating', list: 'listing', score: 'scoring' } as const;

/** Trainings of one class have one speed. */
function speedClassOf(configuration: Configuration): string {
  const { batch } = configuration.training;
  const walks = walksOf(configuration.training) === 1 ? '' : ', two walks';
  return `${modelOf(configuration).summary.speedClass}${walks}, batches of ${'sentences' in batch ? `${batch.sentences} sentences` : `${batch.tokens} tokens`}`;
}
