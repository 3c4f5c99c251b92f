import { firstBrokenByte } from '../../core/utf8.js';
import { bytePiece, type PieceType, readSentencePieceFile, type SentencePieceFile } from './model-file.js';
import { characterAt, SentencePieceNormalizer, spaceSymbol } from './normalizer.js';
import { PieceTable } from './piece-table.js';
import { mergedSymbols } from './scored-merges.js';
import { bestSegmentation } from './unigram.js';

/** A piece of a normalised text. Bytes of one character have that character's place. */
export interface EncodedPiece {
  readonly piece: string;
  readonly id: number;
  /** UTF-16 offsets in the normalised text. */
  readonly start: number;
  readonly end: number;
}

/** A SentencePiece model: text to pieces and back, as the library of that name does it. */
export class SentencePiece {
  readonly #file: SentencePieceFile;
  readonly #normalizer: SentencePieceNormalizer;
  /** What text is made of. Control, unknown and byte pieces are never found in it. */
  readonly #pieces: PieceTable;
  readonly #userDefined: PieceTable;
  readonly #reserved: ReadonlyMap<string, number>;
  readonly #range: { readonly least: number; readonly greatest: number };

  /** @throws DecadeError `input`, see `readSentencePieceFile` */
  constructor(
    readonly bytes: Uint8Array,
    where: string,
  ) {
    this.#file = readSentencePieceFile(bytes, where);
    const entries = this.#file.pieces.map(({ text, type }, id) => ({ text, type, id }));
    const table = (types: readonly PieceType[]) =>
      new PieceTable(entries.filter(({ type }) => types.includes(type)).map(({ text, id }) => [text, id] as const));
    this.#pieces = table(['normal', 'user-defined', 'unused']);
    this.#userDefined = table(['user-defined']);
    this.#reserved = new Map(entries.filter(({ text }) => this.#pieces.id(text) === undefined).map(({ text, id }) => [text, id]));
    this.#normalizer = new SentencePieceNormalizer(this.#file.normalizer, this.#userDefined);
    let [least, greatest] = [Infinity, -Infinity];
    for (const { type, score } of this.#file.pieces) {
      if (type !== 'normal') continue;
      least = Math.min(least, score);
      greatest = Math.max(greatest, score);
    }
    this.#range = { least, greatest };
  }

  get size(): number {
    return this.#file.pieces.length;
  }

  get unknownId(): number {
    return this.#file.unknownId;
  }

  piece(id: number): string | undefined {
    return this.#file.pieces[id]?.text;
  }

  type(id: number): PieceType | undefined {
    return this.#file.pieces[id]?.type;
  }

  /** The id of a piece, the unknown one's where there is none. */
  id(piece: string): number {
    return this.#reserved.get(piece) ?? this.#pieces.id(piece) ?? this.unknownId;
  }

  /** The text that is cut into pieces: its spaces are U+2581, one of them first. `prefixed` false leaves that one out. */
  normalise(text: string, options?: { prefixed?: boolean }): string {
    return this.#normalizer.normalise(text, options);
  }

  encode(text: string): EncodedPiece[] {
    return this.encodeNormalised(this.normalise(text));
  }

  /** A run of unknown characters is one piece, or with byte fallback its bytes. */
  encodeNormalised(text: string): EncodedPiece[] {
    const encoded: EncodedPiece[] = [];
    const segments = this.#segments(text);
    let start = 0;
    let run: EncodedPiece | undefined;
    for (const [at, id] of segments.ids.entries()) {
      const end = segments.ends[at] as number;
      const piece = text.slice(start, end);
      if (id === this.unknownId && this.#file.byteFallback) {
        for (const byte of new TextEncoder().encode(piece))
          encoded.push({ piece: bytePiece(byte), id: this.id(bytePiece(byte)), start, end });
      } else if (id === this.unknownId && run !== undefined) {
        encoded.pop();
        run = { piece: run.piece + piece, id, start: run.start, end };
        encoded.push(run);
      } else {
        const next = { piece, id, start, end };
        encoded.push(next);
        run = id === this.unknownId ? next : undefined;
      }
      start = end;
    }
    return encoded;
  }

