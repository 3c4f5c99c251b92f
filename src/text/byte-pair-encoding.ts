import type { Pipeline } from './pipeline.js';
import { type Merge, PairMerging, PieceCache } from './pair-merging.js';
import type { Beginning, DecodeOptions, Encoding, VaryingTokenizer } from './tokenizer.js';
import { ownSpecialIds, specialTokens, unknownId } from './tokenizer.js';
import type { Vocabulary } from './vocabulary.js';

/** Id of the token of byte 0; those of the other bytes follow. They spell characters that the alphabet has not. */
export const firstByteId = specialTokens.length;
/** Id of the first token that is not a special token or a byte. */
export const firstTextId = firstByteId + 256;

export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/**
 * Byte-pair encoding (Sennrich, Haddow and Birch 2016, "Neural machine translation of rare words with subword units",
 * section 3.2) of characters, with bytes for characters that are not in the alphabet.
 */
export class BytePairTokenizer implements VaryingTokenizer {
  readonly kind = 'bpe';
  readonly special = ownSpecialIds;
  private readonly merging: PairMerging;
  private readonly cache = new PieceCache();
  private readonly utf8 = new TextEncoder();

  /** The vocabulary holds the special tokens, the 256 bytes, then characters and merged tokens. */
  constructor(
    private readonly pipeline: Pipeline,
    private readonly vocabulary: Vocabulary,
    merges: readonly Merge[],
  ) {
    this.merging = new PairMerging(merges, vocabulary.size);
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

  encodeVaried(text: string, isDropped: () => boolean): number[] {
    return this.pipeline.pieces(this.normalise(text)).flatMap((piece) => this.#merged(piece, isDropped));
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

  bytes(id: number): Uint8Array {
    if (isByte(id)) return Uint8Array.of(id - firstByteId);
    return this.utf8.encode(id < firstTextId ? '' : this.token(id));
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
      merges: this.merging.merges.map(({ left, right }) => [this.token(left), this.token(right)]),
    });
  }

  private encodePiece(piece: string): readonly number[] {
    return this.cache.idsOf(piece, (uncached) => this.#merged(uncached));
  }

  #merged(piece: string, isDropped?: () => boolean): number[] {
    const characters = Array.from(piece);
    // What the vocabulary lacks takes part in no merge, and bytes spell it.
    const spelt = characters.filter((character) => this.vocabulary.id(character) === undefined).values();
    const ids = characters.map((character) => this.vocabulary.id(character) ?? unknownId);
    return this.merging
      .apply(ids, isDropped)
      .flatMap((id) => (id === unknownId ? Array.from(this.utf8.encode(spelt.next().value), (byte) => firstByteId + byte) : [id]));
  }
}

function isByte(id: number): boolean {
  return id >= firstByteId && id < firstTextId;
}

/** UTF-16 units of the character that a UTF-8 byte begins; 0 for a continuation byte. */
function utf16Width(byte: number): number {
  if (byte >= 0x80 && byte < 0xc0) return 0;
  return byte >= 0xf0 ? 2 : 1;
}
