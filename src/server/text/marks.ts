import type { TextSpan } from '../../decoding/alignment.js';

/**
 * What a text carries besides its words: an element round some of them or, where start and end are the same, something that stands
 * between them untranslated. Marks are in the order of their beginnings, properly nested.
 */
export interface Mark {
  readonly start: number;
  readonly end: number;
  /** Written before, as it was. */
  readonly open: string;
  /** Written behind. */
  readonly close: string;
}

/** A text without its marks, and these. */
export interface MarkedText {
  readonly plain: string;
  readonly marks: readonly Mark[];
}

/** What comes from where: spans of a translation, and of what was translated. */
export type Alignment = readonly { readonly target: TextSpan; readonly source: TextSpan }[];

/** {{name}}, ${name}, %1$s, %(name)s, %d, {0}, {count, plural, one {...} other {...}}, and tags of other systems: <x id="1"/>. */
const placeholder =
  /\{\{[^{}]*\}\}|\$\{[^{}]*\}|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|%(?:\d+\$)?[-+0#]*\d*(?:\.\d+)?(?:l{0,2}|h{0,2})[sdifuxXcgeo@](?![\p{L}])|%\([\w.]+\)[sdif]|<\/?[a-z][\w.:-]*(?:\s[^<>]*)?\/?>/giu;

/** Takes placeholders out of a text. */
export function withoutPlaceholders(text: string): MarkedText {
  const marks: Mark[] = [];
  let plain = '';
  let from = 0;
  for (const { 0: open, index } of text.matchAll(placeholder)) {
    plain += text.slice(from, index);
    from = index + open.length;
    const given = insertion(plain, open, text.slice(from));
    plain = given.plain;
    from += given.taken;
    marks.push({ start: plain.length, end: plain.length, open: given.open, close: '' });
  }
  return { plain: plain + text.slice(from), marks };
}

/** What stands between words takes one of the spaces round it along, so that the words left are written as without it. */
export function insertion(before: string, open: string, after: string): { plain: string; open: string; taken: number } {
  if (before.endsWith(' ') && !beginsWord(after)) return { plain: before.slice(0, -1), open: ` ${open}`, taken: 0 };
  const taken = before === '' && after.startsWith(' ') ? 1 : 0;
  return { plain: before, open: taken === 1 ? `${open} ` : open, taken };
}

/** Whether a space is needed between a word and this text. */
export function beginsWord(text: string): boolean {
  return /^[\p{L}\p{N}]/u.test(text);
}

interface Placed extends Mark {
  readonly children: Placed[];
  /** In the translation. */
  from: number;
  to: number;
}

/** A word of a translation, and the middle of where it comes from. */
interface AlignedWord {
  readonly start: number;
  readonly end: number;
  readonly source: number;
}

/** Words, and marks of punctuation each by itself. */
const word = /[\p{L}\p{N}\p{M}]+(?:['’-][\p{L}\p{N}\p{M}]+)*|[^\s\p{L}\p{N}\p{M}]/gu;

/**
 * Writes the marks of a text into its translation: an element round the words that come from those that it held, everything else behind
 * the word that it followed. Every mark is written exactly once, and nested as it was.
 */
export function placeMarks({ marks }: MarkedText, translation: string, alignment: Alignment, asWritten: (text: string) => string): string {
  const words = [...translation.matchAll(word)].map(({ 0: text, index }) => alignedWord(index, index + text.length, alignment));
  const root: Placed = { start: 0, end: Infinity, open: '', close: '', children: [], from: 0, to: translation.length };
  const path = [root];
  for (const mark of marks) {
    while (path.length > 1 && !holds(path.at(-1) as Placed, mark)) path.pop();
    const placed: Placed = { ...mark, children: [], from: 0, to: 0 };
    path.at(-1)?.children.push(placed);
    if (mark.end > mark.start) path.push(placed);
  }
  place(root, words);
  return write(root, translation, asWritten);
}

function holds(outer: Mark, inner: Mark): boolean {
  return outer.start <= inner.start && inner.end <= outer.end && !(inner.start === outer.end && inner.end === inner.start);
}

function alignedWord(start: number, end: number, alignment: Alignment): AlignedWord {
  let best = { overlap: 0, source: -1 };
  for (const { target, source } of alignment) {
    const overlap = Math.min(end, target[1]) - Math.max(start, target[0]);
    if (overlap > best.overlap) best = { overlap, source: (source[0] + source[1]) / 2 };
  }
  return { start, end, source: best.source };
}

function place(parent: Placed, words: readonly AlignedWord[]): void {
  const inside = words.filter(({ start, end }) => start >= parent.from && end <= parent.to);
  const taken: Placed[] = [];
  const isFree = ({ start, end }: AlignedWord) => taken.every((other) => end <= other.from || start >= other.to);
  for (const child of parent.children.filter(({ start, end }) => end > start)) {
    const run = longestRun(inside, (each) => each.source >= child.start && each.source < child.end && isFree(each), isFree);
    if (run === undefined) {
      child.from = child.to = after(parent, inside, child.start, taken);
      continue;
    }
    [child.from, child.to] = run;
    taken.push(child);
    place(child, words);
  }
  for (const child of parent.children.filter(({ start, end }) => end === start)) {
    child.from = child.to = after(parent, inside, child.start, taken);
  }
  // What was not given words keeps its children all the same.
  for (const child of parent.children) if (child.from === child.to) place(child, []);
  parent.children.sort((a, b) => a.from - b.from || a.to - b.to);
}

/** From the first to the last wanted word if most between them are wanted and all are free; else the longest row of wanted ones. */
function longestRun(words: readonly AlignedWord[], wants: (word: AlignedWord) => boolean, isFree: (word: AlignedWord) => boolean) {
  const first = words.findIndex(wants);
  const last = words.findLastIndex(wants);
  if (first < 0) return undefined;
  const between = words.slice(first, last + 1);
  if (between.every(isFree) && 2 * between.filter(wants).length >= between.length) return spanOf(between);
  let [longest, run]: [AlignedWord[], AlignedWord[]] = [[], []];
  for (const each of between) {
    run = wants(each) ? [...run, each] : [];
    if (run.length > longest.length) longest = run;
  }
  return spanOf(longest);
}

function spanOf(words: readonly AlignedWord[]): [number, number] {
  return [words[0]?.start ?? 0, words.at(-1)?.end ?? 0];
}

/** Behind the word that comes from the last one before `at`, and never within an element that holds words. */
function after(parent: Placed, words: readonly AlignedWord[], at: number, taken: readonly Placed[]): number {
  let best: AlignedWord | undefined;
  for (const each of words) if (each.source >= parent.start && each.source < at && each.source >= (best?.source ?? 0)) best = each;
  const position = best?.end ?? parent.from;
  const round = taken.find(({ from, to }) => from < position && position < to);
  return round === undefined ? position : round.to;
}

function write({ from, to, children }: Placed, translation: string, asWritten: (text: string) => string): string {
  let written = '';
  let position = from;
  for (const child of children) {
    written += asWritten(translation.slice(position, Math.max(position, child.from))) + child.open;
    written += write(child, translation, asWritten) + child.close;
    position = Math.max(position, child.to);
  }
  return written + asWritten(translation.slice(position, to));
}
