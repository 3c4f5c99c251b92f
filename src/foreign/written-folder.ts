import { writeTextFile } from '../checkpoint/whole-files.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { temporaryNameFor } from '../core/unfinished.js';

/** A file of a folder: its text, its bytes, or what writes it whole to the path that it is given. */
export type FileContents = string | Uint8Array | ((files: Files, path: string) => Promise<unknown>);

/** Files of a folder by name; a name may have one folder before it, `onnx/model.onnx`. */
export type FolderContents = ReadonlyMap<string, FileContents>;

/** Writes a folder, which appears whole or not at all. Throws `resource` when the disk is full. */
export async function writeFolder(files: Files, path: string, contents: FolderContents): Promise<void> {
  const temporary = temporaryNameFor(path.replace(/(.)\/+$/, '$1'));
  await files.makeDirectory(temporary);
  try {
    for (const [name, content] of contents) {
      const [parent] = name.split('/').slice(0, -1);
      if (parent !== undefined) await files.makeDirectory(joinPath(temporary, parent));
      await writeFile(files, joinPath(temporary, name), content);
      if (parent !== undefined) await files.syncDirectory(joinPath(temporary, parent));
    }
    await files.syncDirectory(temporary);
    await files.removeIfEmpty(path);
    await files.rename(temporary, path);
  } catch (error) {
    await files.remove(temporary).catch(() => undefined);
    throw error;
  }
}

/** @throws DecadeError `usage` where something is at `path` that would be lost, or a file where one of its parents is to be */
export async function requireNothing(files: Files, path: string): Promise<void> {
  const kind = await files.kind(path);
  if (kind === 'missing') {
    for (const [end] of Array.from(path.matchAll(/[^/]\/+(?=[^/])/g), ({ index }) => [index + 1] as const)) {
      const parent = path.slice(0, end);
      if ((await files.kind(parent)) !== 'file') continue;
      throw new DecadeError('usage', {
        where: parent,
        received: 'a file',
        allowed: `a directory for ${path}`,
        next: 'choose another --out',
      });
    }
  }
  if (kind === 'missing' || (kind === 'directory' && (await files.list(path)).length === 0)) return;
  const received = kind === 'file' ? 'a file' : 'a directory that contains other files';
  throw new DecadeError('usage', { where: path, received, allowed: 'a new directory', next: 'choose another --out' });
}

export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

async function writeFile(files: Files, path: string, content: FileContents): Promise<void> {
  if (typeof content === 'function') await content(files, path);
  else if (typeof content === 'string') await writeTextFile(files, path, content);
  else {
    const writer = await files.create(path);
    try {
      await writer.write(content);
      await writer.sync();
    } finally {
      await writer.close();
    }
  }
}
