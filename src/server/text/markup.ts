import { Parser } from 'htmlparser2';
import { beginsWord, insertion, type Mark, type MarkedText, withoutPlaceholders } from './marks.js';
import { Refusal } from '../refusal.js';

/** A stretch of a page: markup that is copied, or text that is translated with the elements inside it. */
export type PageStretch = { readonly kind: 'copy'; readonly text: string } | { readonly kind: 'text'; readonly text: MarkedText };

const names = (list: string): ReadonlySet<string> => new Set(list.split(' '));

/** Elements that end a sentence. Any other, known or not, stands within one. */
const blocks = names(
  'address article aside base blockquote body br caption center col colgroup dd details dialog dir div dl dt embed fieldset figcaption ' +
    'figure footer form frame frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li link main map area menu meta nav noframes ol ' +
    'optgroup option p param search section source summary table tbody td tfoot th thead title tr track ul',
);
/** Elements whose content is not language: those within a sentence, and those that end one. */
const opaqueInline = names('code kbd samp var img svg math input wbr picture');
const opaqueBlocks = names('pre script style textarea template noscript head iframe object video audio canvas select');
const empty = names('area base br col embed hr img input link meta param source track wbr');

/** What is to be made of elements by their names, in lower case, whatever HTML says of them. */
export interface TagHandling {
  /** Their content is not language. */
  readonly ignored?: readonly string[] | undefined;
  /** They end a sentence. */
  readonly splitting?: readonly string[] | undefined;
  /** They stand within a sentence. */
  readonly nonSplitting?: readonly string[] | undefined;
}

/** Elements that may stand within each other: pages have a dozen. */
const deepest = 256;

interface OpenElement {
  readonly name: string;
  readonly at: number;
  /** Place of its mark in the text; undefined where it was ended by a block within it. */
  mark: { index: number } | undefined;
}

/** Cuts HTML into stretches. What is copied, and the tags of marks, are the page's own characters: nothing is written anew but text. */
export function stretchesOfPage(html: string, tags: TagHandling = {}): PageStretch[] {
  const page = new Page(html, tags);
  const parser: Parser = new Parser(
    {
      onopentag: (name, attributes, isImplied) =>
        page.open(name, attributes, isImplied ? undefined : [parser.startIndex, parser.endIndex + 1]),
      onclosetag: (name, isImplied) => page.close(name, isImplied ? undefined : [parser.startIndex, parser.endIndex + 1]),
      ontext: (text) => page.text(text),
      oncomment: () => page.insert(parser.startIndex, parser.endIndex + 1),
      onprocessinginstruction: () => page.insert(parser.startIndex, parser.endIndex + 1),
    },
    { decodeEntities: true, lowerCaseTags: true, recognizeSelfClosing: true },
  );
  parser.end(html);
  // A tag that the page ends in the middle of is told to nobody.
  return page.end(parser.endIndex);
}

