import { type LoadedModel, load } from '../api.js';
import { nodeRuntime } from '../node/runtime.js';
import type { DeviceChoice } from './arguments.js';

/** The model, or the ensemble, that `-m` names. */
export function openModel(runs: readonly string[], { gemm, devices }: DeviceChoice): Promise<LoadedModel> {
  return load(nodeRuntime, runs, { gemm, devices });
}
