import { createModel, type ModelOptions } from '../../models/create.js';
import type { VocabularySizes } from '../../models/model.js';
import { DataExecutor } from '../../parallel/data/executor.js';
import { PipelineExecutor } from '../../parallel/pipeline/executor.js';
import { InitialValues } from '../../nn/parameters.js';
import { Memories } from '../../parallel/memories.js';
import type { Runtime } from '../../parallel/runtime.js';
import type { Precision } from '../../tensor/matrix.js';
import type { Executor } from '../../training/executor.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import { elapsed, median, randomPairs } from './bench-shapes.js';
import type { SimulatedStrategy, Strategy } from './simulation.js';

/** A prediction of the simulator beside what the devices of this machine really do. */
export interface CheckedStrategy {
  readonly strategy: Strategy;
  readonly devices: number;
  readonly predictedSpeedup: number;
  readonly measuredSpeedup: number;
  /** Predicted over measured, less 1. */
  readonly difference: number;
  readonly predictedMs: number;
  /** Median. */
  readonly measuredMs: number;
  /** Of a pipeline: computing time of all devices together, which tells wrong costs from unexpected waiting. */
  readonly computing?: { readonly predictedMs: number; readonly measuredMs: number };
}

export interface CheckedWorkload {
  readonly model: ModelOptions;
  readonly vocabularies: VocabularySizes;
  readonly sentences: number;
  readonly sourceTokens: number;
  /** `</s>` counted. */
  readonly targetTokens: number;
  readonly batchesPerUpdate: number;
  readonly rule: UpdateRule;
  readonly gemm?: string | undefined;
  readonly precision?: Precision | undefined;
}

/**
 * Updates of one strategy before it is the next one's turn. The first of them does not count: it finds the caches full of what
 * the strategy before left and its threads asleep, as no update of a training does. Neither do those that find their memory.
 */
const updatesInARow = 3;
/** Small enough that random sentences never lead to figures that are not finite, which would not be updated by. */
const learningRate = 1e-4;

/**
 * Trains with random ids as each simulated strategy does, and on one device, all in turn, so that what disturbs the machine
 * disturbs all of them; compares medians.
 */
export async function checkSimulations(
  runtime: Runtime,
  workload: CheckedWorkload,
  simulated: readonly SimulatedStrategy[],
  seconds: number,
): Promise<CheckedStrategy[]> {
  const { sentences, sourceTokens, targetTokens, batchesPerUpdate, vocabularies } = workload;
  const pairs = randomPairs({
    sentences,
    sourceTokens,
    targetTokens,
    sourceVocabulary: vocabularies.source,
    targetVocabulary: vocabularies.target,
  });
  const batches = new Array<typeof pairs>(batchesPerUpdate).fill(pairs);
  const memories: Memories[] = [];
  const runs: { executor: Executor; milliseconds: number[]; computing: number[] }[] = [];
  try {
    for (const strategy of [undefined, ...simulated]) {
      // Each in memories of its own, as a training has them.
      const own = new Memories(runtime);
      memories.push(own);
      runs.push({ executor: await start(runtime, own, workload, strategy), milliseconds: [], computing: [] });
    }
    const end = performance.now() + seconds * 1000;
    let update = 0;
    for (let round = 0; round < 2 || performance.now() < end; round++) {
      for (const { executor, milliseconds, computing } of runs) {
        for (let inARow = 0; inARow < updatesInARow; inARow++) {
          update++;
          const time = await elapsed(async () => void (await executor.update(batches, { update, learningRate })));
          if (round === 0 || inARow === 0) continue;
          milliseconds.push(time);
          if (executor instanceof PipelineExecutor) computing.push(computingTime(executor.times));
        }
      }
    }
  } finally {
    for (const { executor } of runs) await executor.dispose();
    for (const each of memories) await each.release();
  }
  const [one = Number.NaN, ...others] = runs.map(({ milliseconds }) => median(milliseconds));
  return simulated.map(({ result, simulation }, index) => {
    const measuredMs = others[index] as number;
    const measuredSpeedup = one / measuredMs;
    const computing = runs[index + 1]?.computing ?? [];
    return {
      strategy: result.strategy,
      devices: result.devices,
      predictedSpeedup: result.speedup,
      measuredSpeedup,
      difference: result.speedup / measuredSpeedup - 1,
      predictedMs: result.seconds * 1000,
      measuredMs,
      ...(computing.length > 0 && { computing: { predictedMs: simulation.busySeconds * 1000, measuredMs: median(computing) } }),
    };
  });
}

/** Sums the tasks of all devices, each given by when it began and ended. */
function computingTime(devices: readonly Float64Array[]): number {
  return devices.reduce((sum, times) => times.reduce((total, time, index) => (index % 2 === 0 ? total - time : total + time), sum), 0);
}

/** As the simulated strategy computes; one device without one. */
async function start(
  runtime: Runtime,
  memories: Memories,
  { model: modelOptions, vocabularies, rule, gemm, precision }: CheckedWorkload,
  simulated: SimulatedStrategy | undefined,
): Promise<Executor> {
  const model = createModel(modelOptions, vocabularies);
  const common = { runtime, memories, model, modelOptions, rule, gemm, precision };
  const plan = simulated?.plan;
  const executor =
    plan === undefined
      ? await DataExecutor.start({ ...common, devices: simulated?.result.devices ?? 1 })
      : await PipelineExecutor.start({ ...common, plan, instrument: 'time' });
  await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
  return executor;
}
