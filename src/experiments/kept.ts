import type { z } from 'zod';
import { replaceFile, writeTextFile } from '../checkpoint/whole-files.js';
import { type Files, joinPath } from '../core/files.js';
import { contentHash } from '../data/content-hash.js';

/** Results in files that are named by all that decides them, so that nothing is computed twice: `DIRECTORY/HASH.json`. */
export class Kept {
  readonly #files: Files;
  readonly #out: string;

  constructor(files: Files, out: string) {
    this.#files = files;
    this.#out = out;
  }

  /** What was written under this key before, or what `make` gives, written for the next time unless the signal has come. */
  async get<Schema extends z.ZodType<object>>(
    directory: string,
    key: readonly string[],
    schema: Schema,
    make: () => Promise<z.output<Schema>>,
    signal?: AbortSignal,
  ): Promise<z.output<Schema>> {
    const found = await this.find(directory, key, schema);
    if (found !== undefined) return found;
    const made = await make();
    signal?.throwIfAborted();
    const path = joinPath(this.#out, directory);
    await this.#files.makeDirectory(path);
    await this.write(path, await fileOf(key), made);
    return made;
  }

  /** What was written under this key; undefined when nothing was. */
  async find<Schema extends z.ZodType>(directory: string, key: readonly string[], schema: Schema): Promise<z.output<Schema> | undefined> {
    return this.read(joinPath(this.#out, directory, await fileOf(key)), schema);
  }

  async read<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema> | undefined> {
    if ((await this.#files.kind(path)) !== 'file') return undefined;
    try {
      return schema.parse(JSON.parse(await this.#files.readText(path)));
    } catch {
      // Damaged, or of another version: made again.
      return undefined;
    }
  }

  async write(directory: string, name: string, value: object): Promise<void> {
    await replaceFile(this.#files, directory, name, (path) => writeTextFile(this.#files, path, `${JSON.stringify(value)}\n`));
  }
}

async function fileOf(key: readonly string[]): Promise<string> {
  return `${(await hashOf(key)).slice(0, 16)}.json`;
}

export function hashOf(parts: readonly string[]): Promise<string> {
  return contentHash([new TextEncoder().encode(JSON.stringify(parts))]);
}