/** The text as it stands in HTML. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\u00a0', '&nbsp;');
}

class Page {
  readonly #html: string;
  readonly #tags: TagHandling;
  readonly #stretches: PageStretch[] = [];
  #plain = '';
  #marks: Mark[] = [];
  readonly #path: OpenElement[] = [];
  /** An element whose content is copied, while it lasts. */
  #opaque: { readonly name: string; readonly at: number; depth: number; readonly isInline: boolean } | undefined;

  constructor(html: string, tags: TagHandling) {
    this.#html = html;
    this.#tags = tags;
  }

  /** `span`: the tag's characters; undefined for one that the page only implies. */
  open(name: string, attributes: Readonly<Record<string, string>>, span: readonly [number, number] | undefined): void {
    if (this.#opaque !== undefined) {
      if (this.#opaque.name === name && span !== undefined) this.#opaque.depth++;
      return;
    }
    if (span === undefined) return;
    const isProtected = attributes.translate === 'no' || (attributes.class ?? '').split(/\s+/).includes('notranslate');
    const isInline = this.#isInline(name);
    if (isProtected || this.#isOpaque(name)) {
      if (!empty.has(name)) this.#opaque = { name, at: span[0], depth: 1, isInline };
      else this.#copyOrInsert(span[0], span[1], isInline);
    } else if (isInline) {
      if (this.#path.length === deepest) throw new Refusal(400, `Elements within each other: at most ${deepest}`);
      this.#path.push({ name, at: span[0], mark: { index: this.#marks.length } });
      this.#marks.push({ start: this.#plain.length, end: Infinity, open: this.#html.slice(...span), close: '' });
    } else {
      this.#copy(span[0], span[1]);
    }
  }

  close(name: string, span: readonly [number, number] | undefined): void {
    if (this.#opaque !== undefined) {
      if (this.#opaque.name !== name || --this.#opaque.depth > 0) return;
      const { at, isInline } = this.#opaque;
      this.#opaque = undefined;
      this.#copyOrInsert(at, span?.[1] ?? this.#html.length, isInline);
      return;
    }
    const element = this.#path.findLastIndex((open) => open.name === name);
    if (element < 0) {
      if (span !== undefined && !empty.has(name)) this.#copyOrInsert(span[0], span[1], this.#isInline(name));
      return;
    }
    const [{ at, mark } = { at: 0, mark: undefined }] = this.#path.splice(element, 1);
    if (mark === undefined) {
      if (span !== undefined) this.#copy(span[0], span[1]);
      return;
    }
    const { start, open } = this.#marks[mark.index] as Mark;
    const close = span === undefined ? '' : this.#html.slice(...span);
    if (this.#plain.length > start) this.#marks[mark.index] = { start, end: this.#plain.length, open, close };
    else {
      // Without words of its own it stands where it stood, with all that is in it.
      this.#marks.length = mark.index;
      this.insert(at, span?.[1] ?? at + open.length);
    }
  }

  text(text: string): void {
    if (this.#opaque !== undefined) return;
    const collapsed = text.replace(/[^\S\u00a0]+/gu, ' ');
    if (!/[^\s]/u.test(collapsed) && this.#plain.trim() === '' && this.#marks.length === 0) {
      this.#stretches.push({ kind: 'copy', text });
      return;
    }
    const { plain, marks } = withoutPlaceholders(collapsed);
    if (beginsWord(plain)) this.#giveSpaceBack();
    const before = this.#plain.length;
    this.#plain += plain;
    for (const mark of marks)
      this.#marks.push({ ...mark, start: mark.start + before, end: mark.end + before, open: escapeText(mark.open) });
  }

  /** What stands between words. */
  insert(from: number, to: number): void {
    if (this.#opaque !== undefined) return;
    if (this.#plain.trim() === '' && this.#marks.length === 0) {
      this.#copy(from, to);
      return;
    }
    const { plain, open } = insertion(this.#plain, this.#html.slice(from, to), '');
    // A space that an element begins with stays in it.
    const isHeld = this.#marks.some(({ start, end }) => end === Infinity && start > plain.length);
    if (!isHeld) this.#plain = plain;
    const place = this.#plain.length;
    this.#marks.push({ start: place, end: place, open: isHeld ? this.#html.slice(from, to) : open, close: '' });
  }

  /** The space that an insertion took along parts two words after all. */
  #giveSpaceBack(): void {
    const place = this.#plain.length;
    const taker = this.#marks.findIndex(({ start, end, open }) => start === place && end === place && open.startsWith(' '));
    if (taker < 0) return;
    this.#plain += ' ';
    this.#marks = this.#marks.map((mark, index) => {
      if (index < taker) return mark;
      return { ...mark, start: mark.start + 1, end: mark.end + 1, open: index === taker ? mark.open.slice(1) : mark.open };
    });
  }

  /** @param until  what comes after was not read */
  end(until: number): PageStretch[] {
    if (this.#opaque !== undefined) {
      const { at } = this.#opaque;
      this.#opaque = undefined;
      this.#copy(at, this.#html.length);
    } else if (until < this.#html.length) {
      this.#copy(until, this.#html.length);
    }
    this.#flush();
    return this.#stretches;
  }

  #isInline(name: string): boolean {
    const { splitting, nonSplitting } = this.#tags;
    if (splitting?.includes(name)) return false;
    return nonSplitting?.includes(name) || !(blocks.has(name) || opaqueBlocks.has(name));
  }

  #isOpaque(name: string): boolean {
    return opaqueInline.has(name) || opaqueBlocks.has(name) || this.#tags.ignored?.includes(name) === true;
  }

  #copyOrInsert(from: number, to: number, isInline: boolean): void {
    if (isInline) this.insert(from, to);
    else this.#copy(from, to);
  }

  #copy(from: number, to: number): void {
    this.#flush();
    this.#stretches.push({ kind: 'copy', text: this.#html.slice(from, to) });
  }

  #flush(): void {
    for (const element of this.#path) element.mark = undefined;
    const marks = this.#marks.map((mark) => (mark.end === Infinity ? { ...mark, end: this.#plain.length } : mark));
    if (this.#plain !== '' || marks.length > 0) this.#stretches.push({ kind: 'text', text: { plain: this.#plain, marks } });
    this.#plain = '';
    this.#marks = [];
  }
}
