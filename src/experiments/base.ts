import type * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { resolveOptions } from '../core/options.js';
import { type CorpusSource, corpusSource, describeSource } from '../data/sources.js';
import type { Runtime } from '../parallel/runtime.js';
import { type Configuration, type ConfigurationInput, configurationOf, readConfiguration } from '../training/configuration.js';

/** The starting point of an experiment: a configuration to vary, and a test set that is used for no choice. */
export interface ExperimentBase {
  /** For people: `copying 2 to 20 digits`. */
  readonly description: string;
  readonly configuration: Configuration;
  readonly test: CorpusSource;
}

/** What an experiment begins with if no data are given. */
export interface WithoutData {
  readonly task: string;
  /** Default: an LSTM without attention, as in 2014. */
  readonly network?: ((scale: NetworkScale) => ConfigurationInput['model']) | undefined;
}

export const experimentSizes = ['tiny', 'small', 'medium'] as const;
export type ExperimentSize = (typeof experimentSizes)[number];

/** The data and the network of an experiment. */
export interface BaseChoice {
  /** Training data and the network to vary: a YAML file, or the same as an object. Default: a task that needs no data. */
  readonly configuration?: string | ConfigurationInput | undefined;
  /** Overrides of the configuration, `key.path=value` each. */
  readonly set?: readonly string[] | undefined;
  /** Test sentences with reference translations. Default: the dev corpus of the configuration. */
  readonly test?: z.input<typeof corpusSource> | undefined;
  /** Without a configuration: `digits:copy`, `digits:reverse`, `digits:sort` or `intl:FROM-TO`. Default: depends on the experiment. */
  readonly task?: string | undefined;
  /** Without a configuration: takes seconds, minutes or an hour. Default: small. */
  readonly size?: ExperimentSize | undefined;
}

/**
 * The starting point of an experiment.
 *
 * @throws DecadeError `usage` for choices that cannot be combined, and whatever reading the configuration throws
 */
export async function experimentBase(
  runtime: Runtime,
  suited: WithoutData,
  { configuration, set = [], test, task, size }: BaseChoice,
): Promise<ExperimentBase> {
  const wrong = (received: string, allowed: string) => new DecadeError('usage', { where: 'reproduce', received, allowed });
  if (configuration === undefined) {
    if (test !== undefined) throw wrong('a test set without a configuration', 'a task with its own, or a configuration');
    const base = embeddedBase(task ?? suited.task, size ?? 'small', suited.network);
    if (set.length === 0) return base;
    const changed = forExperiments(await readConfiguration(runtime.files, base.configuration, set));
    return { ...base, description: `${base.description}, ${set.join(', ')}`, configuration: changed };
  }
  if (task !== undefined || size !== undefined) throw wrong('a configuration with a task or a size', 'one or the other');
  const read = forExperiments(await readConfiguration(runtime.files, configuration, set));
  const { train, dev } = read.data;
  const tested = test === undefined ? dev : resolveOptions(corpusSource, test, 'test');
  if (tested === undefined) throw wrong('no test set', 'one, or data.dev');
  const description = [
    typeof configuration === 'string' ? configuration : 'a configuration',
    ...('generator' in train ? [describeSource(train)] : []),
    ...set.filter((one) => !one.startsWith('data.')),
    `tested on ${test === undefined ? 'the dev corpus' : 'source' in tested ? tested.source : describeSource(tested)}`,
  ].join(', ');
  return { description, configuration: read, test: tested };
}

/** Changes of a configuration, part by part. */
export interface Variation<Varied extends Configuration> {
  readonly model?: Partial<Varied['model']>;
  readonly training?: Partial<Configuration['training']>;
}

/** The same configuration except for these keys. */
export function varied<Varied extends Configuration>(configuration: Varied, { model, training }: Variation<Varied>): Varied {
  return { ...configuration, model: { ...configuration.model, ...model }, training: { ...configuration.training, ...training } };
}

/** The task without data on which order matters most. */
export const digitsTask = 'digits:copy:4-20';
/** The task with words of different frequency. */
export const languageTask = 'intl:en-fr';

