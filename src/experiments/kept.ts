import type * as z from 'zod';
import { replaceFile, writeTextFile } from '../checkpoint/whole-files.js';
import { type Files, joinPath } from '../core/files.js';

/** Results in files that are named by all that decides them, so that nothing is computed twice: `DIRECTORY/ADDRESS.json`. */
export class Kept {
  readonly files: Files;
  readonly #out: string;

  constructor(files: Files, out: string) {
    this.files = files;
    this.#out = out;
  }

  /** What was written under this address before, or what `make` gives, written for the next time unless the signal has come. */
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

  /** What was written under this address; undefined when nothing was. */
  find<Result>(directory: string, address: string, schema: z.ZodType<Result>): Promise<Result | undefined> {
    return this.read(this.path(directory, `${address}.json`), schema);
  }

  async read<Result>(path: string, schema: z.ZodType<Result>): Promise<Result | undefined> {
    if ((await this.files.kind(path)) !== 'file') return undefined;
    try {
      return schema.parse(JSON.parse(await this.files.readText(path)));
    } catch {
      // Damaged, or of another version: made again.
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
