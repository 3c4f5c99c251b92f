import { type ModelDescription, readDescription } from '../checkpoint/model-files.js';
import { Run } from '../checkpoint/run.js';
import type { Files } from '../core/files.js';
import type { TextSource } from '../data/documents.js';
import { isText } from '../data/sources.js';
import { type Configuration, originOf, resolveRunConfiguration } from './configuration.js';

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

/** The languages of a run as its configuration names them; undefined where it names none, and for a model without a configuration. */
export async function languagesOfRun(files: Files, path: string): Promise<{ source: string; target: string } | undefined> {
  const data = await dataOfRun(files, path);
  if (data === undefined) return undefined;
  const named = data.source !== 'source' && data.target !== 'target' && !isText(data.train);
  return named ? { source: data.source, target: data.target } : undefined;
}

/** What was one document in the training of a language model; a file for a model without a configuration. */
export async function documentsOfRun(files: Files, path: string): Promise<TextSource['documents']> {
  const train = (await dataOfRun(files, path))?.train;
  return train !== undefined && isText(train) ? train.documents : 'file';
}

async function dataOfRun(files: Files, path: string): Promise<Configuration['data'] | undefined> {
  const run = await Run.open(files, path).catch(() => undefined);
  return run && resolveRunConfiguration(await run.configuration(), run.fileAt('config.yaml')).data;
}
