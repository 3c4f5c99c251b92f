import { rescore } from './analysis/rescoring/rescore.js';
import { TextGenerator } from './decoding/generation/generator.js';
import { type LoadedModel, type LoadOptions, openModels } from './loaded-model.js';
import type { Runtime } from './parallel/runtime.js';
import { describeRun } from './training/run-description.js';

/** Opens trained models of this and older versions of decade; see `openModels`. */
export function load(runtime: Runtime, runs: string | readonly string[], options: LoadOptions = {}): Promise<LoadedModel> {
  const describe = (path: string) => describeRun(runtime.files, path);
  return openModels(runtime, runs, options, describe, { generator: (...given) => new TextGenerator(...given), rescore });
}

/** Opens models for one use and always closes them. */
export async function withModel<Result>(
  runtime: Runtime,
  runs: string | readonly string[],
  options: LoadOptions,
  use: (model: LoadedModel) => Promise<Result>,
): Promise<Result> {
  const model = await load(runtime, runs, options);
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}
