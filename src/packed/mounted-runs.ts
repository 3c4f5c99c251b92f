import { DecadeError } from '../core/errors.js';
import { fileError } from '../core/file-errors.js';
import type { Files } from '../core/files.js';
import { decodeUtf8 } from '../core/utf8.js';
import { type PackedDirectories, packedDirectories, packedDirectoryOf, packedFileAt, withPackedDirectories } from './directories.js';
import { fileOrDownload, isUrl, pathOf } from './download.js';
import { PackedModel } from './packed-model.js';

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
    for (const path of paths.map(pathOf)) {
      const isPacked = isUrl(path) || (path !== '' && (await files.kind(path)) === 'file');
      const model = isPacked ? (models.get(path) ?? (await PackedModel.open(await fileOrDownload(files, path), path))) : undefined;
      if (model !== undefined) models.set(path, model);
      runs.push(...(model === undefined ? [path] : packedDirectories([model]).keys()));
    }
    return { files: models.size === 0 ? files : withDirectories(files, packedDirectories(models.values())), runs, close };
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
    const ensemble = paths.map(pathOf).find((path) => !mounted.runs.includes(path));
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

function withDirectories(files: Files, directories: PackedDirectories): Files {
  const readBytes = async (path: string): Promise<Uint8Array> => {
    const file = packedFileAt(directories, path);
    if (file === undefined) return files.readBytes(path);
    const bytes = new Uint8Array(file.size);
    await file.read(bytes, 0);
    return bytes;
  };
  /** What changes a path outside the directories, and refuses to within. */
  const outside =
    <Rest extends unknown[], Result>(change: (path: string, ...rest: Rest) => Promise<Result>) =>
    async (path: string, ...rest: Rest): Promise<Result> => {
      if (packedDirectoryOf(directories, path) !== undefined) throw fileError('readOnly', path);
      return change(path, ...rest);
    };
  return {
    ...withPackedDirectories(directories, files),
    absolute: files.absolute,
    realPath: files.realPath,
    size: async (path) => packedFileAt(directories, path)?.size ?? files.size(path),
    readBytes,
    readText: async (path) => decodeUtf8(await readBytes(path), path),
    async list(path) {
      const found = packedDirectoryOf(directories, path);
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
