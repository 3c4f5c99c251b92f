import { DecadeError } from '../core/errors.js';
import { endOfFileError } from '../core/file-errors.js';
import type { RandomAccessFile } from '../core/files.js';
import { sha256 } from '../core/sha256.js';

/** A file whose header has been checked, and the hashes of what follows it. */
export interface CheckedContents {
  readonly header: Uint8Array;
  readonly size: number;
  readonly pieceBytes: number;
  readonly hashes: readonly string[];
}

/** A file of which every piece is checked against its hash before a byte of it is given. */
export class CheckedFile implements RandomAccessFile {
  readonly size: number;
  readonly #path: string;
  readonly #source: Pick<RandomAccessFile, 'read' | 'close'>;
  readonly #contents: CheckedContents;
  /** The piece that was read last: files are read from the beginning to the end. */
  #last: { readonly index: number; readonly bytes: Promise<Uint8Array> } | undefined;

  constructor(path: string, source: Pick<RandomAccessFile, 'read' | 'close'>, contents: CheckedContents) {
    this.#path = path;
    this.#source = source;
    this.#contents = contents;
    this.size = contents.size;
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    const { header, pieceBytes } = this.#contents;
    const end = position + target.length;
    if (end > this.size) throw endOfFileError(this.#path, position, target.length, this.size);
    if (position < header.length) target.set(header.subarray(position, end));
    for (let at = Math.max(position, header.length); at < end; ) {
      const index = Math.floor((at - header.length) / pieceBytes);
      const within = at - header.length - index * pieceBytes;
      const part = (await this.#piece(index)).subarray(within, within + end - at);
      target.set(part, at - position);
      at += part.length;
    }
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  #piece(index: number): Promise<Uint8Array> {
    if (this.#last?.index !== index) this.#last = { index, bytes: this.#checked(index) };
    return this.#last.bytes;
  }

  async #checked(index: number): Promise<Uint8Array> {
    const { header, pieceBytes, hashes } = this.#contents;
    const position = header.length + index * pieceBytes;
    const bytes = new Uint8Array(Math.min(pieceBytes, this.size - position));
    await this.#source.read(bytes, position);
    if ((await sha256(bytes)) === hashes[index]) return bytes;
    throw new DecadeError('input', {
      where: this.#path,
      received: `other bytes than were packed, between ${position} and ${position + bytes.length}`,
      allowed: 'the hash that its header has for them',
      next: 'the file is damaged: copy or download it again',
    });
  }
}
