import * as z from 'zod';
import { modelOf } from '../../analysis/cost/estimate.js';
import type { CorpusSource } from '../../data/sources.js';
import { type Configuration, type ConfigurationInput, configurationOf } from '../../training/configuration.js';
import { languageTask } from '../base.js';
import type { Experiment, Study } from '../experiment.js';
import { seeds } from '../options.js';
import { hoffmann, scalingFinding } from '../scaling/finding.js';
import { measureRuns } from '../scaling/measure.js';
import { configurationOfRun, divided, effortOf, type ScalingRun } from '../scaling/runs.js';
import { type TextFiles, type Transform, train, transformToText } from '../steps.js';

const options = {
  seeds: seeds(1),
  sizes: z.int().min(3).max(6).default(4).describe('sizes of each network, from the smallest'),
  parts: z.int().min(3).max(6).default(4).describe('amounts of text, each a third of the next; the largest is nearly all of it'),
};

type ScalingStudy = Study<typeof options>;

/** Widths of the networks: each has about three times the parameters of the one before. */
const widths = [8, 16, 32, 56, 96, 160];
/** Bytes that a network sees at once. */
const context = 64;
const warmup = 0.1;

/** Among those tried on a tenth of the text at widths of 8, 32 and 96, about the best; wider networks want lower ones. */
const bestRates = { LSTM: 0.03, Transformer: 0.02 } as const;
const networkNames = ['LSTM', 'Transformer'] as const;

const networks: Readonly<Record<keyof typeof bestRates, (width: number) => ConfigurationInput['model']>> = {
  LSTM: (width) => ({ kind: 'lstm', layers: 1, hidden: width, embedding: width, tiedEmbeddings: true }),
  Transformer: (width) => ({ kind: 'transformer', decoderLayers: 2, width, heads: 2, feedForward: 2 * width, dropout: 0 }),
};

export const learningRateOf = (network: keyof typeof bestRates, width: number) =>
  Number((bestRates[network] * (32 / width) ** 0.5).toPrecision(2));

export const scaling: Experiment<typeof options> = {
  title: 'Loss as a power of size and data',
  source: hoffmann,
  task: languageTask,
  options,
  judgesItself: true,

  async *stages(study) {
    const { laboratory, options } = study;
    const text = await textOf(study);
    const runs = networkNames.flatMap((network) =>
      widths.slice(0, options.sizes).flatMap((width, place) => {
        const shared = sharedConfiguration(study.base.configuration, networks[network](width), learningRateOf(network, width));
        return partsOf(text.contexts, options.parts).flatMap((examples) =>
          Array.from({ length: options.seeds }, (_, index) =>
            textRun(text, shared, { network, size: place + 1, examples, epochs: 1, seed: index + 1 }),
          ),
        );
      }),
    );
    const ordered = runs.sort((one, other) => effortOf(one) - effortOf(other));
    return scalingFinding(yield* measureRuns(laboratory, divided(ordered, 1)));
  },
};

/** The target side of a corpus, a sentence a line, as text for language models. */
export interface StudiedText {
  readonly made: { readonly train: Transform<TextFiles>; readonly dev: Transform<TextFiles> };
  /** Contexts that there are at least. */
  readonly contexts: number;
}

export async function textOf({ base, laboratory }: Pick<ScalingStudy, 'base' | 'laboratory'>): Promise<StudiedText> {
  const { train: given, dev: givenDev = given } = base.configuration.data;
  const [source, dev] = [longer(given), longer(givenDev)];
  const linesOf = async (of: typeof source, part: string) => (await laboratory.sentences(of, part)).references;
  const [lines, held] = [await linesOf(source, 'train'), await linesOf(dev, 'dev')];
  const made = async (of: typeof source, text: readonly string[]) =>
    transformToText({
      ...{ name: 'target text', version: 1, inputs: [], parameters: { corpus: await laboratory.addresses.ofCorpus(of) } },
      make: () => ({ text }),
    });
  const bytes = lines.reduce((sum, line) => sum + new TextEncoder().encode(line).length + 1, 0);
  return { made: { train: await made(source, lines), dev: await made(dev, held) }, contexts: Math.floor(bytes / context) };
}

/** Language models want more text than translators, and of a generator there is more. */
function longer(source: CorpusSource): CorpusSource {
  return 'generator' in source
    ? { ...source, pairs: Math.min(100_000, 4 * source.pairs), heldOut: Math.min(10_000, 4 * source.heldOut) }
    : source;
}

/** Contexts of the parts, from the least: each a third of the next. */
export function partsOf(contexts: number, parts: number): number[] {
  const most = Math.floor(0.95 * contexts);
  return Array.from({ length: parts }, (_, place) => Math.max(1, Math.floor(most / 3 ** (parts - 1 - place))));
}

/** What all runs of a size have in common: bytes, so that no vocabulary depends on the part. */
export function sharedConfiguration(base: Configuration, model: ConfigurationInput['model'], learningRate: number): Configuration {
  const text = { text: ['made from the corpus'], documents: 'line' as const };
  return configurationOf({
    version: 1,
    data: { train: text, dev: text, context, across: true },
    tokenizer: { kind: 'bytes' },
    model,
    training: {
      optimizer: { kind: 'adam', learningRate, beta2: 0.98 },
      clip: { kind: 'norm', max: 1 },
      batch: { sentences: 4 },
      validate: { metrics: ['perplexity'] },
      report: base.training.report,
    },
  });
}

/** A run on a part of the text. */
export function textRun(
  { made }: StudiedText,
  shared: Configuration,
  { seed, ...run }: Omit<ScalingRun, 'parameters' | 'training'> & { readonly seed: number },
): ScalingRun {
  const configuration = configurationOfRun(shared, { ...run, seed, warmup });
  return { ...run, parameters: modelOf(configuration).parameters.count, training: train(configuration, made) };
}
