import { DecadeError, nearestName } from '../core/errors.js';
import { randomKey, uniformInteger } from '../core/random.js';
import type { IdPair } from '../data/batch.js';
import { createModel, modelOptions } from '../models/create.js';
import { DataExecutor } from '../parallel/data-executor.js';
import type { Runtime } from '../parallel/runtime.js';
import { Memory, mebibytes } from '../tensor/memory.js';
import type { UpdateRule } from '../training/optimizer-options.js';

/** A network and a batch to measure with: random ids, every sentence of full length. */
export interface BenchShape {
  readonly sourceVocabulary: number;
  readonly targetVocabulary: number;
  readonly hidden: number;
  readonly layers: number;
  readonly sentences: number;
  /** Source tokens a sentence; also target tokens, `</s>` counted. */
  readonly length: number;
}

/** The shapes that decade and its peers are compared on. */
export const benchShapes = {
  small: { sourceVocabulary: 8_000, targetVocabulary: 8_000, hidden: 256, layers: 2, sentences: 64, length: 20 },
  base: { sourceVocabulary: 8_000, targetVocabulary: 8_000, hidden: 512, layers: 2, sentences: 64, length: 25 },
  deep: { sourceVocabulary: 16_000, targetVocabulary: 16_000, hidden: 512, layers: 4, sentences: 128, length: 25 },
  paper: { sourceVocabulary: 20_000, targetVocabulary: 20_000, hidden: 1_000, layers: 4, sentences: 128, length: 25 },
  /** The paper's own: 384 million parameters. */
  2014: { sourceVocabulary: 160_000, targetVocabulary: 80_000, hidden: 1_000, layers: 4, sentences: 128, length: 25 },
} as const satisfies { [name: string]: BenchShape };

export type BenchName = keyof typeof benchShapes;

export function benchShape(name: string): BenchShape {
  const shape = (benchShapes as { [name: string]: BenchShape })[name];
  if (shape !== undefined) return shape;
  const names = Object.keys(benchShapes);
  const nearest = nearestName(name, names);
  throw new DecadeError('usage', {
    where: '--config',
    received: name,
    allowed: names.join(', '),
    ...(nearest === undefined ? {} : { next: `did you mean ${nearest}?` }),
  });
}

export interface BenchTrainOptions {
  readonly config: string;
  readonly devices: number;
  /** How long to measure. */
  readonly seconds: number;
  readonly gemm?: string | undefined;
  /** Also time every kernel, in updates of their own. */
  readonly profile?: boolean;
}

export interface BenchTrainResult {
  readonly config: string;
  readonly devices: number;
  readonly precision: 'f32';
  readonly gemm: string;
  readonly kernels: string;
  /** Median over the measured updates. */
  readonly stepMs: number;
  /** Source and target tokens. */
  readonly wordsPerSecond: number;
  /** Floating-point operations of the matrix products, over the time of a whole update. */
  readonly gflops: number;
  /** Words per second if nothing but the same matrix products, packing included, were done: measured in turn with the updates. */
  readonly gemmBoundWordsPerSecond: number;
  readonly fractionOfBound: number;
  readonly updates: number;
  readonly parameters: number;
  readonly peakRssMiB: number;
  /** Milliseconds an update by kernel, mean over devices; present when asked for. */
  readonly profileMs?: { readonly [kernel: string]: number };
}

