import { type ModelDescription, readDescription } from '../checkpoint/model-files.js';
import { Run } from '../checkpoint/run.js';
import type { Files } from '../core/files.js';
import { originOf, resolveRunConfiguration } from './configuration.js';

/**
 * The description of a run's model: its `model.json`, or the same from the configuration for a run of an older version of decade.
 *
 * @throws DecadeError `input` for a directory that is not a run or is damaged
 */
export async function describeRun(files: Files, path: string): Promise<ModelDescription> {
  const described = await readDescription(files, path);
  if (described !== undefined) return described;
  const run = await Run.open(files, path);
  return run.description(originOf(resolveRunConfiguration(await run.configuration(), run.fileAt('config.yaml'))));
}