  /** The text of ids. Control pieces are left out, the unknown one is ` ⁇ ` unless the model says otherwise. */
  decodeIds(ids: Iterable<number>): string {
    return this.decode(Array.from(ids, (id) => this.piece(id) ?? ''));
  }

  /** The text of pieces; what is no piece stands for itself. `continues`: it goes on from other text, and keeps a space before it. */
  decode(pieces: Iterable<string>, { continues = false } = {}): string {
    const { addDummyPrefix, removeExtraWhitespaces } = this.#file.normalizer;
    let text = '';
    let bytes: number[] = [];
    const flush = (): void => {
      text += decodedBytes(bytes);
      bytes = [];
    };
    // Spaces before the first word are the dummy prefix, or were removed.
    let [isAtStart, sawSpace] = [!continues && (addDummyPrefix || removeExtraWhitespaces), false];
    for (const piece of pieces) {
      const id = this.id(piece);
      const type = this.type(id);
      if (type === 'byte') {
        bytes.push(Number.parseInt(piece.slice(3, 5), 16));
        continue;
      }
      flush();
      if (sawSpace || text !== '') isAtStart = false;
      sawSpace = false;
      if (type === 'control') continue;
      if (type === 'unknown') {
        text += piece === this.piece(id) ? this.#file.unknownSurface : piece;
        continue;
      }
      const isPrefix = isAtStart && piece.startsWith(spaceSymbol);
      sawSpace = isPrefix && !removeExtraWhitespaces;
      text += (isPrefix ? piece.slice(spaceSymbol.length) : piece).replaceAll(spaceSymbol, ' ');
    }
    flush();
    return text;
  }

  /** Ids and where each piece ends. */
  #segments(text: string): { ids: number[]; ends: number[] } {
    if (this.#file.algorithm === 'unigram') {
      return bestSegmentation(
        {
          pieces: this.#pieces,
          unknownId: this.unknownId,
          score: (id) => {
            const { type, score } = this.#file.pieces[id] as { type: PieceType; score: number };
            return type === 'unused' ? -Infinity : type === 'user-defined' ? undefined : score;
          },
          leastScore: this.#range.least,
          greatestScore: this.#range.greatest,
          precision: 32,
        },
        text,
      );
    }
    const isBytePair = this.#file.algorithm === 'bpe';
    const symbols = this.#symbols(text);
    const pieces = isBytePair ? mergedSymbols(this.#merging, symbols) : symbols.map((symbol) => symbol.text);
    let end = 0;
    return { ids: pieces.map((piece) => this.id(piece)), ends: pieces.map(({ length }) => (end += length)) };
  }

  readonly #merging = {
    score: (piece: string): number | undefined => this.#file.pieces[this.#pieces.id(piece) ?? -1]?.score,
    isUnused: (piece: string): boolean => this.type(this.#pieces.id(piece) ?? -1) === 'unused',
  };

  /** Characters, and what a user defined. */
  #symbols(text: string): { text: string; frozen: boolean }[] {
    const symbols: { text: string; frozen: boolean }[] = [];
    for (let at = 0; at < text.length; ) {
      const defined = this.#userDefined.longest(text, at);
      const symbol = defined > 0 ? text.slice(at, at + defined) : characterAt(text, at);
      symbols.push({ text: symbol, frozen: defined > 0 });
      at += symbol.length;
    }
    return symbols;
  }
}

/** Bytes to characters; each byte of what is no character becomes U+FFFD. */
export function decodedBytes(bytes: readonly number[]): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] as number;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const character = Uint8Array.from(bytes.slice(at, at + length));
    if (firstBrokenByte(character) === length) {
      text += utf8.decode(character);
      at += length;
    } else {
      text += '\uFFFD';
      at++;
    }
  }
  return text;
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
