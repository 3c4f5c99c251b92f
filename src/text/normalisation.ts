/**
 * One form for all text that a person gives to a model: corpora, lines to translate, prefixes, dictionaries, n-best lists.
 * Every rule is one pattern in the syntax that JavaScript and Oniguruma share, so that what runs here is, letter for letter,
 * what is written into `tokenizer.json`. docs/decisions/tokenizers.md says which characters stay, and why.
 */

/** A model keeps the rules that it was trained with; `newest` are those of new ones. */
export const normalisations = [1, 2] as const;
export type Normalisation = (typeof normalisations)[number];
export const newest: Normalisation = 2;

export interface NormalisationOptions {
  /** Which rules. Default: the newest. */
  normalisation?: Normalisation;
  lowercase?: boolean;
}

/** What becomes what. */
type Rule = readonly [pattern: string, replacement: string];

const surrogates: Rule = [String.raw`\p{Cs}`, '\uFFFD'];

/** Scripts without spaces between words, in which a zero-width space ends one: Thai, Lao, Burmese, Khmer, Tai Tham. */
const unspaced = String.raw`[\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u1A20-\u1AAF\uA9E0-\uA9FF\uAA60-\uAA7F]`;

const dropped: Record<Normalisation, string> = {
  /** Control characters and byte-order marks. */
  1: String.raw`[\x00-\x08\x0E-\x1F\x7F\u0080-\u0084\u0086-\u009F\uFEFF]`,
  /** Also what says only where a line may break: soft hyphens, word joiners, zero-width spaces; and invisible operators. */
  2: String.raw`[\x00-\x08\x0E-\x1F\x7F\u0080-\u0084\u0086-\u009F\u00AD\u2060-\u2064\u206A-\u206F\uFEFF\uFFF9-\uFFFB]|\u200B(?!${unspaced})|(?<!${unspaced})\u200B`,
};

const spaces: Record<Normalisation, string> = {
  /** White space, except the no-break spaces U+00A0 and U+202F, which carry meaning (French punctuation, figures). */
  1: String.raw`[\t-\r\u0085\u1680\u2000-\u200A\u2028\u2029\u205F\u3000]`,
  /** The figure space U+2007 is such a space, too, and the ideographic space U+3000 is a character of Chinese and Japanese. */
  2: String.raw`[\t-\r\u0085\u1680\u2000-\u2006\u2008-\u200A\u2028\u2029\u205F]`,
};

/** Text in which there is nothing to see. U+2800 is a Braille cell without dots. */
const blank: Rule = [String.raw`^[\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800]+$`, ''];
const runOfSpaces: Rule = [' {2,}', ' '];
const spaceAtTheEnd: Rule = [' $', ''];
const spaceAtTheStart: Rule = ['^ ', ''];

/** What is replaced before text gets its case and its canonical form. */
const before: Record<Normalisation, readonly Rule[]> = {
  1: [surrogates, [dropped[1], ''], [spaces[1], ' ']],
  2: [surrogates, [dropped[2], ''], [spaces[2], ' ']],
};

const compiled = {
  before: { 1: before[1].map(expression), 2: before[2].map(expression) },
  /** The file of an older model does not say `blank`, but a line with nothing to see is an empty one to every model. */
  after: [blank, runOfSpaces, spaceAtTheEnd, spaceAtTheStart].map(expression),
};

function expression([pattern, replacement]: Rule): (text: string) => string {
  const everywhere = new RegExp(pattern, 'gu');
  return (text) => text.replace(everywhere, replacement);
}

/**
 * NFC; runs of white space become one space and none is left at the ends (no-break and ideographic spaces stay as they are);
 * control characters and marks of where a line may break are dropped; text with nothing to see is empty; halves of surrogate
 * pairs become U+FFFD; lower case when asked for. To normalise twice changes nothing.
 */
export function normalise(text: string, { normalisation = newest, lowercase = false }: NormalisationOptions = {}): string {
  if (!needsNormalisation.test(text)) return lowercase ? text.toLowerCase() : text;
  const visible = compiled.before[normalisation].reduce((all, replace) => replace(all), text);
  const composed = (lowercase ? visible.toLowerCase() : visible).normalize('NFC');
  return compiled.after.reduce((all, replace) => replace(all), composed);
}

/**
 * True of any text that the rules might change. Most lines have none of these: characters below U+0300 are in NFC, and
 * so is general punctuation.
 */
const needsNormalisation = /[^ -~\u00A0-\u00AC\u00AE-\u02FF\u2010-\u2027\u202F-\u205E\u20A0-\u20BF]|^ | {2}| $|^[\u00A0\u202F]+$/;

/** The same as steps of `tokenizer.json`, with a space before the text where `prefixed`. */
export function normalizerSteps({ normalisation = newest, lowercase = false }: NormalisationOptions, prefixed: boolean): object[] {
  const replace = ([pattern, content]: Rule) => ({ type: 'Replace', pattern: { Regex: pattern }, content });
  return [
    ...before[normalisation].map(replace),
    ...(lowercase ? [{ type: 'Lowercase' }] : []),
    { type: 'NFC' },
    ...(normalisation === 1 ? [] : [replace(blank)]),
    // Put before the spaces are collapsed, so that there is exactly one at the start, and none when nothing is left.
    ...(prefixed ? [{ type: 'Prepend', prepend: ' ' }] : []),
    replace(runOfSpaces),
    replace(spaceAtTheEnd),
    ...(prefixed ? [] : [replace(spaceAtTheStart)]),
  ];
}

const control = /[\p{Cc}\u2028\u2029]/gu;

/**
 * Text as one line to every reader: each control character and line end, of which bytes and people's own text may hold some,
 * is a space. Python's `splitlines`, `wc -l` and a terminal disagree about which of them end a line.
 */
export function oneLine(text: string): string {
  return text.replace(control, ' ');
}

const space = new RegExp(` |${spaces[newest]}`, 'u');

/** Where text without the white space at its ends lies; that which carries meaning is text. */
export function withoutOuterSpaces(text: string): { start: number; end: number } {
  const isSpace = (at: number) => space.test(text[at] as string);
  let [start, end] = [0, text.length];
  while (start < end && isSpace(start)) start++;
  while (start < end && isSpace(end - 1)) end--;
  return { start, end };
}
