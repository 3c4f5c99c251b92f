import * as z from 'zod';
import { requireFree } from '../checkpoint/run-files.js';
import { DecadeError } from '../core/errors.js';
import { SafetensorsFile, writeSafetensors } from '../checkpoint/safetensors.js';
import { type Files, joinPath } from '../core/files.js';
import { resolveOptions } from '../core/options.js';
import { temporaryNameFor } from '../core/unfinished.js';
import { fileOrDownload } from './download.js';
import type { PackedRun } from './format.js';
import { PackedModel } from './packed-model.js';

export interface UnpackOptions {
  /** The directory to make: a run, or of an ensemble one that holds its runs. */
  readonly out: string;
  readonly signal?: AbortSignal | undefined;
}

const options = z.strictObject({ out: z.string().min(1), signal: z.instanceof(AbortSignal).optional() });

/**
 * Makes the run directory that a packed model was made of; of an ensemble a directory with one for each of its runs, `1`, `2`, ... The
 * directory, or what is in it if it is there and empty, appears when all of it has been checked and written. Weights become f32 again.
 *
 * @returns the runs
 * @throws DecadeError `input` for what is no packed model or is damaged, `usage` for a directory that is in use
 */
export async function unpack(files: Files, path: string, given: UnpackOptions): Promise<string[]> {
  const { out, signal } = resolveOptions(options, given, 'unpack options');
  const isThere = await requireEmpty(files, out);
  const model = await PackedModel.open(await fileOrDownload(files, path, signal), path);
  const target = out.replace(/(.)\/+$/, '$1');
  // A directory that is there stays the same one: it may be behind a link, or the one that the caller is in.
  const temporary = temporaryNameFor(isThere ? joinPath(target, 'run') : target);
  const within = model.runs.length === 1 ? [''] : model.runs.map((_, index) => String(index + 1));
  try {
    for (const [index, run] of model.runs.entries()) {
      signal?.throwIfAborted();
      await unpackRun(files, model, run, joinPath(temporary, within[index] ?? ''));
    }
    signal?.throwIfAborted();
    if (isThere) await moveContents(files, temporary, target);
    else await files.rename(temporary, target);
    return within.map((name) => joinPath(target, name));
  } catch (error) {
    await files.remove(temporary).catch(() => undefined);
    throw error;
  } finally {
    await model.close();
  }
}

/** Whether there is a directory already. Throws `usage` unless it is empty, of what a training has left, too. */
async function requireEmpty(files: Files, out: string): Promise<boolean> {
  await requireFree(files, out, { continues: false });
  if ((await files.kind(out)) === 'missing') return false;
  const [first] = await files.list(out);
  if (first === undefined) return true;
  throw new DecadeError('usage', {
    where: out,
    received: `a directory that contains ${first}`,
    allowed: 'a new directory, or an empty one',
    next: 'choose another out',
  });
}

async function moveContents(files: Files, from: string, to: string): Promise<void> {
  for (const name of await files.list(from)) await files.rename(joinPath(from, name), joinPath(to, name));
  await files.removeIfEmpty(from);
  await files.syncDirectory(to);
}

async function unpackRun(files: Files, model: PackedModel, run: PackedRun, out: string): Promise<void> {
  await files.makeDirectory(out);
  for (const name of Object.keys(run.files)) {
    const file = model.fileOf(run, name, joinPath(model.path, name));
    const bytes = new Uint8Array(file?.size ?? 0);
    await file?.read(bytes, 0);
    const writer = await files.create(joinPath(out, name));
    try {
      await writer.write(bytes);
      await writer.sync();
    } finally {
      await writer.close();
    }
  }
  const { name, metadata } = run.weights;
  const open = async (path: string) => {
    const file = model.fileOf(run, name, path);
    if (file === undefined) throw new Error(`no weights in ${path}`);
    return file;
  };
  const weights = await SafetensorsFile.open({ open }, joinPath(model.path, name));
  await writeSafetensors(files, joinPath(out, name), weights, metadata);
  await files.syncDirectory(out);
}
