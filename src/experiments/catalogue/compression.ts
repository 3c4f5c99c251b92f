import * as z from 'zod';
import { linePlot } from '../../analysis/page/plot.js';
import { TrainedBytes } from '../../compression/trained-model.js';
import { highestOrder } from '../../models/ngram/options.js';
import { type Configuration, type ConfigurationInput, configurationOf } from '../../training/configuration.js';
import { languageTask } from '../base.js';
import { codeText, type CodedText } from '../coded-text.js';
import type { Experiment, Finding, Study } from '../experiment.js';
import { type Lines, type TextFiles, type Train, type Transform, train, transformToText } from '../steps.js';

const options = {
  orders: z.int().min(1).max(highestOrder).default(5).describe('bytes of the longest n-grams: models of 1, of 2, and so on up to these'),
  sizes: z.int().min(1).max(6).default(3).describe('sizes of each kind of network, each twice as wide as the one before'),
  updates: z.int().min(10).max(1_000_000).default(400).describe('updates of a network'),
};

type CompressionStudy = Study<typeof options>;

const narrowest = 16;
const context = 128;
/** Bytes of the test text that are coded at most. */
const mostBytes = 16_000;

const networks = ['LSTM', 'Transformer'] as const;
const kinds = ['n-grams', ...networks] as const;
type Kind = (typeof kinds)[number];

/** A model of the text, and what the test text costs with it. */
export interface Coded extends CodedText {
  readonly kind: Kind;
  /** `order 3`, `width 32`. */
  readonly size: string;
  readonly parameters: number;
}

export const compression: Experiment<typeof options> = {
  title: 'Prediction is compression',
  source: {
    paper: 'Delétang et al., 2024, after Shannon, 1948',
    where: 'section 2',
    claim: 'the code of a text is as long as its log-loss, to less than two bits, so that a better prediction is a shorter file',
  },
  task: languageTask,
  options,

  async *stages(study) {
    const { laboratory } = study;
    const { signal } = laboratory.options;
    const models = await modelsOf(study);
    yield { steps: models.map(({ training }) => training) };

    const text = textOf(study.test.references).subarray(0, mostBytes);
    const coded: Coded[] = [];
    for (const { kind, size, training } of models) {
      const run = await laboratory.result(training);
      const model = await laboratory.outputs.open([run]);
      try {
        const length = await model.compressing(async (trained) => codeText(text, await TrainedBytes.create(trained.start()), signal));
        coded.push({ kind, size, parameters: run.parameters, ...length });
      } finally {
        await model.dispose();
      }
    }
    return findingOf(coded, text.length);
  },
};

/** A sentence a line. */
function textOf(sentences: readonly string[]): Uint8Array {
  return new TextEncoder().encode(sentences.map((sentence) => `${sentence}\n`).join(''));
}

async function modelsOf({ base, laboratory, options: { orders, sizes, updates } }: CompressionStudy) {
  const { train: source, dev = source } = base.configuration.data;
  const textFrom = async (corpus: typeof source, part: 'train' | 'dev'): Promise<Transform<TextFiles>> => {
    const { references } = await laboratory.sentences(corpus, part);
    const make = (): Readonly<Record<string, Lines>> => ({ text: references });
    const parameters = { corpus: await laboratory.addresses.ofCorpus(corpus) };
    return transformToText({ name: 'text', version: 1, inputs: [], parameters, make });
  };
  const made = { train: await textFrom(source, 'train'), dev: await textFrom(dev, 'dev') };
  const models: { readonly kind: Kind; readonly size: string; readonly training: Train }[] = [];
  const add = (kind: Kind, size: string, rest: Pick<ConfigurationInput, 'model' | 'training'>) =>
    models.push({ kind, size, training: train(languageModel(base.configuration, rest), made) });
  for (let order = 1; order <= orders; order++) add('n-grams', `order ${order}`, { model: { kind: 'ngram', order } });
  for (const kind of networks) {
    for (let size = 0; size < sizes; size++) {
      const width = narrowest * 2 ** size;
      add(kind, `width ${width}`, { model: network(kind, width), training: learning(base.configuration, updates) });
    }
  }
  return models;
}

