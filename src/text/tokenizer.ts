/** Ids that every vocabulary of decade's own begins with, in every kind of tokenizer. */
export const specialTokens = ['<pad>', '<s>', '</s>', '<unk>'] as const;
export const padId = 0;
export const beginId = 1;
export const endId = 2;
export const unknownId = 3;

/** Which ids of a vocabulary mean something other than text. A vocabulary from elsewhere has them wherever it has them. */
export interface SpecialIds {
  /** What a target is begun with: `<s>`; of some models the padding, or the end of a text before. */
  readonly begin: number;
  /** `</s>`. */
  readonly end: number;
  /** `<unk>`; undefined where nothing is unknown. */
  readonly unknown?: number | undefined;
  /** What no text has: never written, whatever a model says. */
  readonly forbidden: readonly number[];
}

export const ownSpecialIds: SpecialIds = { begin: beginId, end: endId, unknown: unknownId, forbidden: [padId, beginId] };

export interface Encoding {
  ids: number[];
  /**
   * Surface of each token in the normalised text, without the space before a word: UTF-16 offsets [start, end), two
   * numbers a token. Tokens that are bytes of one character all have that character's offsets.
   */
  offsets: number[];
}

/** The beginning of a text, as a prefix that a translation must have. */
export interface Beginning {
  ids: number[];
  /** What the ids stand for, as it was given: no character of it is unknown, composed or in another case. */
  text: string;
}

export interface DecodeOptions {
  /** What stands for the `<unk>` at a position of the ids, e.g. a word copied from the source. Default: ⁇ (U+2047). */
  unknown?: ((position: number) => string) | undefined;
  /** What the ids begin with; its text is written in their place. */
  beginning?: Beginning | undefined;
}

/** A tokenizer that can also take words apart at random, as BPE-dropout does, so that a model meets many forms of each. */
export interface VaryingTokenizer extends Tokenizer {
  /** As `encode`, but merges only the pairs that `isDropped`, asked for each before each merge, leaves. */
  encodeVaried(text: string, isDropped: () => boolean): number[];
}

export function isVarying(tokenizer: Tokenizer): tokenizer is VaryingTokenizer {
  return 'encodeVaried' in tokenizer && tokenizer.kind !== 'bytes';
}

/** Text to token ids and back. Saved as `tokenizer.json`; those of decade's own kinds are files of Hugging Face's format. */
export interface Tokenizer {
  readonly kind: 'bpe' | 'word' | 'character' | 'byte-bpe' | 'bytes' | 'imported';
  /** Number of ids, the special tokens included. */
  readonly size: number;
  readonly special: SpecialIds;
  /** Normalises, then tokenizes. Never yields an id that begins or ends a target or is forbidden, whatever the text contains. */
  encode(text: string): number[];
  encodeWithOffsets(text: string): Encoding;
  /**
   * The beginning of a text that is to be continued, in one line and without spaces at its ends; where characters are the
   * tokens, a space at its end is one. Verbatim text is taken as it is. Undefined where there is nothing to begin with.
   */
  encodeBeginning(text: string): Beginning | undefined;
  /** Plain, detokenised text, in one line unless text is taken verbatim. Special tokens are left out, except `<unk>`. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** Whether a token says only that the vocabulary lacks a character or a word: `<unk>`, and a byte. */
  isUnknown(id: number): boolean;
  /** The text that `encode` sees: NFC, spaces, optional lower-casing; verbatim text as it is. */
  normalise(text: string): string;
  /** The UTF-8 that a token adds to a text, the space before a word included; it may be a part of a character. Empty for special tokens. */
  bytes(id: number): Uint8Array;
  /** The token's string form in the vocabulary, e.g. for attention plots. */
  token(id: number): string;
  /** Contents for `tokenizer.json`; `loadTokenizer` gives the same tokenizer back. */
  toJson(): string;
}
