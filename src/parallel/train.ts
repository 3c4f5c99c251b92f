import type { Precision } from '../tensor/matrix.js';
import type { Memory } from '../tensor/memory.js';
import { type ConfigurationInput, readConfiguration } from '../training/configuration.js';
import type { TrainingSummary } from '../training/events.js';
import type { Executor } from '../training/executor.js';
import { LocalExecutor } from '../training/local-executor.js';
import { requireTrainOptions } from '../training/request-options.js';
import { type ExecutorSetup, type TrainingContext, type TrainRequest, train as trainRun } from '../training/train.js';
import { DataExecutor } from './data/executor.js';
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
  const memory = runtime.newMemory();
  const context: TrainingContext = {
    files: runtime.files,
    openExecutor(setup) {
      // A resumed run computes as it began, unless it is told that it need not.
      const before = request.allowDifferentPlacement ? undefined : setup.placement;
      return openExecutor(runtime, memory, setup, {
        devices: checkedDevices(runtime, devices ?? before?.devices),
        gemm: gemm ?? before?.gemm,
        precision: before?.precision ?? setup.precision,
      });
    },
  };
  try {
    return await trainRun(context, await readConfiguration(runtime.files, configuration, set), request);
  } finally {
    await runtime.releaseMemory(memory);
  }
}

/** Threads where the platform shares memory with them, so that this one stays free; otherwise this thread. */
async function openExecutor(
  runtime: Runtime,
  memory: Memory,
  { model, modelOptions, rule, parallel, batch, placement: saved, warn }: ExecutorSetup,
  { devices, gemm, precision }: { devices: number; gemm: string | undefined; precision: Precision },
): Promise<Executor> {
  model.parameters.allocate(memory);
  // Opened here first, so that all threads use the library that is chosen once.
  const device = await runtime.openDevice(memory, { gemm, precision, warn });
  if (!runtime.sharedMemory && parallel.strategy === 'data') return new LocalExecutor(device, model, rule);
  device.matrix.dispose();
  if (parallel.strategy === 'pipeline') {
    return startPipeline({ runtime, memory, model, modelOptions, rule, devices, gemm, precision, options: parallel, batch, saved });
  }
  return DataExecutor.start({ runtime, memory, model, modelOptions, rule, devices, gemm, precision });
}