/** Trains a random network on random ids and, in turn, replays its matrix products alone. */
export async function benchTrain(runtime: Runtime, options: BenchTrainOptions, peakRssBytes: () => number): Promise<BenchTrainResult> {
  const shape = benchShape(options.config);
  const measured = await withExecutor(runtime, shape, options, 'record', async (executor, update) => {
    const updates: number[] = [];
    const replays: number[] = [];
    let operations = 0;
    await update();
    await executor.replay();
    const end = performance.now() + options.seconds * 1000;
    while (performance.now() < end || updates.length < 3) {
      updates.push(await elapsed(update));
      replays.push(
        await elapsed(async () => {
          operations = await executor.replay();
        }),
      );
    }
    return { stepMs: median(updates), boundMs: median(replays), updates: updates.length, operations, placement: executor.placement };
  });
  const profileMs = options.profile
    ? await withExecutor(runtime, shape, options, 'profile', async (executor, update) => {
        await update();
        await executor.profile();
        const rounds = 5;
        const stepMs = await elapsed(async () => {
          for (let round = 0; round < rounds; round++) await update();
        });
        return averaged(await executor.profile(), rounds, stepMs / rounds);
      })
    : undefined;
  const words = shape.sentences * 2 * shape.length;
  return {
    config: options.config,
    devices: options.devices,
    precision: 'f32',
    gemm: measured.placement.gemm,
    kernels: measured.placement.kernels,
    stepMs: rounded(measured.stepMs, 2),
    wordsPerSecond: Math.round((words / measured.stepMs) * 1000),
    gflops: rounded(measured.operations / measured.stepMs / 1e6, 1),
    gemmBoundWordsPerSecond: Math.round((words / measured.boundMs) * 1000),
    fractionOfBound: rounded(measured.boundMs / measured.stepMs, 3),
    updates: measured.updates,
    parameters: parametersOf(shape),
    peakRssMiB: Math.round(peakRssBytes() / 1024 ** 2),
    ...(profileMs === undefined ? {} : { profileMs }),
  };
}

function optionsOf(shape: BenchShape) {
  return modelOptions.parse({ kind: 'lstm', layers: shape.layers, hidden: shape.hidden });
}

function parametersOf(shape: BenchShape): number {
  return createModel(optionsOf(shape), { source: shape.sourceVocabulary, target: shape.targetVocabulary }).parameters.count;
}

async function withExecutor<Result>(
  runtime: Runtime,
  shape: BenchShape,
  { devices, gemm }: BenchTrainOptions,
  instrument: 'record' | 'profile',
  measure: (executor: DataExecutor, update: () => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const memory = new Memory({ shared: true });
  const model = createModel(optionsOf(shape), { source: shape.sourceVocabulary, target: shape.targetVocabulary });
  model.parameters.allocate(memory);
  model.parameters.initialiseUniform(1, 0.08);
  const rule: UpdateRule = {
    optimizer: { kind: 'sgd', learningRate: 0.1 },
    clip: { kind: 'norm', max: 5 },
    normalise: 'words',
    labelSmoothing: 0,
    seed: 1,
  };
  const executor = await DataExecutor.start({ runtime, memory, model, modelOptions: optionsOf(shape), rule, devices, gemm, instrument });
  const pairs = randomPairs(shape);
  let number = 0;
  try {
    return await measure(executor, async () => {
      const { finite } = await executor.update([pairs], { update: ++number, learningRate: 0.1 });
      if (!finite) throw new DecadeError('numeric', { where: `bench, update ${number}`, received: 'a loss that is not finite' });
    });
  } catch (error) {
    if (error instanceof DecadeError && error.kind === 'resource') {
      throw new DecadeError('resource', { ...error.parts, received: `${error.parts.received} (${mebibytes(memory.totalBytes)} in use)` });
    }
    throw error;
  } finally {
    await executor.dispose();
  }
}

function randomPairs(shape: BenchShape): IdPair[] {
  const ids = (stream: number, count: number, vocabulary: number) =>
    Int32Array.from({ length: count }, (_, index) => 4 + uniformInteger(randomKey(1, 'sample', stream), index, vocabulary - 4));
  return Array.from({ length: shape.sentences }, (_, key) => ({
    key,
    source: ids(2 * key, shape.length, shape.sourceVocabulary),
    target: ids(2 * key + 1, shape.length - 1, shape.targetVocabulary),
  }));
}

async function elapsed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Mean over devices and rounds, the costliest first; what no kernel accounts for is `everything else`. */
function averaged(devices: Map<string, number>[], rounds: number, stepMs: number): { [kernel: string]: number } {
  const sums = new Map<string, number>();
  for (const profile of devices) {
    for (const [kernel, milliseconds] of profile) sums.set(kernel, (sums.get(kernel) ?? 0) + milliseconds / devices.length / rounds);
  }
  const known = [...sums.values()].reduce((sum, milliseconds) => sum + milliseconds, 0);
  sums.set('everything else', stepMs - known);
  return Object.fromEntries([...sums].sort((a, b) => b[1] - a[1]).map(([kernel, milliseconds]) => [kernel, rounded(milliseconds, 3)]));
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
