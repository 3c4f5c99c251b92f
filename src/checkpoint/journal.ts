import type { Files, FileWriter } from '../core/files.js';

/** A text file that is appended to, and truncated on resume to the length that a checkpoint recorded. */
export class Journal {
  readonly #writer: FileWriter;
  #length: number;

  private constructor(writer: FileWriter, length: number) {
    this.#writer = writer;
    this.#length = length;
  }

  /** Opens a file for appending after truncating it to `length` bytes; a shorter file stays as it is. */
  static async open(files: Files, path: string, length: number): Promise<Journal> {
    const size = (await files.kind(path)) === 'missing' ? 0 : await files.size(path);
    if (size > length) await files.truncate(path, length);
    return new Journal(await files.append(path), Math.min(size, length));
  }

  /** Bytes up to here, for the checkpoint. */
  get length(): number {
    return this.#length;
  }

  async writeLine(line: string): Promise<void> {
    const bytes = new TextEncoder().encode(`${line}\n`);
    await this.#writer.write(bytes);
    this.#length += bytes.length;
  }

  /** Waits until all lines are on the disk. */
  sync(): Promise<void> {
    return this.#writer.sync();
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}
