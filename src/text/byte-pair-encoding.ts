import type { Pipeline } from './pipeline.js';
import { PriorityQueue } from './priority-queue.js';
import type { Beginning, DecodeOptions, Encoding, Tokenizer } from './tokenizer.js';
import { specialTokens, unknownId } from './tokenizer.js';
import type { Vocabulary } from './vocabulary.js';

/** Id of the token of byte 0; those of the other bytes follow. They spell characters that the alphabet has not. */
export const firstByteId = specialTokens.length;
/** Id of the first token that is not a special token or a byte. */
export const firstTextId = firstByteId + 256;

export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/** A pair of neighbouring tokens that become one; its place in the list is its rank. */
export interface Merge {
  left: number;
  right: number;
  merged: number;
}

/** Pieces kept with their ids. Text repeats its words, so that nearly all are found here. */
const cacheEntries = 65_536;
const longestCachedPiece = 64;

/**
 * Byte-pair encoding (Sennrich, Haddow and Birch 2016, "Neural machine translation of rare words with subword units",
 * section 3.2) of characters, with bytes for characters that are not in the alphabet.
 */
export class BytePairTokenizer implements Tokenizer {
  readonly kind = 'bpe';
  private readonly ranks = new Map<number, number>();
  private readonly cache = new Map<string, readonly number[]>();
  private readonly utf8 = new TextEncoder();

  /** The vocabulary holds the special tokens, the 256 bytes, then characters and merged tokens. */
  constructor(
    private readonly pipeline: Pipeline,
    private readonly vocabulary: Vocabulary,
    private readonly merges: readonly Merge[],
  ) {
    for (const [rank, merge] of merges.entries()) this.ranks.set(merge.left * vocabulary.size + merge.right, rank);
  }

  get size(): number {
    return this.vocabulary.size;
  }

  normalise(text: string): string {
    return this.pipeline.normalise(text);
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    for (const piece of this.pipeline.pieces(this.normalise(text))) {
      for (const id of this.encodePiece(piece)) ids.push(id);
    }
    return ids;
  }

  encodeWithOffsets(text: string): Encoding {
    const encoding: Encoding = { ids: [], offsets: [] };
    let pieceStart = -this.pipeline.prefixLength;
    for (const piece of this.pipeline.pieces(this.normalise(text))) {
      let position = pieceStart;
      let character = { start: position, end: position };
      for (const id of this.encodePiece(piece)) {
        encoding.ids.push(id);
        if (isByte(id)) {
          const width = utf16Width(id - firstByteId);
          if (width > 0) character = { start: position, end: position + width };
          position += width;
          encoding.offsets.push(character.start, character.end);
        } else {
          const token = this.token(id);
          const end = position + token.length;
          encoding.offsets.push(Math.max(0, token.length > 1 && token.startsWith(' ') ? position + 1 : position), end);
          position = end;
        }
      }
      pieceStart += piece.length;
    }
    return encoding;
  }

  encodeBeginning(text: string): Beginning | undefined {
    const beginning = this.pipeline.beginning(text);
    const ids = this.encode(beginning);
    return ids.length === 0 ? undefined : { ids, text: beginning };
  }

  decode(ids: ArrayLike<number>, { unknown, beginning }: DecodeOptions = {}): string {
    let text = beginning === undefined ? '' : ` ${beginning.text}`;
    let bytes: number[] = [];
    const flush = () => {
      if (bytes.length > 0) text += new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
      bytes = [];
    };
    for (let position = beginning?.ids.length ?? 0; position < ids.length; position++) {
      const id = ids[position] as number;
      const token = this.token(id);
      if (isByte(id)) {
        bytes.push(id - firstByteId);
      } else if (id === unknownId) {
        flush();
        text += ` ${unknown?.(position) ?? '⁇'}`;
      } else if (id >= firstTextId) {
        flush();
        text += token;
      }
    }
    flush();
    return this.pipeline.join(text);
  }

  isUnknown(id: number): boolean {
    return id === unknownId || isByte(id);
  }

  token(id: number): string {
    return this.vocabulary.token(id);
  }

  toJson(): string {
    return this.pipeline.toJson({
      type: 'BPE',
      dropout: null,
      unk_token: specialTokens[unknownId],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: true,
      ignore_merges: false,
      vocab: this.vocabulary.toJson(),
      merges: this.merges.map(({ left, right }) => [this.token(left), this.token(right)]),
    });
  }

  private encodePiece(piece: string): readonly number[] {
    const known = this.cache.get(piece);
    if (known !== undefined) return known;
    const ids = this.mergePiece(piece);
    if (piece.length <= longestCachedPiece) {
      if (this.cache.size === cacheEntries) this.cache.clear();
      this.cache.set(piece, ids);
    }
    return ids;
  }

  /** Merges the pair of lowest rank, the leftmost of equals, until none is left: O(n log n) for n characters. */
  private mergePiece(piece: string): number[] {
    const characters = Array.from(piece);
    const length = characters.length;
    const symbols = characters.map((character) => this.vocabulary.id(character) ?? unknownId);
    const next = Int32Array.from(symbols, (_, position) => position + 1);
    const previous = Int32Array.from(symbols, (_, position) => position - 1);
    // Rank first, then position, in one number.
    const queue = new PriorityQueue<number>((a, b) => a < b);
    const rankAt = (position: number): number | undefined => {
      const following = next[position] ?? length;
      if (following >= length) return undefined;
      return this.ranks.get((symbols[position] ?? unknownId) * this.vocabulary.size + (symbols[following] ?? unknownId));
    };
    const enqueue = (position: number) => {
      const rank = rankAt(position);
      if (rank !== undefined) queue.push(rank * length + position);
    };
    for (let position = 0; position < length; position++) enqueue(position);
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const position = key % length;
      const rank = (key - position) / length;
      const merge = this.merges[rank];
      // A merge since may have taken this position or its neighbour.
      if (merge === undefined || symbols[position] === gone || rankAt(position) !== rank) continue;
      const taken = next[position] ?? length;
      const following = next[taken] ?? length;
      symbols[position] = merge.merged;
      symbols[taken] = gone;
      next[position] = following;
      if (following < length) previous[following] = position;
      enqueue(position);
      const before = previous[position] ?? -1;
      if (before >= 0) enqueue(before);
    }
    const ids: number[] = [];
    for (let position = 0; position < length; position = next[position] ?? length) {
      const symbol = symbols[position] ?? unknownId;
      if (symbol !== unknownId) ids.push(symbol);
      else for (const byte of this.utf8.encode(characters[position])) ids.push(firstByteId + byte);
    }
    return ids;
  }
}

const gone = -1;

function isByte(id: number): boolean {
  return id >= firstByteId && id < firstTextId;
}

/** UTF-16 units of the character that a UTF-8 byte begins; 0 for a continuation byte. */
function utf16Width(byte: number): number {
  if (byte >= 0x80 && byte < 0xc0) return 0;
  return byte >= 0xf0 ? 2 : 1;
}
