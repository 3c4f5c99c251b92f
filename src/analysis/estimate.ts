import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { randomKey, uniformInteger } from '../core/random.js';
import { readPairs, type SentencePair } from '../data/sources.js';
import { createModel } from '../models/create.js';
import type { Parameter } from '../nn/parameters.js';
import type { Device } from '../tensor/device.js';
import { type Configuration, tokenizerOptionsOf } from '../training/configuration.js';
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

export interface MemoryEstimate {
  readonly parametersMiB: number;
  readonly gradientsMiB: number;
  readonly optimizerMiB: number;
  /** What a step keeps for its backward pass. */
  readonly activationsMiB: number;
  readonly totalMiB: number;
}

/** How long the training corpus is; tokens a pair are those of a sample. */
export interface CorpusEstimate {
  readonly pairs: number;
  readonly sourceTokensPerPair: number;
  /** `</s>` counted. */
  readonly targetTokensPerPair: number;
}

/** Counts a configured model without allocating it. */
export function estimateModel(configuration: Configuration): ModelEstimate {
  const parameters = [...parametersOf(configuration)];
  const count = (of: readonly Parameter[]) => of.reduce((sum, { size }) => sum + size, 0);
  const products = parameters.filter(({ shape, gradientKind }) => shape.length === 2 && gradientKind === 'dense');
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
 * What training holds in memory at once, roughly: an LSTM layer keeps about 11 values a cell and token (gates, cells,
 * outputs and their gradients), and logits are made in chunks of some hundred rows.
 */
export function estimateMemory(configuration: Configuration, devices: number, corpus: CorpusEstimate | undefined): MemoryEstimate {
  const { model, training } = configuration;
  const parameters = [...parametersOf(configuration)];
  const all = parameters.reduce((sum, { size }) => sum + size, 0);
  const dense = parameters.reduce((sum, { size, gradientKind }) => sum + (gradientKind === 'dense' ? size : 0), 0);
  const { sourceTokensPerPair = 25, targetTokensPerPair = 25 } = corpus ?? {};
  const tokens =
    'sentences' in training.batch
      ? training.batch.sentences * (sourceTokensPerPair + targetTokensPerPair)
      : training.batch.words * (1 + sourceTokensPerPair / targetTokensPerPair);
  const logitRows = 400;
  const activations =
    tokens * (model.layers * 11 * model.hidden + 3 * model.embedding) + devices * logitRows * sizeOf(configuration, 'target');
  const figures = {
    parametersMiB: mebibytes(all),
    gradientsMiB: mebibytes(devices * (dense + tokens * model.embedding)),
    optimizerMiB: mebibytes(training.optimizer.kind === 'adam' ? 2 * all : 0),
    activationsMiB: mebibytes(activations),
  };
  return { ...figures, totalMiB: Object.values(figures).reduce((sum, size) => sum + size, 0) };
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
  const mean = async (side: 'source' | 'target') => {
    const text = tokenizer.shared ? sample.flatMap(({ source, target }) => [source, target]) : sample.map((pair) => pair[side]);
    const trained = await trainTokenizer(text, tokenizerOptionsOf(tokenizer, side));
    const measured = sample.slice(0, 2_000);
    return measured.reduce((sum, pair) => sum + trained.encode(pair[side]).length, 0) / measured.length;
  };
  return { pairs, sourceTokensPerPair: await mean('source'), targetTokensPerPair: 1 + (await mean('target')) };
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

function mebibytes(values: number): number {
  return (4 * values) / 1024 ** 2;
}
