import { DecadeError } from '../core/errors.js';
import { fileError } from '../core/file-errors.js';
import { nodeFiles } from '../platform/node/files.js';
import { asResult } from './terminal.js';

/** Where a command writes its result. */
export interface Output {
  /** Resolves when the text has been taken, so that a slow reader slows the writer. */
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

const name = 'standard output';

const standardOutput: Output = {
  write(text) {
    return new Promise((resolve, reject) => {
      process.stdout.write(asResult(text), (error) => (error ? reject(outputError(error)) : resolve()));
    });
  },
  close: async () => undefined,
};

/** The file at `path`, or standard output when there is none. */
export async function openOutput(path?: string): Promise<Output> {
  if (path === undefined || path === '-') return standardOutput;
  const writer = await nodeFiles.create(path);
  const encoder = new TextEncoder();
  return { write: (text) => writer.write(encoder.encode(text)), close: () => writer.close() };
}

/**
 * Writes a file that appears whole or not at all, and finds out before the work whether it can be written.
 *
 * @param make  gives the text, and what the caller wants besides
 */
export async function writeWhole<Result>(path: string, make: () => Promise<{ text: string; result: Result }>): Promise<Result> {
  const partial = `${path}.partial`;
  if ((await nodeFiles.kind(path)) === 'directory') throw fileError('directory', path);
  const output = await openOutput(partial).catch((error: unknown) => {
    throw error instanceof DecadeError ? new DecadeError(error.kind, { ...error.parts, where: path }) : error;
  });
  try {
    const { text, result } = await make();
    await output.write(text);
    await output.close();
    await nodeFiles.rename(partial, path);
    return result;
  } catch (error) {
    await output.close().catch(() => undefined);
    await nodeFiles.remove(partial);
    throw error;
  }
}

/** Writes one result to standard output. */
export function print(text: string): Promise<void> {
  return standardOutput.write(`${text}\n`);
}

/** One JSON object, as `--json` promises. */
export function printJson(value: object): Promise<void> {
  return print(JSON.stringify(value, undefined, 2));
}

/** Standard output is a pipe that was closed, as by `head`: its reader has seen enough, and the command is done. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

function outputError(error: NodeJS.ErrnoException): Error {
  if (error.code === 'EPIPE') return new ReaderGone(name);
  return fileError(error.code === 'ENOSPC' ? 'full' : 'denied', name, error);
}

/** Streams throw what nobody listens to: every error reaches a writer through its callback instead. */
export function listenToStandardStreams(): void {
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
}
