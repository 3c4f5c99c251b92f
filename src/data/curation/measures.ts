import { charactersIn, inForm, wordsOf } from './forms.js';

/** Figures of a line that say whether it is worth keeping. Undefined where a figure says nothing of this line. */
export type Sides = readonly string[];

export function fewestWords(sides: Sides): number {
  return least(sides.map((side) => wordsOf(side).length));
}

export function mostWords(sides: Sides): number {
  return greatest(sides.map((side) => wordsOf(side).length));
}

export function mostCharacters(sides: Sides): number {
  return greatest(sides.map(charactersIn));
}

/** Of short sides a ratio says little: as if each had so many more. */
const [moreWords, moreCharacters, moreMarks] = [2, 10, 2];

export function wordRatio(sides: Sides): number | undefined {
  return ratio(sides, (side) => wordsOf(side).length, moreWords);
}

export function characterRatio(sides: Sides): number | undefined {
  return ratio(sides, charactersIn, moreCharacters);
}

export function punctuationRatio(sides: Sides): number | undefined {
  return ratio(sides, (side) => side.match(/\p{P}/gu)?.length ?? 0, moreMarks);
}

/** Names make up much of a short sentence, so sides with fewer words are compared as a whole only. */
const fewestCompared = 4;

/** Words (with letters, case aside) that both sides have, over those of the longer one; 1 for sides that are the same. */
export function copiedShare([source, target]: Sides): number | undefined {
  if (source === undefined || target === undefined) return undefined;
  const [words, others] = [lettered(source), lettered(target)];
  if (words.length === 0 || others.length === 0) return undefined;
  if (inForm(source, 'letters') === inForm(target, 'letters')) return 1;
  if (Math.min(words.length, others.length) < fewestCompared) return undefined;
  return common(words, others) / Math.max(words.length, others.length);
}

function lettered(text: string): string[] {
  return wordsOf(text.toLowerCase())
    .map((word) => word.replace(/^\P{L}+|\P{L}+$/gu, ''))
    .filter((word) => word !== '');
}

const entities = /&(?:amp|lt|gt|quot|apos|nbsp|#\d+|#x[\da-f]+);/giu;
const tags = /<\/?[a-z][^<>]*>/giu;
/** Replacement and control characters, C1 ones too: text in Windows-1252 that was read as Latin-1. */
const broken = /\ufffd|(?![\t\r\n])\p{Cc}/gu;
/** Bytes 80 to BF of UTF-8 as Latin-1 and Windows-1252 show them. */
const continuation = '\\u0080-\\u009f\\u00a1-\\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ';
/**
 * UTF-8 that was read as Latin-1 or Windows-1252: `Ã©` for é, `â€™` for ’. A no-break space counts after Â and Ã only: in French it
 * stands between à and what follows.
 */
const misread = new RegExp(`[ÂÃ]\\u00a0|[ÂÃÄÅÎÏÐÑ][${continuation}]|[à-ï][${continuation}]{2}|ð[Ÿ\\u009f]`, 'gu');
/** What a letter became that an encoding lacked: `l?t`. */
const lost = /\p{L}\?\p{Ll}/gu;

/** Signs of damage: encodings that were mistaken, characters that were lost, what is left of a web page. */
export function damage(sides: Sides): number {
  return sides.reduce(
    (sum, side) => sum + [entities, tags, broken, misread, lost].reduce((found, sign) => found + (side.match(sign)?.length ?? 0), 0),
    0,
  );
}

/** Letters over characters other than white space, of the side with the smaller share. */
export function letterShare(sides: Sides): number | undefined {
  const shares = sides.flatMap((side) => {
    const characters = charactersIn(side.replace(/\s+/gu, ''));
    return characters === 0 ? [] : [(side.match(/[\p{L}\p{M}]/gu)?.length ?? 0) / characters];
  });
  return shares.length === 0 ? undefined : least(shares);
}

/** Numbers that both sides have, over those of the side that has more. Undefined where a side has none: it may spell them out. */
export function numbersInCommon([source, target]: Sides): number | undefined {
  if (source === undefined || target === undefined) return undefined;
  const [numbers, others] = [numbersOf(source), numbersOf(target)];
  if (numbers.length === 0 || others.length === 0) return undefined;
  return common(numbers, others) / Math.max(numbers.length, others.length);
}

/** Separators of thousands and decimals differ between languages, so digits that they part are one number. */
function numbersOf(text: string): string[] {
  return text.replace(/(?<=\d)[.,'’\u00a0\u202f ](?=\d{3}(?!\d))|(?<=\d)[.,](?=\d)/gu, '').match(/\d+/gu) ?? [];
}

/** Items of two lists that pair off. */
function common(items: readonly string[], others: readonly string[]): number {
  const left = new Map<string, number>();
  for (const item of items) left.set(item, (left.get(item) ?? 0) + 1);
  return others.filter((item) => {
    const count = left.get(item) ?? 0;
    left.set(item, count - 1);
    return count > 0;
  }).length;
}

function ratio([source, target]: Sides, measure: (side: string) => number, more: number): number | undefined {
  if (source === undefined || target === undefined) return undefined;
  const [a, b] = [measure(source) + more, measure(target) + more];
  return Math.max(a, b) / Math.min(a, b);
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
}

function greatest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}
