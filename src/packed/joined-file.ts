import { endOfFileError } from '../core/file-errors.js';
import type { RandomAccessFile } from '../core/files.js';

/** A part of a file, wherever it is. */
export interface JoinedPart {
  readonly length: number;
  /** Fills `target` with what it holds from `start` on. */
  read(target: Uint8Array, start: number): Promise<void>;
}

/** A file made of parts that follow each other. */
export class JoinedFile implements RandomAccessFile {
  readonly size: number;
  readonly #path: string;
  readonly #parts: readonly (JoinedPart & { readonly position: number })[];

  constructor(path: string, parts: readonly JoinedPart[]) {
    this.#path = path;
    let position = 0;
    this.#parts = parts.map(({ length, read }) => {
      position += length;
      return { length, read, position: position - length };
    });
    this.size = position;
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    const end = position + target.length;
    if (end > this.size) throw endOfFileError(this.#path, position, target.length, this.size);
    for (const part of this.#parts) {
      const [from, to] = [Math.max(position, part.position), Math.min(end, part.position + part.length)];
      if (from < to) await part.read(target.subarray(from - position, to - position), from - part.position);
    }
  }

  async close(): Promise<void> {}
}
