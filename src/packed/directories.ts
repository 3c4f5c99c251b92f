import { fileError } from '../core/file-errors.js';
import { joinPath, type RandomAccessFile, type ReadableFiles } from '../core/files.js';
import type { PackedRun } from './format.js';
import type { PackedModel } from './packed-model.js';

const chunkBytes = 262_144;

interface PackedDirectory {
  readonly model: PackedModel;
  readonly run: PackedRun;
}

/** The runs of packed models as directories, by path: that of a model with one run is its own, others are `PATH/1`, `PATH/2`. */
export type PackedDirectories = ReadonlyMap<string, PackedDirectory>;

export function packedDirectories(models: Iterable<PackedModel>): PackedDirectories {
  const directoriesOf = (model: PackedModel) =>
    model.runs.map((run, index) => {
      const path = model.runs.length > 1 ? joinPath(model.path, String(index + 1)) : model.path;
      return [path, { model, run }] as const;
    });
  return new Map(Array.from(models).flatMap(directoriesOf));
}

/** The directory that holds `path`, and its name there; an empty one for the directory itself. */
export function packedDirectoryOf(directories: PackedDirectories, path: string): (PackedDirectory & { readonly name: string }) | undefined {
  for (const [parent, directory] of directories) {
    if (path === parent || path === `${parent}/`) return { ...directory, name: '' };
    if (path.startsWith(`${parent}/`)) return { ...directory, name: path.slice(parent.length + 1) };
  }
  return undefined;
}

/** A file in a directory; undefined for a path that is in none. */
export function packedFileAt(directories: PackedDirectories, path: string): RandomAccessFile | undefined {
  const found = packedDirectoryOf(directories, path);
  if (found === undefined) return undefined;
  if (found.name === '') throw fileError('directory', path);
  const file = found.model.fileOf(found.run, found.name, path);
  if (file === undefined) throw fileError('missing', path);
  return file;
}

/** Files that are read there, and elsewhere in `files`. */
export function withPackedDirectories(directories: PackedDirectories, files: ReadableFiles): ReadableFiles {
  return {
    async kind(path) {
      const found = packedDirectoryOf(directories, path);
      if (found === undefined) return files.kind(path);
      if (found.name === '') return 'directory';
      return found.model.namesOf(found.run).includes(found.name) ? 'file' : 'missing';
    },
    async *stream(path) {
      const file = packedFileAt(directories, path);
      if (file === undefined) yield* files.stream(path);
      else
        for (let at = 0; at < file.size; at += chunkBytes) {
          const chunk = new Uint8Array(Math.min(chunkBytes, file.size - at));
          await file.read(chunk, at);
          yield chunk;
        }
    },
    open: async (path) => packedFileAt(directories, path) ?? files.open(path),
  };
}
