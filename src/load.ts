import { rescore } from './analysis/rescoring/rescore.js';
import { compressingModel } from './decoding/compressing-model.js';
import { translationSelection } from './decoding/selection/options.js';
import type { LoadedModel, LoadOptions } from './loaded-model.js';
import { openModels } from './open-models.js';
import { mountRuns } from './packed/mounted-runs.js';
import { decodersOfRanks } from './parallel/ranks/decoders.js';
import type { Runtime } from './parallel/runtime.js';
import { requireRuns } from './training/request-options.js';
import { describeRun } from './training/run-description.js';

/** Opens trained models of this and older versions of decade, packed ones and their URLs; see `openModels`. */
export async function load(runtime: Runtime, runs: string | readonly string[], options: LoadOptions = {}): Promise<LoadedModel> {
  requireRuns(runs);
  const mounted = await mountRuns(runtime.files, typeof runs === 'string' ? [runs] : runs);
  try {
    const describe = (path: string) => describeRun(mounted.files, path);
    return await openModels({ ...runtime, files: mounted.files }, mounted.runs, options, describe, {
      rescore,
      compressing: compressingModel,
      translationSelection,
      decodersOfRanks,
    });
  } finally {
    await mounted.close();
  }
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
