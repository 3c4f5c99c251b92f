import { endsWithinCharacter } from '../../core/utf8.js';
import type { Tokenizer } from '../../text/tokenizer.js';

/** In bytes. */
const longestCharacter = 4;
/**
 * What stands for bytes that are no character, or not yet: one for all of them or one for each, and in `tokenizer.json` also for those of
 * the character before, as long as bytes in a row are not all characters.
 */
const incomplete = /\ufffd{1,7}$/u;

/**
 * The text of tokens as they come: pieces that joined give what decoding all tokens at once gives, none of which ends within a
 * character. Decodes the last tokens only: what a token spells depends on no token before its neighbour, but for bytes of one character.
 */
export class TextPieces {
  readonly #tokenizer: Pick<Tokenizer, 'decode' | 'bytes'>;
  /** The last tokens whose text is complete, if there are any, from the beginning of a character on, and those after them. */
  #window: number[];
  /** How many of its tokens are those that are complete. */
  #complete: number;
  /** Characters of the window's text that have been given. */
  #given: number;

  /** The text goes on from `before`, and has the character in which that may end. */
  constructor(tokenizer: Pick<Tokenizer, 'decode' | 'bytes'>, before: readonly number[]) {
    this.#tokenizer = tokenizer;
    this.#window = lastCharacter(tokenizer, before);
    const text = this.#text();
    const isBegun = endsWithinCharacter(Uint8Array.from(this.#window.flatMap((id) => Array.from(tokenizer.bytes(id)))));
    this.#complete = isBegun ? 0 : this.#window.length;
    this.#given = (isBegun ? text.replace(incomplete, '') : text).length;
  }

  /** What the text gains by one more token; '' while its last character is incomplete. */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#text();
    const whole = text.replace(incomplete, '');
    const piece = whole.slice(this.#given);
    if (whole.length < text.length) {
      this.#given += piece.length;
    } else {
      this.#window = this.#window.slice(this.#complete);
      this.#complete = this.#window.length;
      this.#given = this.#text().length;
    }
    return piece;
  }

  /** What is left when no token follows. */
  end(): string {
    return this.#text().slice(this.#given);
  }

  #text(): string {
    return this.#tokenizer.decode(this.#window);
  }
}

/** The last tokens, from where the last character begins. */
function lastCharacter(tokenizer: Pick<Tokenizer, 'bytes'>, ids: readonly number[]): number[] {
  const goesOn = (id: number | undefined) => id !== undefined && ((tokenizer.bytes(id)[0] ?? 0) & 0xc0) === 0x80;
  let count = 1;
  while (count < longestCharacter && goesOn(ids.at(-count))) count++;
  return ids.slice(-count);
}
