import { type IdPair, makeBatch } from '../data/batch.js';
import { createModel, type ModelOptions } from '../models/create.js';
import type { VocabularySizes } from '../models/model.js';
import type { Parameter } from '../nn/parameters.js';
import { divide } from '../parallel/divide.js';
import { Memory } from '../tensor/memory.js';
import type { OptimizerOptions } from '../training/optimizer-options.js';
import { stepBytes, stepLimit } from '../training/step-memory.js';

/** What training holds in memory at once. */
export interface MemoryEstimate {
  readonly parametersMiB: number;
  /** One a device; of embeddings only the rows that an update touches. */
  readonly gradientsMiB: number;
  readonly optimizerMiB: number;
  /** What forward and backward of the largest batch keep, logits included. */
  readonly activationsMiB: number;
  /** Node.js, its threads and the matrix library. */
  readonly runtimeMiB: number;
  readonly totalMiB: number;
}

export interface TrainingSetup {
  readonly modelOptions: ModelOptions;
  readonly vocabularies: VocabularySizes;
  readonly optimizer: OptimizerOptions;
  readonly devices: number;
  /** The sentences of the largest batch; only their lengths count. */
  readonly largestBatch: readonly IdPair[];
}

/** Resident memory of Node.js 20 with oneDNN, measured on training that is next to nothing: alone, and for each device. */
const runtimeMiB = { alone: 75, device: 50 } as const;

/** The peak of resident memory, from the very allocations of an update, none of which is made. */
export function estimatePeak({ modelOptions, vocabularies, optimizer, devices, largestBatch }: TrainingSetup): MemoryEstimate {
  const model = createModel(modelOptions, vocabularies);
  const memory = new Memory({ shared: false });
  const parameters = [...model.parameters];
  model.parameters.attach(memory, Object.fromEntries(parameters.map(({ name }) => [name, 0])));

  const bytes = (of: readonly Parameter[]) => of.reduce((sum, { size }) => sum + 4 * size, 0);
  const tables = parameters.filter(({ rules }) => rules.gradient === 'rows');
  const dense = devices * bytes(parameters.filter(({ rules }) => rules.gradient === 'dense'));
  const { sourceTokens, targetTokens } = makeBatch(largestBatch, model.batchOptions);
  // Each device has the rows that its shard touches; the first one also those of all, copied together.
  const rows = tables.reduce((sum, { name, shape: [vocabulary = 0, columns = 0] }) => {
    const touched = Math.min(vocabulary, name.startsWith('source') ? sourceTokens : targetTokens);
    return sum + (devices === 1 ? 1 : 2) * touched * columns * 4;
  }, 0);
  const moments = optimizer.kind === 'adam' ? 2 * bytes(parameters) + (optimizer.lazy ? 0 : bytes(tables)) : 0;

  const limit = stepLimit(memory.remainingBytes - bytes(parameters) - dense - moments, devices);
  const shards = divide(largestBatch, devices, model.parameters.costs).filter((positions) => positions.length > 0);
  const activations = shards.reduce((sum, positions) => {
    let pairs = positions.map((position) => largestBatch[position] as IdPair);
    for (;;) {
      const needed = stepBytes(model, memory, makeBatch(pairs, model.batchOptions));
      if (needed <= limit || pairs.length === 1) return sum + needed;
      pairs = pairs.filter((_, index) => index % 2 === 0);
    }
  }, 0);

  const figures = {
    parametersMiB: mebibytes(bytes(parameters)),
    gradientsMiB: mebibytes(dense + rows),
    optimizerMiB: mebibytes(moments),
    activationsMiB: mebibytes(activations),
    runtimeMiB: runtimeMiB.alone + devices * runtimeMiB.device,
  };
  return { ...figures, totalMiB: Object.values(figures).reduce((sum, size) => sum + size, 0) };
}

function mebibytes(bytes: number): number {
  return bytes / 1024 ** 2;
}
