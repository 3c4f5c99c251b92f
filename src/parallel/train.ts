import { DecadeError } from '../core/errors.js';
import type { Precision } from '../tensor/matrix.js';
import { type ConfigurationInput, readConfiguration } from '../training/configuration.js';
import type { TrainingSummary } from '../training/events.js';
import type { Executor } from '../training/executor.js';
import { LocalExecutor } from '../training/local-executor.js';
import { requireTrainOptions } from '../training/request-options.js';
import { type ExecutorSetup, type TrainingContext, type TrainRequest, train as trainRun } from '../training/train.js';
import { DataExecutor } from './data/executor.js';
import { RanksExecutor } from './ranks/executor.js';
import { Memories } from './memories.js';
import { startPipeline } from './pipeline/start.js';
import { checkedDevices, type Runtime } from './runtime.js';

export interface TrainOptions extends TrainRequest {
  /** Worker threads to compute on. Default: one a core, or what the resumed run had. */
  readonly devices?: number | undefined;
  /** A matrix library by name: `webassembly`, `avx512`, `avx2`, `openblas`, `mkl`, `accelerate`, `onednn`. Default: the fastest here. */
  readonly gemm?: string | undefined;
  /** Overrides of the configuration, `key.path=value` each. */
  readonly set?: readonly string[] | undefined;
}

/**
 * Trains a model into a run directory.
 *
 * @param configuration  path of a YAML file, or the same as an object
 * @throws DecadeError   see `TrainRequest`; whatever is thrown, the last checkpoint stands
 */
export async function train(runtime: Runtime, configuration: string | ConfigurationInput, options: TrainOptions): Promise<TrainingSummary> {
  requireTrainOptions(options);
  const { devices, gemm, set = [], ...request } = options;
  checkedDevices(runtime, devices);
  const memories = new Memories(runtime);
  const context: TrainingContext = {
    files: runtime.files,
    openDevice: (parameters) => runtime.openDevice(memories.withRoom(4 * parameters.count), { gemm }),
    openExecutor(setup) {
      // A resumed run computes as it began, unless it is told that it need not.
      const before = request.allowDifferentPlacement ? undefined : setup.placement;
      return openExecutor(runtime, memories, setup, {
        devices: checkedDevices(runtime, devices ?? before?.devices),
        ofRanks: devicesOfRanks(runtime, devices, before?.ranks),
        gemm: gemm ?? before?.gemm,
        precision: before?.precision ?? setup.precision,
      });
    },
  };
  try {
    return await trainRun(context, await readConfiguration(runtime.files, configuration, set), request);
  } finally {
    await memories.release();
  }
}

/** What is asked for, or what a resumed run had. */
interface Placing {
  readonly devices: number;
  readonly ofRanks: readonly number[];
  readonly gemm: string | undefined;
  readonly precision: Precision;
}

/** Threads where the platform shares memory with them, so that this one stays free; otherwise this thread. */
async function openExecutor(
  runtime: Runtime,
  memories: Memories,
  { model, modelOptions, rule, parallel, batch, placement: saved, warn }: ExecutorSetup,
  { devices, ofRanks, gemm, precision }: Placing,
): Promise<Executor> {
  // Opened here first, so that all threads use the library that is chosen once.
  const device = await runtime.openDevice(memories.withRoom(0), { gemm, precision, warn });
  if (!runtime.sharedMemory && parallel.strategy === 'data') {
    model.parameters.allocate(device.memory);
    return new LocalExecutor(device, model, rule);
  }
  device.matrix.dispose();
  const common = { runtime, memories, model, modelOptions, rule, gemm, precision };
  if (parallel.strategy === 'pipeline') {
    if (runtime.ranks !== undefined) throw pipelineOnRanks(ofRanks.length);
    return startPipeline({ ...common, devices, options: parallel, batch, saved });
  }
  if (runtime.ranks !== undefined) {
    const { communication = 'f32' } = parallel;
    return RanksExecutor.startOnRanks({ ...common, lent: runtime.ranks, devices: ofRanks, communication });
  }
  return DataExecutor.start({ ...common, devices });
}

/** Devices of each rank: as many as are asked for, or as the resumed run had, or as each rank has by itself. */
function devicesOfRanks({ ranks }: Runtime, asked: number | undefined, before: readonly number[] | undefined): readonly number[] {
  const members = ranks?.members ?? [];
  if (asked === undefined && before?.length === members.length) return before;
  return members.map(({ devices }) => asked ?? devices);
}

function pipelineOnRanks(ranks: number): DecadeError {
  return new DecadeError('usage', {
    where: 'training.parallel.strategy',
    received: `pipeline on ${ranks} ranks`,
    allowed: 'data: the devices of a pipeline are in one process',
    next: 'use --set training.parallel.strategy=data, or one process',
  });
}
