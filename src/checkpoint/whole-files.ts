import { type Files, joinPath } from '../core/files.js';
import { temporaryNameFor, type UnfinishedWork } from '../core/unfinished.js';

/**
 * Replaces a file atomically: at any moment, even in a power failure, the complete old or new file has the name.
 * `write` writes and syncs the path it is given. With a record, the next process finds what a killed process leaves.
 */
export async function replaceFile<Result>(
  files: Files,
  directory: string,
  name: string,
  write: (path: string) => Promise<Result>,
  record?: UnfinishedWork,
): Promise<Result> {
  const path = joinPath(directory, name);
  const temporaryName = temporaryNameFor(name);
  const temporary = joinPath(directory, temporaryName);
  await record?.begin(temporaryName);
  try {
    const result = await write(temporary);
    await files.rename(temporary, path);
    await files.syncDirectory(directory);
    return result;
  } catch (error) {
    // The disk itself may have failed: the first error is the one to report.
    await files.remove(temporary).catch(() => undefined);
    throw error;
  } finally {
    await record?.end(temporaryName).catch(() => undefined);
  }
}

/** Writes a small text file and waits until it is on the disk. */
export async function writeTextFile(files: Files, path: string, text: string): Promise<void> {
  const writer = await files.create(path);
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.sync();
  } finally {
    await writer.close();
  }
}
