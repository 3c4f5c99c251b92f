/**
 * What happens to text before and after the vocabulary: normalisation, splitting into pieces, joining again. Every rule
 * is one pattern in the syntax that JavaScript and Oniguruma share, so that what runs here is, letter for letter, what
 * is written into `tokenizer.json`.
 */

const surrogates = String.raw`\p{Cs}`;
const controls = String.raw`[\x00-\x08\x0E-\x1F\x7F\u0080-\u0084\u0086-\u009F\uFEFF]`;
/** White space, except the no-break spaces U+00A0 and U+202F, which carry meaning (French punctuation, figures). */
const spaces = String.raw`[\t-\r\u0085\u1680\u2000-\u200A\u2028\u2029\u205F\u3000]`;
const runOfSpaces = ' {2,}';
const spaceAtTheEnd = ' $';
const spaceAtTheStart = '^ ';

/** Joiners are format characters inside words of Persian and Indic scripts and inside emoji. */
const letter = String.raw`\p{L}\p{M}\u200C\u200D`;

/**
 * How normalised text, with a space put before it, is split. Pieces tile the text, spaces included, so that joining
 * them gives it back; a word carries the space before it, so that it is the same token at the start of a sentence and
 * inside; an apostrophe inside a word goes with what stands before it (`l'|avion`, `don'|t`).
 */
const patterns = {
  /** For byte-pair encoding: words, single digits (so that figures are spelt, not memorised), runs of the rest. */
  subwords: String.raw` ?[${letter}]+(?:['’](?=\p{L}))?| ?\p{N}| ?[^ ${letter}\p{N}]+| `,
  /** For vocabularies of words of plain text: words, figures, single marks. */
  punctuation: String.raw` ?[${letter}]+(?:['’](?=\p{L}))?| ?\p{N}+| ?[^ ${letter}\p{N}]| `,
  /** For text that has been tokenized already, as in 2014. */
  spaces: ' [^ ]+',
  characters: '.',
} as const;

export type Segmentation = keyof typeof patterns;

export interface PipelineOptions {
  segmentation: Segmentation;
  lowercase: boolean;
}

export class Pipeline {
  /** 1 where a space is put before the text (see `patterns`), else 0. */
  readonly prefixLength: 0 | 1;
  private readonly pattern: RegExp;

  constructor(readonly options: PipelineOptions) {
    this.prefixLength = options.segmentation === 'characters' ? 0 : 1;
    this.pattern = expression(patterns[options.segmentation]);
  }

  /**
   * NFC; runs of white space become one space and none is left at the ends (no-break spaces stay as they are); control
   * characters and byte-order marks are dropped; halves of surrogate pairs become U+FFFD; lower case when asked for.
   */
  normalise(text: string): string {
    if (!needsNormalisation.test(text)) return this.options.lowercase ? text.toLowerCase() : text;
    const visible = text.replace(everySurrogate, '\uFFFD').replace(everyControl, '').replace(everySpace, ' ');
    const cased = this.options.lowercase ? visible.toLowerCase() : visible;
    return cased.normalize('NFC').replace(everyRunOfSpaces, ' ').replace(lastSpace, '').replace(firstSpace, '');
  }

  /** Splits normalised text. Offsets in the pieces count the prefix. */
  pieces(normalised: string): string[] {
    if (normalised === '') return [];
    return (this.prefixLength === 1 ? ` ${normalised}` : normalised).match(this.pattern) ?? [];
  }

  /** Joined tokens to text: takes the prefix off. */
  join(tokens: string): string {
    return this.prefixLength === 1 && tokens.startsWith(' ') ? tokens.slice(1) : tokens;
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
  describe(): { normalizer: object; pre_tokenizer: object; post_processor: null; decoder: object } {
    const replace = (pattern: string, content: string) => ({ type: 'Replace', pattern: { Regex: pattern }, content });
    const prefixed = this.prefixLength === 1;
    const normalizers = [
      replace(surrogates, '\uFFFD'),
      replace(controls, ''),
      replace(spaces, ' '),
      ...(this.options.lowercase ? [{ type: 'Lowercase' }] : []),
      { type: 'NFC' },
      // Put before the spaces are collapsed, so that there is exactly one at the start, and none when nothing is left.
      ...(prefixed ? [{ type: 'Prepend', prepend: ' ' }] : []),
      replace(runOfSpaces, ' '),
      replace(spaceAtTheEnd, ''),
      ...(prefixed ? [] : [replace(spaceAtTheStart, '')]),
    ];
    const decoders = [
      ...(this.options.segmentation === 'subwords' ? [{ type: 'ByteFallback' }] : []),
      { type: 'Fuse' },
      ...(prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
    ];
    return {
      normalizer: { type: 'Sequence', normalizers },
      pre_tokenizer: { type: 'Split', pattern: { Regex: patterns[this.options.segmentation] }, behavior: 'Isolated', invert: false },
      post_processor: null,
      decoder: { type: 'Sequence', decoders },
    };
  }
}

function expression(pattern: string): RegExp {
  return new RegExp(pattern, 'gu');
}

const everySurrogate = expression(surrogates);
const everyControl = expression(controls);
const everySpace = expression(spaces);
const everyRunOfSpaces = expression(runOfSpaces);
const lastSpace = expression(spaceAtTheEnd);
const firstSpace = expression(spaceAtTheStart);

/**
 * True of any text that the rules might change. Most lines have none of these: characters below U+0300 are in NFC, and
 * so is general punctuation.
 */
const needsNormalisation = /[^ -~\u00A0-\u02FF\u2010-\u2027\u202F-\u205E\u20A0-\u20BF]|^ | {2}| $/;
