import { DecadeError } from '../../core/errors.js';
import { Memories } from '../../parallel/memories.js';
import type { Runtime } from '../../parallel/runtime.js';
import { devicesOfRanks, startThreaded, type ThreadedOptions } from '../../parallel/start.js';
import type { ThreadedExecutor } from '../../parallel/threaded-executor.js';
import type { Precision } from '../../tensor/matrix.js';
import { InitialValues } from '../../nn/parameters.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import type { Strategy } from './simulation.js';
import { type BenchShape, benchPairs, benchShape, benchTokens, declaredModel, elapsed, median, rounded } from './bench-shapes.js';
import { estimatePeak } from './peak-memory.js';

export interface BenchTrainOptions {
  readonly config: string;
  /** Of each rank. Default: one a core. */
  readonly devices?: number | undefined;
  /** Default: data. */
  readonly strategy?: Strategy | undefined;
  /** Tokens per sentence instead of the shape's. */
  readonly length?: number | undefined;
  /** How long to measure. */
  readonly seconds: number;
  readonly gemm?: string | undefined;
  /** Of the matrix products. Default: f32. */
  readonly precision?: Precision | undefined;
  /** Also time every kernel, in updates of their own. */
  readonly profile?: boolean;
}

export interface BenchTrainResult {
  readonly config: string;
  /** Of this process. */
  readonly devices: number;
  /** Devices of each rank, where there are several. */
  readonly ranks?: readonly number[];
  readonly strategy: Strategy;
  /** What computes where, in lines for people; absent for `data`. */
  readonly placement?: readonly string[];
  /** What was really used. */
  readonly precision: Precision;
  /** Why it is not the precision that was asked for, or not worth asking for. */
  readonly warning?: string;
  readonly gemm: string;
  readonly kernels: string;
  /** Median over the measured updates. */
  readonly stepMs: number;
  /** Source and target tokens per second; printed as words/s. */
  readonly wordsPerSecond: number;
  /** Floating-point operations of the matrix products, over the time of a whole update. */
  readonly gflops: number;
  /** The same if nothing but the same matrix products, packing included, were done: measured in turn with the updates. */
  readonly gemmBoundWordsPerSecond: number;
  readonly fractionOfBound: number;
  /** The same if each product were plain, without packed copies of weights. */
  readonly plainBoundWordsPerSecond: number;
  readonly fractionOfPlainBound: number;
  /**
   * The fastest update, and fractions of the fastest replays: what is left when a machine that others use disturbs each for a different
   * while.
   */
  readonly fastest: { readonly wordsPerSecond: number; readonly fractionOfBound: number; readonly fractionOfPlainBound: number };
  readonly updates: number;
  readonly parameters: number;
  readonly peakRssMiB: number;
  /** What `decade estimate` would have said. */
  readonly estimatedRssMiB: number;
  /** Milliseconds an update by kernel, mean over devices; present when asked for. */
  readonly profileMs?: { readonly [kernel: string]: number };
}

/**
 * Seconds after which nothing more is compiled for speed: until then `lm-micro` on two devices takes 31, 26, and at last 24.6 ms per update.
 */
const mostWarmUp = 6;

