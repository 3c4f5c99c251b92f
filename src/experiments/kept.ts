import type * as z from 'zod';
import { replaceFile, writeTextFile } from '../checkpoint/whole-files.js';
import { type Files, joinPath } from '../core/files.js';

/** Results in files named by their addresses, so nothing is computed twice: `DIRECTORY/ADDRESS.json`. */
export class Kept {
  readonly files: Files;
  readonly #out: string;

  constructor(files: Files, out: string) {
    this.files = files;
    this.#out = out;
  }

  /** The stored result of an address, or that of `make`, which is then stored unless the signal has aborted. */
  async get<Result extends object>(
    directory: string,
    address: string,
    schema: z.ZodType<Result>,
    make: () => Result | Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    const found = await this.find(directory, address, schema);
    if (found !== undefined) return found;
    const made = await make();
    signal?.throwIfAborted();
    await this.files.makeDirectory(this.path(directory));
    await this.write(this.path(directory), `${address}.json`, made);
    return made;
  }

  /** The stored result of an address; undefined if there is none. */
  find<Result>(directory: string, address: string, schema: z.ZodType<Result>): Promise<Result | undefined> {
    return this.read(this.path(directory, `${address}.json`), schema);
  }

  async read<Result>(path: string, schema: z.ZodType<Result>): Promise<Result | undefined> {
    if ((await this.files.kind(path)) !== 'file') return undefined;
    try {
      return schema.parse(JSON.parse(await this.files.readText(path)));
    } catch {
      // Damaged or of another version: computed again.
      return undefined;
    }
  }

  async write(directory: string, name: string, value: object): Promise<void> {
    await replaceFile(this.files, directory, name, (path) => writeTextFile(this.files, path, `${JSON.stringify(value)}\n`));
  }

  path(...names: string[]): string {
    return joinPath(this.#out, ...names);
  }
}
