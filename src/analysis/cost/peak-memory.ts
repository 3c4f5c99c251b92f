import { type IdPair, sizeOf } from '../../data/batch.js';
import { residentCorpusBytes } from '../../data/corpus.js';
import { idBytes } from '../../data/corpus-cache.js';
import { createModel, type ModelOptions } from '../../models/create.js';
import { layersOf } from '../../models/lstm/separable-layers.js';
import type { Model, VocabularySizes } from '../../models/model.js';
import type { Parameter } from '../../nn/parameters.js';
import { divide } from '../../parallel/data/divide.js';
import { ownBytes } from '../../parallel/pipeline/own-parameters.js';
import { networkOf } from '../../parallel/schedule/network.js';
import type { Placement } from '../../parallel/schedule/placement.js';
import { evenBatch } from '../../parallel/schedule/schedule.js';
import { placementsFor } from '../../parallel/simulation/choose-plan.js';
import { Memory } from '../../tensor/memory.js';
import { Optimizer } from '../../training/optimizer.js';
import type { OptimizerOptions } from '../../training/optimizer-options.js';
import { isOneStep, mostTokensOfStep, partsOf, stepBytes, stepLimit, worthDividing } from '../../training/step-memory.js';

/** What training holds in memory at once. */
export interface MemoryEstimate {
  readonly parametersMiB: number;
  /** One per device; of embeddings only the rows that an update touches. */
  readonly gradientsMiB: number;
  readonly optimizerMiB: number;
  /** What forward and backward of the largest batch keep, logits included. */
  readonly activationsMiB: number;
  /** Token ids and lengths of the training corpus, and what reading it leaves until garbage is collected. */
  readonly corpusMiB: number;
  /** Node.js, its threads and the matrix library; of a pipeline also packed weights, and the copy of the model that translates the dev corpus. */
  readonly runtimeMiB: number;
  readonly totalMiB: number;
  /** Of a WebAssembly memory: all but these two must find room in one, of a pipeline the part of every device. */
  readonly limitMiB: number;
  /** Of a pipeline: the device that needs most, and what it needs of its memory. */
  readonly largest?: { readonly device: number; readonly needsMiB: number };
  /** Whether it does; otherwise the figures are what would be needed. */
  readonly fits: boolean;
}

export interface TrainingSetup {
  readonly modelOptions: ModelOptions;
  readonly vocabularies: VocabularySizes;
  readonly optimizer: OptimizerOptions;
  /** See `UpdateRule`. */
  readonly consistency: number;
  readonly devices: number;
  /** In a pipeline each device has what its own layers learn, so that together they have one of each. Default: data. */
  readonly strategy?: 'data' | 'pipeline' | undefined;
  /** Of a pipeline. Default: of those worth trying, the one whose largest device needs least. */
  readonly placement?: Placement | undefined;
  /** Whether validations translate the dev corpus. */
  readonly translates?: boolean | undefined;
  /** The sentences of the largest batch; only their lengths count. */
  readonly largestBatch: readonly IdPair[];
  /** Of the training corpus: pairs, and tokens of both sides. */
  readonly corpus?: { readonly pairs: number; readonly tokens: number } | undefined;
}

/**
 * Resident memory of Node.js 20 besides what is counted here, alone and for each device, such that no training that was
 * measured took more in all (docs/performance.md). The same one differs by a quarter from run to run: garbage is collected
 * now or later.
 */
export const runtimeMiB = { alone: 190, device: 65 } as const;
/** Of lengths and of the order of an epoch, a pair. */
const pairBytes = 64;
/** What reading a corpus leaves, a pair and at most, measured on 100,000 pairs. */
const readingBytes = { pair: 640, most: 64 * 1024 ** 2 } as const;

/** A corpus whose ids take more is read from the disk as it is needed. */
export function corpusBytes({ pairs, tokens }: { pairs: number; tokens: number }, bytesPerId: number): number {
  const ids = tokens * bytesPerId;
  return (ids <= residentCorpusBytes ? ids : 0) + pairs * pairBytes + Math.min(pairs * readingBytes.pair, readingBytes.most);
}

