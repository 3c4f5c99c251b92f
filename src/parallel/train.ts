import { counted } from '../core/counted.js';
import { isCounted } from '../models/create.js';
import type { Precision } from '../tensor/matrix.js';
import { type ConfigurationInput, readConfiguration } from '../training/configuration.js';
import type { TrainingSummary } from '../training/events.js';
import type { Executor } from '../training/executor.js';
import { LocalExecutor } from '../training/local-executor.js';
import { requireTrainOptions } from '../training/request-options.js';
import { type ExecutorSetup, type TrainingContext, type TrainRequest, train as trainRun } from '../training/train.js';
import { Memories } from './memories.js';
import { checkedDevices, type Runtime } from './runtime.js';
import { devicesOfRanks, startThreaded } from './start.js';

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
    const read = await readConfiguration(runtime.files, configuration, set);
    if (runtime.ranks !== undefined && isCounted(read.model)) {
      const others = counted(runtime.ranks.members.length - 1, 'other rank has', 'other ranks have');
      request.onEvent?.({
        kind: 'warning',
        message: `a model that is counted is made on one device of rank 0: the ${others} nothing to do`,
      });
    }
    return await trainRun(context, read, request);
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
  return startThreaded({ ...common, devices, ofRanks, parallel, batch, saved });
}
