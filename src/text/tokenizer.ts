/** Ids every vocabulary begins with, in every kind of tokenizer. */
export const specialTokens = ['<pad>', '<s>', '</s>', '<unk>'] as const;
export const padId = 0;
export const beginId = 1;
export const endId = 2;
export const unknownId = 3;

export interface Encoding {
  ids: number[];
  /**
   * Surface of each token in the normalised text, without the space before a word: UTF-16 offsets [start, end), two
   * numbers a token. Tokens that are bytes of one character all have that character's offsets.
   */
  offsets: number[];
}

/** Text to token ids and back. Saved as Hugging Face `tokenizer.json`. */
export interface Tokenizer {
  readonly kind: 'bpe' | 'word' | 'character';
  /** Number of ids, the four special tokens included. */
  readonly size: number;
  /** Normalises, then tokenizes. Never yields padId, beginId or endId, whatever the text contains. */
  encode(text: string): number[];
  encodeWithOffsets(text: string): Encoding;
  /**
   * Plain, detokenised text. Special tokens are left out, except `<unk>`, which is shown as ⁇ (U+2047) or as what
   * `unknown` gives for its position in `ids` (a word copied from the source, for example).
   */
  decode(ids: ArrayLike<number>, unknown?: (position: number) => string): string;
  /** The text that `encode` sees: NFC, spaces, optional lower-casing. */
  normalise(text: string): string;
  /** The token's string form in the vocabulary, e.g. for attention plots. */
  token(id: number): string;
  /** Contents for `tokenizer.json`; `loadTokenizer` gives the same tokenizer back. */
  toJson(): string;
}
