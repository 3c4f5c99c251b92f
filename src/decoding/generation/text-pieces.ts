import { endsWithinCharacter } from '../../core/utf8.js';
import type { Tokenizer } from '../../text/tokenizer.js';

/** What stands for bytes that are no character, or not yet. */
const replacement = '\ufffd';
/** In bytes. */
const longestCharacter = 4;

/**
 * The text of tokens as they come: pieces that joined give what decoding all tokens at once gives, none of which ends within a
 * character. Decodes the last tokens only: what a token spells depends on no token before its neighbour, but for bytes of one character.
 */
export class TextPieces {
  readonly #tokenizer: Pick<Tokenizer, 'decode' | 'bytes'>;
  /** The last token whose text is complete, if there is one, and those after it. */
  #window: number[];
  /** Characters of the window's text that have been given. */
  #given: number;

  /** The text goes on from `before`, and has the character in which that may end. */
  constructor(tokenizer: Pick<Tokenizer, 'decode' | 'bytes'>, before: readonly number[]) {
    this.#tokenizer = tokenizer;
    const begun = begunTokens(tokenizer, before);
    this.#window = before.slice(-Math.max(1, begun));
    const text = this.#text();
    this.#given = (begun === 0 ? text : text.replace(/\ufffd+$/u, '')).length;
  }

  /** What the text gains by one more token; '' while its last character is incomplete. */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#text();
    const isOpen = text.endsWith(replacement);
    const piece = text.slice(this.#given, isOpen ? -1 : undefined);
    if (isOpen) {
      this.#given += piece.length;
    } else {
      this.#window = [id];
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

/** How many tokens, of the last ones, spell a character that has begun and not ended; each has a byte of it at least. */
function begunTokens(tokenizer: Pick<Tokenizer, 'bytes'>, ids: readonly number[]): number {
  for (let count = 1; count < longestCharacter; count++) {
    const bytes = ids.slice(-count).flatMap((id) => Array.from(tokenizer.bytes(id)));
    if (endsWithinCharacter(Uint8Array.from(bytes))) return count;
  }
  return 0;
}