/** Sizes of the network of a task without data. */
export interface NetworkScale {
  readonly layers: number;
  readonly hidden: number;
  readonly embedding: number;
}

/** Sizes of the network and the corpus of a task without data. */
interface Scale extends NetworkScale {
  readonly pairs: number;
  readonly heldOut: number;
  readonly epochs: number;
}

const digitScales: Record<ExperimentSize, Scale> = {
  tiny: { pairs: 2_000, heldOut: 40, layers: 1, hidden: 32, embedding: 16, epochs: 3 },
  small: { pairs: 20_000, heldOut: 400, layers: 1, hidden: 128, embedding: 32, epochs: 6 },
  medium: { pairs: 60_000, heldOut: 1_000, layers: 2, hidden: 256, embedding: 64, epochs: 8 },
};

const languageScales: Record<ExperimentSize, Scale> = {
  tiny: { pairs: 400, heldOut: 40, layers: 1, hidden: 16, embedding: 8, epochs: 2 },
  small: { pairs: 12_000, heldOut: 400, layers: 1, hidden: 192, embedding: 96, epochs: 6 },
  medium: { pairs: 24_000, heldOut: 800, layers: 2, hidden: 256, embedding: 128, epochs: 8 },
};

/** As in 2014. */
const withoutAttention = (scale: NetworkScale): ConfigurationInput['model'] => ({ kind: 'lstm', attention: 'none', ...scale });

/**
 * A generated task: `digits:copy`, `digits:reverse`, `digits:sort` or `intl:FROM-TO`.
 *
 * @throws DecadeError `usage` for any other name
 */
export function embeddedBase(task: string, size: ExperimentSize, network: WithoutData['network'] = withoutAttention): ExperimentBase {
  const isDigits = task.startsWith('digits:');
  const { pairs, heldOut, epochs, ...scale } = (isDigits ? digitScales : languageScales)[size];
  const part = (split: 'train' | 'dev' | 'test'): CorpusSource => {
    const parsed = corpusSource.safeParse({ generator: task, split, pairs, heldOut });
    if (parsed.success) return parsed.data;
    throw new DecadeError('usage', {
      where: 'task',
      received: JSON.stringify(task),
      allowed: 'digits:copy, digits:reverse, digits:sort (optionally with :SHORTEST-LONGEST), or intl:FROM-TO such as intl:en-fr',
    });
  };
  const input: ConfigurationInput = {
    version: 1,
    data: { train: part('train'), dev: part('dev') },
    tokenizer: isDigits ? { kind: 'word', split: 'spaces', size: 16 } : { kind: 'bpe', size: size === 'tiny' ? 400 : 2_000 },
    model: network(scale),
    training: {
      optimizer: { kind: 'adam', learningRate: 0.003 },
      schedule: { kind: 'cosine', warmup: { epochs: 0.2 }, over: { epochs } },
      clip: { kind: 'norm', max: 1 },
      batch: { sentences: 64 },
      stop: { epochs },
    },
  };
  return {
    description: `${task}, ${pairs.toLocaleString('en-US')} pairs`,
    configuration: forExperiments(configurationOf(input)),
    test: part('test'),
  };
}

/**
 * A configuration that experiments can share: the best model by dev perplexity, and no more checkpoints than resuming needs.
 *
 * @throws DecadeError `usage` without a dev corpus
 */
function forExperiments(configuration: Configuration): Configuration {
  const { dev } = configuration.data;
  const { validate, checkpoint } = configuration.training;
  if (dev === undefined || validate === undefined) {
    throw new DecadeError('usage', {
      where: 'data.dev',
      received: 'no dev set',
      allowed: 'a dev set, to select the best model',
      next: 'add it to the configuration, or use --set data.dev.source=... --set data.dev.target=...',
    });
  }
  const { average: _, ...rest } = checkpoint;
  return varied(configuration, {
    training: { validate: { ...validate, metrics: ['perplexity'], patience: undefined }, checkpoint: { ...rest, keep: 1 } },
  });
}