/** The peak of resident memory, from the very allocations of an update, none of which is made. */
export function estimatePeak({
  modelOptions,
  vocabularies,
  optimizer,
  consistency,
  devices,
  strategy,
  placement,
  translates = false,
  largestBatch,
  corpus,
}: TrainingSetup): MemoryEstimate {
  const model = createModel(modelOptions, vocabularies);
  const memory = new Memory({ shared: false });
  const parameters = [...model.parameters];
  model.parameters.attach(memory, Object.fromEntries(parameters.map(({ name }) => [name, 0])));
  const replicas = strategy === 'pipeline' ? 1 : devices;

  const bytes = (of: readonly Parameter[]) => of.reduce((sum, { size }) => sum + 4 * size, 0);
  const tables = parameters.filter(({ rules }) => rules.gradient === 'rows');
  const dense = replicas * bytes(parameters.filter(({ rules }) => rules.gradient === 'dense'));
  const { sourceTokens, targetTokens } = sizeOf(largestBatch);
  // Each device has the rows that its shard touches; the first one also those of all, copied together.
  const rows = tables.reduce((sum, { rules, shape: [vocabulary = 0, columns = 0] }) => {
    const touched = Math.min(vocabulary, rules.side === 'source' ? sourceTokens : targetTokens);
    return sum + (replicas === 1 ? 1 : 2) * touched * columns * 4;
  }, 0);
  const moments = Optimizer.bytes(optimizer, parameters);

  const limit = stepLimit(memory.remainingBytes - bytes(parameters) - dense - moments, replicas);
  const shards = divide(largestBatch, replicas, model.parameters.costs).filter((positions) => positions.length > 0);
  const mostTokens = mostTokensOfStep(model, memory, { consistency });
  const bytesOf = (pairs: readonly IdPair[]) => stepBytes(model, memory, pairs, { consistency });
  const activations = shards.reduce((sum, positions) => {
    const shard = positions.map((position) => largestBatch[position] as IdPair);
    const whole = bytesOf(shard);
    // A pipeline divides no batch.
    if (strategy === 'pipeline') return sum + whole;
    const [part = shard] = partsOf(
      shard,
      (pairs) => pairs.length === 1 || (bytesOf(pairs) <= limit && isOneStep(model, pairs, mostTokens)),
    );
    // A batch that is just small enough to stay whole may need more than the parts of the largest.
    const undivided = Math.min(whole, limit, isOneStep(model, shard, mostTokens) ? Infinity : worthDividing);
    return sum + Math.max(bytesOf(part), undivided);
  }, 0);

  const figures = {
    parametersMiB: mebibytes(bytes(parameters)),
    gradientsMiB: mebibytes(dense + rows),
    optimizerMiB: mebibytes(moments),
    activationsMiB: mebibytes(activations),
  };
  const inMemory = Object.values(figures).reduce((sum, size) => sum + size, 0);
  const { source, target } = vocabularies;
  const corpusMiB = corpus === undefined ? 0 : mebibytes(corpusBytes(corpus, idBytes(Math.max(source ?? 0, target))));
  // Devices of a pipeline pack their weights once per update, for the products of forward and for those of backward.
  const pipelined = strategy === 'pipeline' ? 2 * dense + (translates ? bytes(parameters) : 0) : 0;
  const libraries = runtimeMiB.alone + devices * runtimeMiB.device + mebibytes(pipelined);
  const limitMiB = mebibytes(memory.maximumBytes);
  const totalMiB = inMemory + corpusMiB + libraries;
  const common = { ...figures, corpusMiB, runtimeMiB: libraries, totalMiB, limitMiB };
  if (strategy !== 'pipeline') return { ...common, fits: inMemory <= limitMiB };
  const needs = (placement === undefined ? placementsOf(model, optimizer, largestBatch, devices) : [placement]).map((candidate) =>
    largestOf(model, candidate, optimizer, activations),
  );
  const largest = needs.reduce((least, need) => (need.needsMiB < least.needsMiB ? need : least));
  return { ...common, largest, fits: largest.needsMiB <= limitMiB };
}

function placementsOf(model: Model, optimizer: OptimizerOptions, batch: readonly IdPair[], devices: number): Placement[] {
  const longest = (side: 'source' | 'target') => Math.max(1, ...batch.map((pair) => pair[side].length));
  const shape = evenBatch(Math.max(1, batch.length), longest('source'), longest('target') + 1);
  return placementsFor(networkOf(model, optimizer), shape, devices);
}

/**
 * The device that needs most. Most of what forward and backward keep is that of layers, which all keep as much; slices of the
 * vocabulary, which have room, are counted as if they were as much together as all layers.
 */
function largestOf(
  model: Model,
  placement: Placement,
  optimizer: OptimizerOptions,
  activations: number,
): { device: number; needsMiB: number } {
  const layered = layersOf(model);
  const { layers, vocabulary } = placement;
  const part = <Item>(items: readonly Item[], isHere: (item: Item) => boolean) => items.filter(isHere).length / items.length;
  const needs = Array.from({ length: placement.devices }, (_, device) => {
    const share = part(layers, (place) => place === device) + part(vocabulary, (slice) => slice.device === device);
    return { device, needsMiB: mebibytes(ownBytes(layered, placement, device, optimizer) + share * activations) };
  });
  return needs.reduce((most, need) => (need.needsMiB > most.needsMiB ? need : most));
}

/** The most devices, fewer than in a setup that does not fit, with which it fits; undefined when one is too many. */
export function mostDevices(setup: TrainingSetup): number | undefined {
  // More devices never need less.
  let [fitting, failing] = [0, setup.devices];
  while (failing - fitting > 1) {
    const middle = (fitting + failing) >> 1;
    if (estimatePeak({ ...setup, devices: middle }).fits) fitting = middle;
    else failing = middle;
  }
  return fitting === 0 ? undefined : fitting;
}

/** Devices that a pipeline is tried on. */
const mostPipelined = 64;

/** The fewest devices, more than in the setup of a pipeline that does not fit, with which it fits; undefined when none do. */
export function leastDevices({ placement: _, ...setup }: TrainingSetup): number | undefined {
  for (let devices = setup.devices; devices <= mostPipelined; devices++) if (estimatePeak({ ...setup, devices }).fits) return devices;
  return undefined;
}

export function mebibytes(bytes: number): number {
  return bytes / 1024 ** 2;
}
