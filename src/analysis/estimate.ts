import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { randomKey, uniformInteger } from '../core/random.js';
import { readPairs, type SentencePair } from '../data/sources.js';
import { createModel } from '../models/create.js';
import type { Parameter } from '../nn/parameters.js';
import type { Device } from '../tensor/device.js';
import { type Configuration, tokenizerOptionsOf } from '../training/configuration.js';
import { type MemoryEstimate, estimatePeak } from './peak-memory.js';
import { trainTokenizer } from '../text/train-tokenizer.js';

/** Part of a model: `source.embedding`, `encoder`, `decoder`, `attention`, `target.embedding`, `output`. */
export interface ModelPart {
  readonly name: string;
  readonly parameters: number;
}

export interface ModelEstimate {
  readonly parameters: number;
  /** Parameters of the recurrent layers. */
  readonly recurrentParameters: number;
  readonly parts: readonly ModelPart[];
  /** Floating-point operations of the matrix products, forward and backward, a source or target token. */
  readonly operationsPerSourceToken: number;
  readonly operationsPerTargetToken: number;
}

/** How long the training corpus is; tokens a pair are those of a sample. */
export interface CorpusEstimate {
  readonly pairs: number;
  readonly sourceTokensPerPair: number;
  /** `</s>` counted. */
  readonly targetTokensPerPair: number;
  /** Of the sampled sentences that training keeps. */
  readonly longestSource: number;
  readonly longestTarget: number;
}

/** Counts a configured model without allocating it. */
export function estimateModel(configuration: Configuration): ModelEstimate {
  const parameters = [...parametersOf(configuration)];
  const count = (of: readonly Parameter[]) => of.reduce((sum, { size }) => sum + size, 0);
  const products = parameters.filter(({ rules }) => rules.cost > 0);
  // A multiplication and an addition for each weight: once forward, once for each of the two gradients.
  const operations = (of: readonly Parameter[]) => 6 * count(of);
  const parts = new Map<string, number>();
  for (const parameter of parameters) parts.set(partOf(parameter), (parts.get(partOf(parameter)) ?? 0) + parameter.size);
  return {
    parameters: count(parameters),
    recurrentParameters: count(parameters.filter((parameter) => isRecurrent(partOf(parameter)))),
    parts: Array.from(parts, ([name, size]) => ({ name, parameters: size })),
    operationsPerSourceToken: operations(products.filter((parameter) => isSourceSide(partOf(parameter)))),
    operationsPerTargetToken: operations(products.filter((parameter) => !isSourceSide(partOf(parameter)))),
  };
}

/**
 * What training holds in memory at its largest batch. Without a corpus sentences are as long as the configuration allows.
 */
export function estimateMemory(configuration: Configuration, devices: number, corpus: CorpusEstimate | undefined): MemoryEstimate {
  const { data, model, training } = configuration;
  const { longestSource = data.maximumLength, longestTarget = data.maximumLength + 1 } = corpus ?? {};
  const { batch } = training;
  const sentences = 'sentences' in batch ? batch.sentences : Math.max(1, Math.floor(batch.words / longestTarget));
  const pair = { source: new Int32Array(longestSource), target: new Int32Array(longestTarget - 1) };
  return estimatePeak({
    modelOptions: model,
    vocabularies: { source: sizeOf(configuration, 'source'), target: sizeOf(configuration, 'target') },
    optimizer: training.optimizer,
    devices,
    largestBatch: Array.from({ length: sentences }, (_, key) => ({ key, ...pair })),
  });
}

const sampleSize = 10_000;
const samplingKey = randomKey(1, 'sample');

