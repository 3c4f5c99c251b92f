import { firstBrokenByte } from '../core/utf8.js';
import { type Merge, PairMerging, PieceCache } from './pair-merging.js';
import type { Beginning, DecodeOptions, Encoding, Tokenizer, VaryingTokenizer } from './tokenizer.js';
import { ownSpecialIds, specialTokens, unknownId } from './tokenizer.js';
import type { Vocabulary } from './vocabulary.js';

/** Id of the token of byte 0; those of the other bytes follow, then merged tokens. */
const firstByteId = specialTokens.length;

/**
 * The character that stands for each byte in the vocabulary, as in GPT-2: itself where it can be seen, otherwise one from U+0100 on.
 * So a vocabulary is readable, and no token has a space or a control character.
 */
export const byteCharacters: readonly string[] = (() => {
  let unseen = 0x100;
  const isSeen = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isSeen(byte) ? byte : unseen++));
})();
export const byteOfCharacter = new Map(byteCharacters.map((character, byte) => [character, byte]));

/**
 * How GPT-2 splits text (Radford et al. 2019): contractions, words, figures and runs of the rest, each with the space before it. White
 * space is Unicode's, as in the implementations that models were trained with; JavaScript's `\s` has U+FEFF and lacks U+0085.
 */
export const byteLevelPattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder('utf-8', { ignoreBOM: true }) };

/** The pieces of a text as characters that stand for bytes. */
export function byteLevelPieces(text: string): string[] {
  return (text.match(byteLevelPattern) ?? []).map(written);
}

/** A tokenizer that loses nothing: any bytes come back, whether they are text or not. */
export interface ByteTokenizer extends Tokenizer {
  encodeBytes(bytes: Uint8Array): number[];
  /** Special tokens are left out. */
  decodeBytes(ids: ArrayLike<number>): Uint8Array;
}

export function isByteTokenizer(tokenizer: Tokenizer): tokenizer is ByteTokenizer {
  return tokenizer instanceof ByteLevelTokenizer;
}

/**
 * Byte-pair encoding of bytes, as GPT-2 has it (Radford et al. 2019, "Language models are unsupervised multitask learners", section
 * 2.2), or the bytes themselves. Text is taken as it is: nothing is normalised, no character is unknown.
 */
export class ByteLevelTokenizer implements ByteTokenizer, VaryingTokenizer {
  readonly special = ownSpecialIds;
  readonly #merging: PairMerging;
  readonly #cache = new PieceCache();

  /** The vocabulary holds the special tokens, the 256 bytes (see `byteCharacters`), then merged tokens: none for `bytes`. */
  constructor(
    readonly kind: 'bytes' | 'byte-bpe',
    private readonly vocabulary: Vocabulary,
    merges: readonly Merge[],
  ) {
    this.#merging = new PairMerging(merges, vocabulary.size);
  }

  get size(): number {
    return this.vocabulary.size;
  }

  /** Halves of surrogate pairs, which have no bytes, become U+FFFD. */
  normalise(text: string): string {
    return text.replace(/\p{Cs}/gu, '\uFFFD');
  }

