/**
 * What happens to text before and after the vocabulary: normalisation, splitting into pieces, joining again. What runs here
 * is, letter for letter, what is written into `tokenizer.json`.
 */
import { type Normalisation, newest, normalise, normalizerSteps, oneLine, withoutOuterSpaces } from './normalisation.js';

/** Joiners are format characters inside words of Persian and Indic scripts and inside emoji, U+180E inside Mongolian words. */
const letters: Record<Normalisation, string> = {
  1: String.raw`\p{L}\p{M}\u200C\u200D`,
  2: String.raw`\p{L}\p{M}\u200C\u200D\u180E`,
};
/** What words are made of, for a class of characters in a pattern. */
export const letter = letters[newest];

/**
 * How normalised text, with a space put before it, is split. Pieces tile the text, spaces included, so that joining
 * them gives it back; a word carries the space before it, so that it is the same token at the start of a sentence and
 * inside; an apostrophe inside a word goes with what stands before it (`l'|avion`, `don'|t`).
 */
const patterns = (letter: string) =>
  ({
    /** For byte-pair encoding: words, single digits (so that figures are spelt, not memorised), runs of the rest. */
    subwords: String.raw` ?[${letter}]+(?:['’](?=\p{L}))?| ?\p{N}| ?[^ ${letter}\p{N}]+| `,
    /** For vocabularies of words of plain text: words, figures, single marks. */
    punctuation: String.raw` ?[${letter}]+(?:['’](?=\p{L}))?| ?\p{N}+| ?[^ ${letter}\p{N}]| `,
    /** For text that has been tokenized already, as in 2014. */
    spaces: ' [^ ]+',
    characters: '.',
    /** Characters of text that is taken as it is, line ends included. */
    verbatim: String.raw`[\s\S]`,
  }) as const;

export type Segmentation = keyof ReturnType<typeof patterns>;

export interface TextPipelineOptions {
  segmentation: Segmentation;
  lowercase: boolean;
  normalisation: Normalisation;
}

export class Pipeline {
  /** 1 where a space is put before the text (see `patterns`), else 0. */
  readonly prefixLength: 0 | 1;
  readonly #pattern: string;
  readonly #expression: RegExp;

  constructor(readonly options: TextPipelineOptions) {
    this.prefixLength = options.segmentation === 'characters' || options.segmentation === 'verbatim' ? 0 : 1;
    this.#pattern = patterns(letters[options.normalisation])[options.segmentation];
    this.#expression = new RegExp(this.#pattern, 'gu');
  }

  /** See `normalise`. Verbatim text changes its case at most. */
  normalise(text: string): string {
    if (this.isVerbatim) return this.options.lowercase ? text.toLowerCase() : text;
    return normalise(text, this.options);
  }

  /** Whether text is taken as it is. */
  get isVerbatim(): boolean {
    return this.options.segmentation === 'verbatim';
  }

  /** Splits normalised text. Offsets in the pieces count the prefix. */
  pieces(normalised: string): string[] {
    if (normalised === '') return [];
    return (this.prefixLength === 1 ? ` ${normalised}` : normalised).match(this.#expression) ?? [];
  }

  /**
   * The beginning of a text, as it is to stand in front of what continues it: as it was given, but in one line, and without
   * spaces at its ends. Where characters are the pieces, one at the end stays: what follows need not bring its own. Verbatim text
   * begins as it is.
   */
  beginning(text: string): string {
    if (this.isVerbatim) return text;
    const line = oneLine(text);
    const { start, end } = withoutOuterSpaces(line);
    return line.slice(start, end) + (this.prefixLength === 0 && start < end && end < line.length ? ' ' : '');
  }

  /** Joined tokens to text: takes the prefix off. One line, unless the text is verbatim. */
  join(tokens: string): string {
    if (this.isVerbatim) return tokens;
    return oneLine(this.prefixLength === 1 && tokens.startsWith(' ') ? tokens.slice(1) : tokens);
  }

  /**
   * Contents of `tokenizer.json` (Hugging Face `tokenizers`) for a model behind this pipeline. The special tokens stand
   * in the vocabulary and not among `added_tokens`, which the reference looks for in the text itself: a sentence that
   * contains `</s>` would end there.
   */
  toJson(model: object): string {
    const file = { version: '1.0', truncation: null, padding: null, added_tokens: [], ...this.describe(), model };
    return `${JSON.stringify(file, null, 1)}\n`;
  }

  /** The parts of `tokenizer.json` beside the model. */
  describe(): { normalizer: object | null; pre_tokenizer: object; post_processor: null; decoder: object } {
    const prefixed = this.prefixLength === 1;
    const decoders = [
      ...(this.options.segmentation === 'subwords' ? [{ type: 'ByteFallback' }] : []),
      { type: 'Fuse' },
      ...(prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
    ];
    return {
      normalizer: this.#normalizer(),
      pre_tokenizer: { type: 'Split', pattern: { Regex: this.#pattern }, behavior: 'Isolated', invert: false },
      post_processor: null,
      decoder: { type: 'Sequence', decoders },
    };
  }

  #normalizer(): object | null {
    if (!this.isVerbatim) return { type: 'Sequence', normalizers: normalizerSteps(this.options, this.prefixLength === 1) };
    return this.options.lowercase ? { type: 'Lowercase' } : null;
  }
}
