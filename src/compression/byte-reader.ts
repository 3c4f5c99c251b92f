import { DecadeError } from '../core/errors.js';
import { joined } from './bytes.js';
import { damaged } from './damage.js';

/** Reads a stream in pieces of the sizes that are asked for. */
export class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #isEnded = false;

  /** `name`: the file, for errors. */
  constructor(bytes: AsyncIterable<Uint8Array>, name: string) {
    this.#iterator = bytes[Symbol.asyncIterator]();
    this.#name = name;
  }

  /** @throws DecadeError `input` where the stream ends before; `what` names what is missing */
  async take(count: number, what: string): Promise<Uint8Array> {
    const all = await this.#atLeast(count);
    if (all.length < count) {
      throw new DecadeError('input', {
        where: `${this.#name}: ${what}`,
        received: 'the end of the file',
        allowed: 'a whole file',
        next: 'copy the file again',
      });
    }
    this.#pieces = [all.subarray(count)];
    this.#length -= count;
    return all.subarray(0, count);
  }

  /** The next bytes, which stay; fewer at the end. */
  async peek(count: number): Promise<Uint8Array> {
    return (await this.#atLeast(count)).subarray(0, count);
  }

  /** @throws DecadeError `input` where more follows */
  async requireEnd(): Promise<void> {
    if ((await this.#atLeast(1)).length > 0) throw damaged(this.#name, 'what follows the end');
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #atLeast(count: number): Promise<Uint8Array> {
    while (this.#length < count && !this.#isEnded) {
      const { done, value } = await this.#iterator.next();
      if (done) this.#isEnded = true;
      else {
        this.#pieces.push(value);
        this.#length += value.length;
      }
    }
    const all = joined(...this.#pieces);
    this.#pieces = [all];
    return all;
  }
}