/** Trains a random network on random ids and, in turn, replays its matrix products alone. */
export async function benchTrain(runtime: Runtime, asked: BenchTrainOptions, peakRssBytes: () => number): Promise<BenchTrainResult> {
  const options = { ...asked, devices: asked.devices ?? runtime.cores, ofRanks: devicesOfRanks(runtime, asked.devices) };
  const named = benchShape(options.config);
  const shape = { ...named, length: options.length ?? named.length };
  let warning: string | undefined;
  const warn = (message: string) => {
    warning = message;
  };
  // Opened here first, so that all threads use the library that is chosen once.
  const device = await runtime.openDevice(runtime.newMemory(), { gemm: options.gemm, precision: options.precision, warn });
  device.matrix.dispose();
  const measured = await withExecutor(runtime, shape, options, 'record', async (executor, update) => {
    const updates: number[] = [];
    const replays: number[] = [];
    const plainReplays: number[] = [];
    let operations = 0;
    const warm = performance.now() + 1000 * Math.min(mostWarmUp, 2 * options.seconds);
    do await update();
    while (performance.now() < warm);
    const end = performance.now() + options.seconds * 1000;
    while (performance.now() < end || updates.length === 0) {
      updates.push(await elapsed(update));
      const replayed = await executor.replay('asMade');
      replays.push(replayed.milliseconds);
      operations = replayed.operations;
      plainReplays.push((await executor.replay('plain')).milliseconds);
    }
    return {
      stepMs: median(updates),
      boundMs: median(replays),
      plainBoundMs: median(plainReplays),
      fastestMs: { update: Math.min(...updates), bound: Math.min(...replays), plainBound: Math.min(...plainReplays) },
      updates: updates.length,
      operations,
      placement: executor.placement,
      description: executor.description,
    };
  });
  // Before other updates are profiled, which need memory of their own.
  const peakRssMiB = Math.round(peakRssBytes() / 1024 ** 2);
  const estimated = estimatePeak({
    modelOptions: shape.model,
    vocabularies: { source: shape.sourceVocabulary, target: shape.targetVocabulary },
    optimizer: shape.optimizer,
    consistency: 0,
    devices: options.devices,
    strategy: options.strategy === 'data' ? 'data' : 'pipeline',
    largestBatch: benchPairs(shape),
  });
  const profileMs = options.profile
    ? await withExecutor(runtime, shape, options, 'profile', async (executor, update) => {
        for (let warmUp = 0; warmUp < 2; warmUp++) await update();
        await executor.profile();
        const rounds = 5;
        const stepMs = await elapsed(async () => {
          for (let round = 0; round < rounds; round++) await update();
        });
        return averaged(await executor.profile(), rounds, stepMs / rounds);
      })
    : undefined;
  const tokens = benchTokens(shape);
  return {
    config: options.config,
    devices: options.devices,
    ...(measured.placement.ranks === undefined ? {} : { ranks: measured.placement.ranks }),
    strategy: options.strategy ?? 'data',
    ...(measured.description === undefined ? {} : { placement: measured.description }),
    precision: measured.placement.precision,
    ...(warning === undefined ? {} : { warning }),
    gemm: measured.placement.gemm,
    kernels: measured.placement.kernels,
    stepMs: rounded(measured.stepMs, 2),
    wordsPerSecond: Math.round((tokens / measured.stepMs) * 1000),
    gflops: rounded(measured.operations / measured.stepMs / 1e6, 1),
    gemmBoundWordsPerSecond: Math.round((tokens / measured.boundMs) * 1000),
    fractionOfBound: rounded(measured.boundMs / measured.stepMs, 3),
    plainBoundWordsPerSecond: Math.round((tokens / measured.plainBoundMs) * 1000),
    fractionOfPlainBound: rounded(measured.plainBoundMs / measured.stepMs, 3),
    fastest: {
      wordsPerSecond: Math.round((tokens / measured.fastestMs.update) * 1000),
      fractionOfBound: rounded(measured.fastestMs.bound / measured.fastestMs.update, 3),
      fractionOfPlainBound: rounded(measured.fastestMs.plainBound / measured.fastestMs.update, 3),
    },
    updates: measured.updates,
    parameters: declaredModel(shape).parameters.count,
    peakRssMiB,
    estimatedRssMiB: Math.round(estimated.totalMiB),
    ...(profileMs === undefined ? {} : { profileMs }),
  };
}

async function withExecutor<Result>(
  runtime: Runtime,
  shape: BenchShape,
  { devices, ofRanks, strategy = 'data', gemm, precision }: BenchTrainOptions & Pick<ThreadedOptions, 'devices' | 'ofRanks'>,
  instrument: 'record' | 'profile',
  measure: (executor: ThreadedExecutor, update: () => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const memories = new Memories(runtime);
  const model = declaredModel(shape);
  const rule: UpdateRule = {
    optimizer: shape.optimizer,
    clip: shape.clip,
    normalise: 'tokens',
    labelSmoothing: 0,
    consistency: 0,
    seed: 1,
  };
  const common = { runtime, memories, model, modelOptions: shape.model, rule, gemm, precision, instrument };
  const batch = { sentences: shape.sentences, sourceTokens: shape.length, targetTokens: shape.length };
  const executor = await startThreaded({
    ...common,
    devices,
    ofRanks,
    batch,
    parallel: strategy === 'data' ? { strategy } : { strategy: 'pipeline', order: strategy === 'pipeline' ? 'diagonal' : strategy },
  });
  const pairs = benchPairs(shape);
  let number = 0;
  try {
    await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
    return await measure(executor, async () => {
      const { finite } = await executor.update([pairs], { update: ++number, learningRate: rule.optimizer.learningRate });
      if (!finite) throw new DecadeError('numeric', { where: `bench, update ${number}`, received: 'a loss that is not finite' });
    });
  } finally {
    await executor.dispose();
    await memories.release();
  }
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
