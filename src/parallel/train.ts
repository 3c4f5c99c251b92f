import type { Precision } from '../tensor/matrix.js';
import { type ConfigurationInput, readConfiguration } from '../training/configuration.js';
import type { TrainingSummary } from '../training/events.js';
import type { Executor } from '../training/executor.js';
import { LocalExecutor } from '../training/local-executor.js';
import { requireTrainOptions } from '../training/request-options.js';
import { type ExecutorSetup, type TrainingContext, type TrainRequest, train as trainRun } from '../training/train.js';
import { DataExecutor } from './data/executor.js';
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

/** Threads where the platform shares memory with them, so that this one stays free; otherwise this thread. */
async function openExecutor(
  runtime: Runtime,
  memories: Memories,
  { model, modelOptions, rule, parallel, batch, placement: saved, warn }: ExecutorSetup,
  { devices, gemm, precision }: { devices: number; gemm: string | undefined; precision: Precision },
): Promise<Executor> {
  // Opened here first, so that all threads use the library that is chosen once.
  const device = await runtime.openDevice(memories.withRoom(0), { gemm, precision, warn });
  if (!runtime.sharedMemory && parallel.strategy === 'data') {
    model.parameters.allocate(device.memory);
    return new LocalExecutor(device, model, rule);
  }
  device.matrix.dispose();
  const common = { runtime, memories, model, modelOptions, rule, gemm, precision };
  if (parallel.strategy === 'pipeline') return startPipeline({ ...common, devices, options: parallel, batch, saved });
  return DataExecutor.start({ ...common, devices });
}