/** Counts the training corpus. Throws `input` when it cannot be read. */
export async function estimateCorpus(
  files: Files,
  configuration: Configuration,
  onProgress: (pairs: number) => void = () => undefined,
): Promise<CorpusEstimate> {
  const sample: SentencePair[] = [];
  let pairs = 0;
  for await (const pair of readPairs(files, configuration.data.train)) {
    if ('unusable' in pair) continue;
    // Every pair is as likely in the sample as any other: corpora are often sorted by length (Vitter 1985, algorithm R).
    const place = pairs < sampleSize ? pairs : uniformInteger(samplingKey, pairs, pairs + 1);
    if (place < sampleSize) sample[place] = pair;
    if (++pairs % 10_000 === 0) onProgress(pairs);
  }
  if (pairs === 0) throw new DecadeError('input', { where: 'data.train', received: 'no sentence pair', allowed: 'at least one' });
  const { tokenizer } = configuration;
  const lengths = async (side: 'source' | 'target') => {
    const text = tokenizer.shared ? sample.flatMap(({ source, target }) => [source, target]) : sample.map((pair) => pair[side]);
    const trained = await trainTokenizer(text, tokenizerOptionsOf(tokenizer, side));
    return sample.slice(0, 2_000).map((pair) => trained.encode(pair[side]).length);
  };
  const mean = (of: readonly number[]) => of.reduce((sum, length) => sum + length, 0) / of.length;
  const { maximumLength } = configuration.data;
  const longest = (of: readonly number[]) => Math.max(1, ...of.filter((length) => length <= maximumLength));
  const [source, target] = [await lengths('source'), await lengths('target')];
  return {
    pairs,
    sourceTokensPerPair: mean(source),
    targetTokensPerPair: 1 + mean(target),
    longestSource: longest(source),
    longestTarget: 1 + longest(target),
  };
}

/** Operations of the matrix products of the whole training, or of what `stop` allows of it. */
export function trainingOperations(configuration: Configuration, model: ModelEstimate, corpus: CorpusEstimate): number {
  const { stop, batch } = configuration.training;
  const perPair = corpus.sourceTokensPerPair * model.operationsPerSourceToken + corpus.targetTokensPerPair * model.operationsPerTargetToken;
  const pairsOfStep = 'sentences' in batch ? batch.sentences : batch.words / corpus.targetTokensPerPair;
  const byEpochs = stop.epochs === undefined ? Number.POSITIVE_INFINITY : stop.epochs * corpus.pairs;
  const bySteps = stop.steps === undefined ? Number.POSITIVE_INFINITY : stop.steps * pairsOfStep * configuration.training.accumulate;
  return Math.min(byEpochs, bySteps) * perPair;
}

/** Floating-point operations a second of products as the model's recurrent layers need them, on one device. */
export function measureProducts(device: Device, configuration: Configuration, milliseconds = 300): number {
  const { hidden } = configuration.model;
  const [m, n, k] = [64, Math.min(4 * hidden, 4096), Math.min(hidden, 1024)];
  const { memory, matrix } = device;
  const block = memory.allocate(4 * (m * k + n * k + m * n));
  memory.f32.fill(0.5, block.offset / 4, (block.offset + block.bytes) / 4);
  const [a, b, c] = [block.offset, block.offset + 4 * m * k, block.offset + 4 * (m * k + n * k)];
  const packed = matrix.pack(n, k, b, true);
  try {
    let best = 0;
    const end = performance.now() + milliseconds;
    for (let round = 0; round < 3 || performance.now() < end; round++) {
      const start = performance.now();
      packed.multiply(m, a, c, false);
      const speed = (2 * m * n * k * 1000) / (performance.now() - start);
      if (round > 0) best = Math.max(best, speed);
    }
    return best;
  } finally {
    packed.release();
    memory.free(block);
  }
}

function parametersOf(configuration: Configuration): Iterable<Parameter> {
  const sizes = { source: sizeOf(configuration, 'source'), target: sizeOf(configuration, 'target') };
  return createModel(configuration.model, sizes).parameters;
}

function sizeOf({ tokenizer }: Configuration, side: 'source' | 'target'): number {
  return tokenizerOptionsOf(tokenizer, side).size ?? 0;
}

/** `encoder.0.weightInput` belongs to `encoder`, `source.embedding.table` to `source.embedding`. */
function partOf({ name }: Parameter): string {
  const [first = '', second = ''] = name.split('.');
  return first === 'source' || first === 'target' ? `${first}.${second}` : first;
}

function isRecurrent(part: string): boolean {
  return part === 'encoder' || part === 'decoder';
}

function isSourceSide(part: string): boolean {
  return part === 'encoder' || part.startsWith('source.');
}
