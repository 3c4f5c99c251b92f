import { DecadeError } from '../../core/errors.js';
import { folded, isBoundary, matchesAt, type Phrase, phraseOf } from './phrase.js';
import type { PhraseChoice } from './sentence-phrases.js';

interface Term {
  readonly phrase: Phrase;
  /** Forms of which one must appear. */
  readonly forms: string[];
  readonly forbidden: string[];
}

export interface GlossaryOptions {
  /** Of the file, for messages. Default: `glossary`. */
  readonly name?: string | undefined;
  /** Between the columns. Default: `\t`. */
  readonly separator?: '\t' | ',' | undefined;
  /** Called with each line that cannot be used; without it such a line is an error. */
  readonly onBadLine?: ((error: DecadeError) => void) | undefined;
}

/**
 * Terms of a source text and how they are translated, a line each:
 *
 *     term <tab> form|another form <tab> forbidden form|another
 *
 * Where a line has the term, its translation must have one of the forms and none of the forbidden ones; a form with `!` before it is
 * forbidden, too. Fields with separators stand in double quotes, as in CSV. Lines of one term add up; empty ones and those that begin
 * with `#` are passed over.
 *
 * Terms are whole words, those in small letters of any case, those with a capital as they are written. Of terms that begin at the
 * same word the longest counts, and those inside it do not.
 */
export class Glossary {
  /** By the first character, its case aside; longest first. */
  readonly #terms = new Map<string, Term[]>();
  #count = 0;

  /** @throws DecadeError `input` for a line that cannot be used, unless `onBadLine` takes it */
  constructor(lines: Iterable<string>, { name = 'glossary', separator = '\t', onBadLine }: GlossaryOptions = {}) {
    let number = 0;
    for (const line of lines) {
      number++;
      if (line.trim() === '' || line.startsWith('#')) continue;
      try {
        this.#add(fieldsOf(line, separator), `${name}: line ${number}`);
      } catch (error) {
        if (onBadLine === undefined || !(error instanceof DecadeError)) throw error;
        onBadLine(error);
      }
    }
    for (const terms of this.#terms.values()) terms.sort((a, b) => b.phrase.text.length - a.phrase.text.length);
  }

  /** Terms. */
  get size(): number {
    return this.#count;
  }

  /** What the translation of a line must and must not have. */
  phrasesOf(line: string): Required<PhraseChoice> {
    const characters = Array.from(line.normalize('NFC'));
    const found = new Set<Term>();
    for (let at = 0; at < characters.length; ) {
      const terms = isBoundary(characters, at) ? this.#terms.get(folded(characters[at] as string)) : undefined;
      const term = terms?.find(({ phrase }) => matchesAt(characters, at, phrase));
      if (term !== undefined) found.add(term);
      at += term === undefined ? 1 : Array.from(term.phrase.text).length;
    }
    return {
      must: [...found].filter(({ forms }) => forms.length > 0).map(({ forms }) => forms),
      mustNot: [...found].flatMap(({ forbidden }) => forbidden),
    };
  }

  #add(fields: readonly string[] | undefined, where: string): void {
    const wrong = (received: string) =>
      new DecadeError('input', {
        where,
        received,
        allowed: 'a term, its forms, and forbidden forms if there are any',
        next: 'separate forms by |',
      });
    if (fields === undefined) throw wrong('a quotation mark that is not closed');
    const [term = '', targets, forbidden = '', ...more] = fields.map((field) => field.trim().normalize('NFC'));
    if (targets === undefined || more.length > 0) throw wrong(`${fields.length} ${fields.length === 1 ? 'column' : 'columns'}`);
    if (term === '') throw wrong('no term');
    const forms = formsOf(targets);
    const [wanted, unwanted] = [forms.filter((form) => !form.startsWith('!')), forms.filter((form) => form.startsWith('!'))];
    const never = [...formsOf(forbidden), ...formsOf(unwanted.map((form) => form.slice(1)).join('|'))];
    if (wanted.length + never.length === 0) throw wrong('no form');
    const phrase = phraseOf(term);
    // The small letter of one character may be two: that of İ.
    const first = folded(Array.from(term)[0] as string);
    const terms = this.#terms.get(first) ?? [];
    this.#terms.set(first, terms);
    let known = terms.find((other) => other.phrase.text === term);
    if (known === undefined) {
      known = { phrase, forms: [], forbidden: [] };
      terms.push(known);
      this.#count++;
    }
    known.forms.push(...wanted);
    known.forbidden.push(...never);
  }
}

function formsOf(field: string): string[] {
  return field
    .split('|')
    .map((form) => form.trim())
    .filter((form) => form !== '');
}

/** The fields of a line; undefined where a quotation mark is left open. In a quoted field two of them are one. */
function fieldsOf(line: string, separator: string): string[] | undefined {
  const fields: string[] = [];
  for (let at = 0; ; at++) {
    if (line[at] === '"') {
      const quoted = /^"((?:[^"]|"")*)"/.exec(line.slice(at));
      if (quoted === null) return undefined;
      fields.push((quoted[1] as string).replaceAll('""', '"'));
      at += quoted[0].length;
      if (at < line.length && line[at] !== separator) return undefined;
    } else {
      const end = line.indexOf(separator, at);
      fields.push(line.slice(at, end < 0 ? undefined : end));
      at = end < 0 ? line.length : end;
    }
    if (at >= line.length) return fields;
  }
}
