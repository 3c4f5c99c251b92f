import { DecadeError } from '../core/errors.js';
import { fileError } from '../core/file-errors.js';
import { type Files, joinPath, type RandomAccessFile } from '../core/files.js';
import { decodeUtf8 } from '../core/utf8.js';
import { isUrl } from './download.js';
import type { PackedRun } from './format.js';
import { PackedModel } from './packed-model.js';

const chunkBytes = 262_144;

/** Runs to read, packed or not. */
export interface MountedRuns {
  /** In these files every run is a directory, the packed ones among them: `model.decade/model.json`. They cannot be written. */
  readonly files: Files;
  /** Paths in `files`. A packed ensemble has one for each of its runs: `model.decade/1`, `model.decade/2`. */
  readonly runs: readonly string[];
  /** Closes the packed models, and ends their downloads. */
  close(): Promise<void>;
}

/**
 * Whatever reads a run reads a packed one as well, in the files given here: a run is anything that can be a run's directory, a
 * packed model, or the URL of one. Where a path is no packed model nothing is changed.
 *
 * @throws DecadeError `input` for a file that is no packed model, and for what cannot be downloaded
 */
export async function mountRuns(files: Files, paths: readonly string[]): Promise<MountedRuns> {
  const models = new Map<string, PackedModel>();
  const close = async () => {
    for (const model of models.values()) await model.close();
  };
  try {
    const runs: string[] = [];
    for (const path of paths) {
      const isPacked = isUrl(path) || (path !== '' && (await files.kind(path)) === 'file');
      const model = isPacked ? (models.get(path) ?? (await PackedModel.open(files, path))) : undefined;
      if (model !== undefined) models.set(path, model);
      runs.push(...(model === undefined ? [path] : directoriesOf(model).keys()));
    }
    const directories = [...models.values()].flatMap((model) => [...directoriesOf(model)]);
    return { files: models.size === 0 ? files : withDirectories(files, new Map(directories)), runs, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** As `mountRuns`, for what reads a single run: `usage` for a packed ensemble. */
export async function withMountedRun<Result>(
  files: Files,
  path: string,
  use: (files: Files, run: string) => Promise<Result>,
): Promise<Result> {
  return withMountedRuns(files, [path], (mounted, [run = path]) => use(mounted, run));
}

/** As `withMountedRun`, for several. */
export async function withMountedRuns<Result>(
  files: Files,
  paths: readonly string[],
  use: (files: Files, runs: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const mounted = await mountRuns(files, paths);
  try {
    const ensemble = paths.find((path) => !mounted.runs.includes(path));
    if (ensemble !== undefined) {
      throw new DecadeError('usage', {
        where: ensemble,
        received: `an ensemble of ${mounted.runs.length} models`,
        allowed: 'a single model',
        next: 'take its runs apart with decade unpack',
      });
    }
    return await use(mounted.files, mounted.runs);
  } finally {
    await mounted.close();
  }
}

interface PackedDirectory {
  readonly model: PackedModel;
  readonly run: PackedRun;
}

/** The directories of a packed model, by path. */
function directoriesOf(model: PackedModel): Map<string, PackedDirectory> {
  const several = model.runs.length > 1;
  return new Map(model.runs.map((run, index) => [several ? joinPath(model.path, String(index + 1)) : model.path, { model, run }]));
}

function withDirectories(files: Files, directories: ReadonlyMap<string, PackedDirectory>): Files {
  /** The directory that holds `path`, and its name there; an empty one for the directory itself. */
  const find = (path: string): (PackedDirectory & { readonly name: string }) | undefined => {
    for (const [parent, directory] of directories) {
      if (path === parent || path === `${parent}/`) return { ...directory, name: '' };
      if (path.startsWith(`${parent}/`)) return { ...directory, name: path.slice(parent.length + 1) };
    }
    return undefined;
  };
  /** A file in a directory; undefined for a path that is in none. */
  const fileAt = (path: string): RandomAccessFile | undefined => {
    const found = find(path);
    if (found === undefined) return undefined;
    if (found.name === '') throw fileError('directory', path);
    const file = found.model.fileOf(found.run, found.name, path);
    if (file === undefined) throw fileError('missing', path);
    return file;
  };
  const readBytes = async (path: string): Promise<Uint8Array> => {
    const file = fileAt(path);
    if (file === undefined) return files.readBytes(path);
    const bytes = new Uint8Array(file.size);
    await file.read(bytes, 0);
    return bytes;
  };
  /** What changes a path outside the directories, and refuses to within. */
  const outside =
    <Rest extends unknown[], Result>(change: (path: string, ...rest: Rest) => Promise<Result>) =>
    async (path: string, ...rest: Rest): Promise<Result> => {
      if (find(path) !== undefined) throw fileError('readOnly', path);
      return change(path, ...rest);
    };
  return {
    absolute: files.absolute,
    async kind(path) {
      const found = find(path);
      if (found === undefined) return files.kind(path);
      if (found.name === '') return 'directory';
      return found.model.namesOf(found.run).includes(found.name) ? 'file' : 'missing';
    },
    size: async (path) => fileAt(path)?.size ?? files.size(path),
    readBytes,
    readText: async (path) => decodeUtf8(await readBytes(path), path),
    async *stream(path) {
      const file = fileAt(path);
      if (file === undefined) yield* files.stream(path);
      else
        for (let at = 0; at < file.size; at += chunkBytes) {
          const chunk = new Uint8Array(Math.min(chunkBytes, file.size - at));
          await file.read(chunk, at);
          yield chunk;
        }
    },
    open: async (path) => fileAt(path) ?? files.open(path),
    async list(path) {
      const found = find(path);
      if (found === undefined) return files.list(path);
      if (found.name !== '') throw fileError('notDirectory', path);
      return found.model.namesOf(found.run).sort();
    },
    create: outside(files.create),
    append: outside(files.append),
    truncate: outside(files.truncate),
    makeDirectory: outside(files.makeDirectory),
    rename: outside(files.rename),
    remove: outside(files.remove),
    removeIfEmpty: outside(files.removeIfEmpty),
    syncDirectory: outside(files.syncDirectory),
    lock: outside(files.lock),
  };
}
