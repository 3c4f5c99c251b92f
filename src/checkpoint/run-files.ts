import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { recordName, temporarySuffix, UnfinishedWork } from '../core/unfinished.js';
import { removeCorpusCaches } from '../data/corpus-cache.js';
import { descriptionFile, writerOfDescription } from './model-files.js';
import { lockName } from './run-lock.js';

export const configurationFile = 'config.yaml';
export const sharedTokenizerFile = 'tokenizer.json';
export const sourceTokenizerFile = 'source-tokenizer.json';
export const targetTokenizerFile = 'target-tokenizer.json';
export const sourceWordsFile = 'source-words.txt';
export const modelFile = 'model.safetensors';
export const optimizerFile = 'optimizer.safetensors';
export const stateFile = 'state.json';
export const checkpointsDirectory = 'checkpoints';
export const cacheDirectory = 'cache';

const ownFiles = [
  configurationFile,
  descriptionFile,
  sharedTokenizerFile,
  sourceTokenizerFile,
  targetTokenizerFile,
  sourceWordsFile,
  modelFile,
  'metrics.jsonl',
  'train.log',
] as const;
const ownDirectories = [checkpointsDirectory, cacheDirectory] as const;
const checkpointFiles = [stateFile, modelFile, optimizerFile] as const;

/** All that a run may hold. Whatever else is in its directory belongs to somebody else, and stays. */
export const ownNames: readonly string[] = [...ownFiles, ...ownDirectories];

/** Where a new run is to be made. */
export interface NewRunPlace {
  /** The directory may hold other files, of other names than a run's. Default: false. */
  readonly amongOthers?: boolean | undefined;
  /** Whether whoever makes the run could continue one instead. Default: true. */
  readonly continues?: boolean | undefined;
}

/**
 * Throws `usage` unless a new run can be made at `path`: nothing there yet, an empty directory, or what is left of a training that
 * was ended before its first checkpoint.
 */
export async function requireFree(files: Files, path: string, { amongOthers = false, continues = true }: NewRunPlace = {}): Promise<void> {
  const kind = await files.kind(path);
  if (kind === 'missing') return;
  const taken = kind === 'directory' ? await takenNames(files, path) : [];
  if (kind === 'directory' && !(amongOthers ? taken.some((name) => ownNames.includes(name)) : taken.length > 0)) return;
  const isRun = taken.includes(configurationFile) && taken.includes(checkpointsDirectory);
  throw new DecadeError('usage', {
    where: path,
    received: isRun ? 'a directory that already contains a run' : kind === 'file' ? 'a file' : 'a directory that contains other files',
    allowed: 'a new directory for the run',
    next: isRun && continues ? 'continue it with --resume, or choose another --out' : 'choose another --out',
  });
}

async function takenNames(files: Files, path: string): Promise<string[]> {
  const unfinished = new UnfinishedWork(files, path);
  // Somebody else's file may have the record's name.
  const ours = [lockName, ...(await unfinished.names()), ...((await unfinished.isOwn()) ? [recordName] : [])];
  return (await files.list(path)).filter((name) => !ours.includes(name));
}

/** Whether a training at `path` was ended before its first checkpoint, so that the next one may begin again. */
export async function isUnbegun(files: Files, path: string): Promise<boolean> {
  return (await new UnfinishedWork(files, path).names()).includes(configurationFile);
}

/** What a record notes when the directory itself was made. */
export const directoryItself = '.';

/** Removes what decade made in a run directory; the directory, too, while it is noted and nothing else is in it. */
export async function removeRun(files: Files, path: string): Promise<void> {
  // Without it there is no run any more, however far the rest comes.
  await files.remove(joinPath(path, configurationFile));
  await removeCheckpoints(files, path);
  await removeCorpusCaches(files, joinPath(path, cacheDirectory));
  for (const name of ownFiles) {
    // An older decade's run has none, and somebody else's file may have this name.
    const isOwn = name !== descriptionFile || (await writerOfDescription(files, path)) === 'decade';
    if (isOwn) await files.remove(joinPath(path, name));
  }
  await removeLeftovers(files, path);
  const unfinished = new UnfinishedWork(files, path);
  const noted = await unfinished.names();
  await unfinished.end(...noted);
  if (noted.includes(directoryItself)) await files.removeIfEmpty(path);
}

/** Removes the checkpoints of a run that needs them no more. */
export async function removeCheckpoints(files: Files, path: string): Promise<void> {
  const parent = joinPath(path, checkpointsDirectory);
  for (const name of await files.list(parent)) {
    if (stepOf(name) !== undefined) await removeCheckpoint(files, joinPath(parent, name));
  }
  await files.removeIfEmpty(parent);
}

/** Removes what decade wrote into the directory of a checkpoint, first what makes it one. */
export async function removeCheckpoint(files: Files, path: string): Promise<void> {
  for (const name of checkpointFiles) await files.remove(joinPath(path, name));
  await files.removeIfEmpty(path);
}

/** Whether there is nothing but a checkpoint's own files in its directory. */
export async function isPureCheckpoint(files: Files, path: string): Promise<boolean> {
  return (await files.list(path)).every((name) => checkpointFiles.some((own) => own === name));
}

/** Whether a directory holds any of a checkpoint's files. */
export async function isCheckpoint(files: Files, path: string): Promise<boolean> {
  return (await files.list(path)).some((name) => checkpointFiles.some((own) => own === name));
}

/** Removes what a killed process left half written, as it noted beforehand. Only for who trains: another may be writing. */
export async function removeLeftovers(files: Files, path: string): Promise<void> {
  const unfinished = new UnfinishedWork(files, path);
  const temporary = (await unfinished.names()).filter((name) => name.endsWith(temporarySuffix));
  for (const name of temporary) {
    const left = joinPath(path, name);
    if ((await files.kind(left)) === 'directory') await removeCheckpoint(files, left);
    else await files.remove(left);
  }
  if (temporary.length > 0) await unfinished.end(...temporary);
}

/** The step of a checkpoint's directory. */
export function stepOf(name: string): number | undefined {
  const [, digits] = /^step-(\d{1,15})$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether a path is that of a file which a run is made of, or leads to one by links: written over, the run would be lost. */
export async function isRunFile(files: Files, path: string): Promise<boolean> {
  return (await isPlaceInRun(files, files.absolute(path))) || (await isPlaceInRun(files, await files.realPath(path)));
}

async function isPlaceInRun(files: Files, path: string): Promise<boolean> {
  const names = path.split(/[\\/]+/);
  const isRun = async (directory: readonly string[]) => {
    const found = await files.list(directory.join('/') || '/').catch((): string[] => []);
    return found.includes(configurationFile) && found.some((name) => name.endsWith(sharedTokenizerFile));
  };
  const name = names.at(-1) ?? '';
  if (ownNames.includes(name) && (await isRun(names.slice(0, -1)))) return true;
  const checkpoint = names.at(-2) ?? '';
  const isInCheckpoint = names.at(-3) === checkpointsDirectory && stepOf(checkpoint) !== undefined;
  return isInCheckpoint && checkpointFiles.some((own) => own === name) && isRun(names.slice(0, -3));
}
