import type { Files } from '../../src/core/files.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { pack, type PackOptions } from '../../src/packed/pack-file.js';
import type { Runtime } from '../../src/parallel/runtime.js';
import { train } from '../../src/parallel/train.js';
import { describeRun } from '../../src/training/run-description.js';
import { digitFiles, tinyConfiguration } from '../training/tiny-run.js';

export const gemm = 'webassembly';

/** Runs in memory, `one` and `two` of which have the same tokenizers and other weights. */
export async function trainedRuns(): Promise<Runtime> {
  const runtime: Runtime = { ...nodeRuntime, files: digitFiles(), sharedMemory: false };
  const configuration = (seed: number) => tinyConfiguration({ seed, stop: { steps: 3 } }, { model: { hidden: 32, attention: 'dot' } });
  await train(runtime, configuration(1), { out: 'one', gemm });
  await train(runtime, configuration(2), { out: 'two', gemm });
  return runtime;
}

export function packed(files: Files, runs: string | readonly string[], options: PackOptions) {
  return pack(files, runs, options, describeRun);
}