function languageModel({ data }: Configuration, rest: Pick<ConfigurationInput, 'model' | 'training'>): Configuration {
  const text = { text: ['made from the corpus'] };
  return configurationOf({ version: 1, data: { ...data, train: text, dev: text, context }, tokenizer: { kind: 'bytes' }, ...rest });
}

function network(kind: (typeof networks)[number], width: number): ConfigurationInput['model'] {
  return kind === 'LSTM'
    ? { kind: 'lstm', layers: 1, hidden: width, embedding: width, attention: 'none', dropout: 0 }
    : { kind: 'transformer', encoderLayers: 0, decoderLayers: 2, width, heads: 4, feedForward: 4 * width, dropout: 0 };
}

function learning({ training: { seed } }: Configuration, updates: number): ConfigurationInput['training'] {
  const every = { steps: Math.ceil(updates / 4) };
  return {
    seed,
    optimizer: { kind: 'adam', learningRate: 0.003 },
    schedule: { kind: 'cosine', warmup: { steps: Math.ceil(updates / 20) }, over: { steps: updates } },
    clip: { kind: 'norm', max: 1 },
    batch: { sentences: 32 },
    stop: { steps: updates },
    validate: { every, metrics: ['perplexity'] },
    checkpoint: { every, keep: 1 },
  };
}

/** What the figures show, in words that depend on them. */
export function findingOf(coded: readonly Coded[], bytes: number): Finding {
  const fileBits = ({ codeBytes }: Coded) => (8 * codeBytes) / bytes;
  const named = ({ kind, size }: Coded) => `${kind}, ${size}`;
  const excess = Math.max(...coded.map((one) => fileBits(one) - one.predictedBits));
  const byPrediction = coded.toSorted((a, b) => a.predictedBits - b.predictedBits);
  const sameOrder = byPrediction.every((one, index) => index === 0 || one.codeBytes >= (byPrediction[index - 1] as Coded).codeBytes);
  const ofKind = (kind: Kind) => coded.filter((one) => one.kind === kind);
  const points = (kind: Kind, x: (one: Coded) => number) => ofKind(kind).map((one) => ({ x: x(one), value: fileBits(one) }));
  const y = { label: 'file, bits per byte' } as const;
  return {
    head: ['model', 'size', 'parameters', 'predicted, bits per byte', 'file, bits per byte', 'file, bytes', 'paper'],
    rows: coded.map((one) => [
      one.kind,
      one.size,
      one.parameters.toLocaleString('en-US'),
      one.predictedBits.toFixed(3),
      fileBits(one).toFixed(3),
      one.codeBytes.toLocaleString('en-US'),
      'equal',
    ]),
    conclusions: [
      `The file is longer than predicted by at most ${excess.toFixed(3)} bits per byte, of ${bytes.toLocaleString('en-US')} bytes: a model's loss is its code length.`,
      sameOrder
        ? 'In the order of their predictions, all models are in the order of their files: better prediction, shorter file.'
        : 'In the order of their predictions, some models with nearly equal ones are not in the order of their files: what the coder rounds is as large as their difference.',
      ...kinds.flatMap((kind) => {
        const [first, last] = [ofKind(kind)[0], ofKind(kind).at(-1)];
        if (first === undefined || last === undefined || first === last) return [];
        const change = last.codeBytes / first.codeBytes;
        return `From ${named(first)}, to ${last.size} the file becomes ${change.toFixed(2)} times as long.`;
      }),
      `The shortest file is that of ${named(coded.toSorted((a, b) => a.codeBytes - b.codeBytes)[0] as Coded)}. Whoever reads it needs the model, which is not counted here. One seed each: whether one kind is better than another of the same size is not asked.`,
    ],
    plots: [
      linePlot({
        title: 'File by size of the model',
        note: 'one seed each',
        x: { label: 'parameters', scale: 'log', format: (value) => value.toLocaleString('en-US') },
        y,
        series: kinds.map((kind) => ({ name: kind, points: points(kind, ({ parameters }) => parameters) })),
      }),
      linePlot({
        title: 'File by prediction',
        note: 'the same models; prediction and file are equal on the diagonal',
        x: { label: 'predicted, bits per byte' },
        y,
        series: kinds.map((kind) => ({
          name: kind,
          points: points(kind, ({ predictedBits }) => predictedBits).toSorted((a, b) => a.x - b.x),
        })),
      }),
    ],
    figures: { coded, bytes },
  };
}
