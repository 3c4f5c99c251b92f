import { mix32 } from '../../core/random.js';

/** The last 2 to 6 bytes, the word, the word and the one before it. */
export const hashedContexts = 7;

/** What stands before the next byte, as hashes. */
export class Contexts {
  readonly hashes = new Int32Array(hashedContexts);
  /** The last four bytes, and the four before them. */
  #recent = 0;
  #before = 0;
  #word = 0;
  #wordBefore = 0;

  /** The last byte; 0 at the beginning. */
  get last(): number {
    return this.#recent & 0xff;
  }

  append(byte: number): void {
    this.#before = (this.#before << 8) | (this.#recent >>> 24);
    this.#recent = (this.#recent << 8) | byte;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    if ((lower >= 0x61 && lower <= 0x7a) || byte >= 0x80) this.#word = mix32(this.#word + lower + 1);
    else if (this.#word !== 0) {
      this.#wordBefore = this.#word;
      this.#word = 0;
    }
    const [recent, before] = [this.#recent, this.#before];
    const ofFour = mix32(recent);
    const ofContexts = [
      recent & 0xffff,
      recent & 0xffffff,
      ofFour,
      ofFour + (before & 0xff),
      ofFour + (before & 0xffff),
      this.#word,
      this.#word + Math.imul(this.#wordBefore, 0x7feb352d),
    ];
    for (const [context, hash] of ofContexts.entries()) this.hashes[context] = mix32(hash + Math.imul(context + 1, 0x9e3779b1));
  }
}