  encode(text: string): number[] {
    if (this.kind === 'bytes') return Array.from(utf8.encoder.encode(text), (byte) => firstByteId + byte);
    return byteLevelPieces(text).flatMap((piece) => this.#cache.idsOf(piece, (uncached) => this.#merging.apply(this.#spelt(uncached))));
  }

  encodeVaried(text: string, isDropped: () => boolean): number[] {
    return byteLevelPieces(text).flatMap((piece) => this.#merging.apply(this.#spelt(piece), isDropped));
  }

  encodeBytes(bytes: Uint8Array): number[] {
    if (this.kind === 'bytes') return Array.from(bytes, (byte) => firstByteId + byte);
    const ids: number[] = [];
    for (const stretch of utf8Stretches(bytes)) {
      for (const id of typeof stretch === 'string' ? this.encode(stretch) : [firstByteId + stretch]) ids.push(id);
    }
    return ids;
  }

  encodeWithOffsets(text: string): Encoding {
    const normalised = this.normalise(text);
    // Where the character of every byte begins and ends.
    const [starts, ends]: [number[], number[]] = [[], []];
    let position = 0;
    for (const character of normalised) {
      const end = position + character.length;
      for (let byte = utf8.encoder.encode(character).length; byte > 0; byte--) {
        starts.push(position);
        ends.push(end);
      }
      position = end;
    }
    const encoding: Encoding = { ids: this.encode(normalised), offsets: [] };
    let byte = 0;
    for (const id of encoding.ids) {
      const { length } = this.token(id);
      const isSpaceBeforeWord = length > 1 && this.token(id).startsWith(byteCharacters[0x20] as string);
      encoding.offsets.push(starts[byte + (isSpaceBeforeWord ? 1 : 0)] as number, ends[byte + length - 1] as number);
      byte += length;
    }
    return encoding;
  }

  encodeBeginning(text: string): Beginning | undefined {
    const beginning = this.normalise(text);
    return beginning === '' ? undefined : { ids: this.encode(beginning), text: beginning };
  }

  decode(ids: ArrayLike<number>, { unknown }: DecodeOptions = {}): string {
    return utf8.decoder.decode(this.#bytesOf(ids, (position) => utf8.encoder.encode(unknown?.(position) ?? '⁇')));
  }

  decodeBytes(ids: ArrayLike<number>): Uint8Array {
    return this.#bytesOf(ids, () => []);
  }

  isUnknown(id: number): boolean {
    return id === unknownId;
  }

  bytes(id: number): Uint8Array {
    return this.decodeBytes([id]);
  }

  token(id: number): string {
    return this.vocabulary.token(id);
  }

  toJson(): string {
    const model = {
      ...byteLevelModel,
      vocab: this.vocabulary.toJson(),
      merges: this.#merging.merges.map(({ left, right }) => [this.token(left), this.token(right)]),
    };
    return `${JSON.stringify({ ...byteLevelRules[this.kind], model }, null, 1)}\n`;
  }

  #spelt(piece: string): number[] {
    return Array.from(piece, (character) => firstByteId + (byteOfCharacter.get(character) as number));
  }

  #bytesOf(ids: ArrayLike<number>, unknown: (position: number) => Iterable<number>): Uint8Array {
    const bytes: number[] = [];
    for (let position = 0; position < ids.length; position++) {
      const id = ids[position] as number;
      if (id === unknownId) bytes.push(...unknown(position));
      else if (id >= firstByteId) for (const character of this.token(id)) bytes.push(byteOfCharacter.get(character) as number);
      else this.token(id);
    }
    return Uint8Array.from(bytes);
  }
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
const rules = (use_regex: boolean) => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { ...byteLevel, use_regex },
  post_processor: null,
  decoder: { ...byteLevel, use_regex },
});

/** All of `tokenizer.json` (Hugging Face `tokenizers`) but the model. */
export const byteLevelRules = { bytes: rules(false), 'byte-bpe': rules(true) } as const;

/** The model of `tokenizer.json` but vocabulary and merges. */
export const byteLevelModel = {
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
} as const;

/** Bytes as stretches of valid UTF-8, and the bytes between them that are none. */
export function* utf8Stretches(bytes: Uint8Array): Generator<string | number> {
  for (let start = 0; start < bytes.length; ) {
    const rest = bytes.subarray(start);
    const end = firstBrokenByte(rest);
    if (end > 0) yield utf8.decoder.decode(rest.subarray(0, end));
    if (end < rest.length) yield rest[end] as number;
    start += end + 1;
  }
}

function written(piece: string): string {
  let characters = '';
  for (const byte of utf8.encoder.encode(piece)) characters += byteCharacters[byte];
  return characters;
}
