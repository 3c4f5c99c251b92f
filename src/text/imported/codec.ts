import { spaceSymbol } from '../sentence-piece/normalizer.js';
import type { SentencePiece } from '../sentence-piece/sentence-piece.js';

/** A token, and where it stands in the text that was cut: UTF-16 offsets. Bytes of one character have that character's. */
export interface TokenPlace {
  readonly token: string;
  readonly start: number;
  readonly end: number;
}

/** How an imported vocabulary cuts text into tokens and joins them again. Ids are not its affair. */
export interface Codec {
  /** How it writes a space. */
  readonly space: string;
  /** The text that is cut. A space stands before it where one is put there. `isFirst`: nothing stands in front. */
  normalise(text: string, isFirst: boolean): string;
  /** The tokens that tile a normalised text; not all need be in the vocabulary. */
  cut(normalised: string): TokenPlace[];
  /** The text of tokens in a row. The space that was put before a text is taken off, unless it `continues` another. */
  join(tokens: readonly string[], continues: boolean): string;
  /** Whether a token is a byte that spells what the vocabulary lacks. */
  isByte(token: string): boolean;
  /** The UTF-8 that a token adds to a text. */
  bytes(token: string): Uint8Array;
}

const utf8 = new TextEncoder();
const writtenByte = /^<0x([0-9A-F]{2})>$/;

/** The byte of a token such as `<0x0A>`. */
export function byteOf(token: string): number | undefined {
  const [, hexadecimal] = writtenByte.exec(token) ?? [];
  return hexadecimal === undefined ? undefined : Number.parseInt(hexadecimal, 16);
}

/** What a token adds to a text where bytes are written `<0x0A>` and spaces U+2581. */
export function bytesOfPiece(token: string): Uint8Array {
  const byte = byteOf(token);
  return byte === undefined ? utf8.encode(token.replaceAll(spaceSymbol, ' ')) : Uint8Array.of(byte);
}

export class SentencePieceCodec implements Codec {
  readonly space = spaceSymbol;

  constructor(readonly model: SentencePiece) {}

  normalise(text: string): string {
    return this.model.normalise(text);
  }

  cut(normalised: string): TokenPlace[] {
    return this.model.encodeNormalised(normalised).map(({ piece, start, end }) => ({ token: piece, start, end }));
  }

  join(tokens: readonly string[], continues: boolean): string {
    return this.model.decode(tokens, { continues });
  }

  isByte(token: string): boolean {
    return this.model.type(this.model.id(token)) === 'byte';
  }

  bytes(token: string): Uint8Array {
    return bytesOfPiece(token);
  }
}

/** Text that has been cut into tokens before, with a space between them. */
export class SpacedCodec implements Codec {
  readonly space = ' ';

  normalise(text: string, isFirst: boolean): string {
    const tokens = text.split(/ +/).filter((token) => token !== '');
    return tokens.length === 0 ? '' : (isFirst ? '' : ' ') + tokens.join(' ');
  }

  cut(normalised: string): TokenPlace[] {
    return Array.from(normalised.matchAll(/ ?([^ ]+)/g), ({ 0: { length }, 1: token = '', index }) => ({
      token,
      start: index,
      end: index + length,
    }));
  }

  join(tokens: readonly string[], continues: boolean): string {
    return tokens.length === 0 ? '' : (continues ? ' ' : '') + tokens.join(' ');
  }

  isByte(): boolean {
    return false;
  }

  bytes(token: string): Uint8Array {
    return utf8.encode(` ${token}`);
  }
}
