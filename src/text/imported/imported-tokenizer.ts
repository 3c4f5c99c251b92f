import { oneLine, withoutOuterSpaces } from '../normalisation.js';
import type { Beginning, DecodeOptions, Encoding, SpecialIds, Tokenizer } from '../tokenizer.js';
import type { Codec } from './codec.js';
import { importedFormat } from './format.js';
import type { TokenTable } from './token-table.js';

/**
 * How text may name a token that no text is cut into, such as the language to translate into: `>>fr<<` at the very beginning (Marian),
 * `__fr__` at the very beginning (M2M100), or any of these tokens anywhere (added tokens of `tokenizer.json`).
 */
export type NamedTokens = 'marian' | 'm2m100' | readonly string[];

/** What is left of a text after its tokens were named: stretches that are cut, and named tokens. */
type Stretch = { readonly token: string } | { readonly text: string };

const leading = { marian: /^>>.+<</, m2m100: /^__[a-z_]+__ ?/ } as const;

/** What a file of an imported tokenizer holds beside the codec's own part. */
export interface ImportedTokenizerParts {
  readonly codec: Codec;
  readonly table: TokenTable;
  readonly special: SpecialIds;
  readonly named: NamedTokens;
  /** Whether a text is one line: of a model that translates lines. */
  readonly lines: boolean;
  /** The codec and the table as they are saved. */
  readonly saved: Readonly<Record<string, unknown>>;
}

/** A tokenizer of a model from elsewhere: its tokens, its ids, its way to cut text. */
export class ImportedTokenizer implements Tokenizer {
  readonly kind = 'imported';
  readonly special: SpecialIds;
  readonly #parts: ImportedTokenizerParts;
  /** Tokens that are no text. */
  readonly #silent: ReadonlySet<number>;
  readonly #namedPattern: RegExp | undefined;

  constructor(parts: ImportedTokenizerParts) {
    this.#parts = parts;
    this.special = parts.special;
    const { begin, end, forbidden, unknown } = parts.special;
    this.#silent = new Set([begin, end, ...forbidden].filter((id) => id !== unknown));
    const { named } = parts;
    if (typeof named !== 'string' && named.length > 0) {
      const longestFirst = [...named].sort((a, b) => b.length - a.length);
      this.#namedPattern = new RegExp(longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'gu');
    }
  }

  get size(): number {
    return this.#parts.table.size;
  }

  /** The codec and the table as they are saved: what an export gives back. */
  get saved(): ImportedTokenizerParts['saved'] {
    return this.#parts.saved;
  }

  encode(text: string): number[] {
    return this.encodeWithOffsets(text).ids;
  }

  encodeWithOffsets(text: string): Encoding {
    const { codec } = this.#parts;
    const encoding: Encoding = { ids: [], offsets: [] };
    const add = (token: string, start: number, end: number): void => {
      const id = this.#idOf(token);
      if (id === undefined) return;
      encoding.ids.push(id);
      encoding.offsets.push(start, end);
    };
    let position = 0;
    for (const [index, stretch] of this.#stretches(text).entries()) {
      if ('token' in stretch) {
        add(stretch.token, position, position + stretch.token.length);
        position += stretch.token.length;
        continue;
      }
      const normalised = codec.normalise(stretch.text, index === 0);
      const taken = this.#takenOff(normalised, position);
      for (const { token, start, end } of codec.cut(normalised)) {
        const isSpaceBeforeWord = end - start > codec.space.length && normalised.startsWith(codec.space, start);
        const first = position + start + (isSpaceBeforeWord ? codec.space.length : 0) - taken;
        add(token, Math.max(position, first), Math.max(position, position + end - taken));
      }
      position += normalised.length - taken;
    }
    return encoding;
  }

  encodeBeginning(text: string): Beginning | undefined {
    const beginning = this.#parts.lines ? trimmed(oneLine(text)) : text;
    const ids = this.encode(beginning);
    return ids.length === 0 ? undefined : { ids, text: beginning };
  }

  decode(ids: ArrayLike<number>, { unknown, beginning }: DecodeOptions = {}): string {
    const { codec, table, lines } = this.#parts;
    let text = beginning?.text ?? '';
    let run: string[] = [];
    const flush = (): void => {
      text += codec.join(run, text !== '');
      run = [];
    };
    for (let position = beginning?.ids.length ?? 0; position < ids.length; position++) {
      const id = ids[position] as number;
      const token = table.token(id);
      if (id === this.special.unknown) {
        flush();
        text += `${text === '' || text.endsWith(' ') ? '' : ' '}${unknown?.(position) ?? '⁇'}`;
      } else if (token !== undefined && !this.#silent.has(id)) run.push(token);
    }
    flush();
    return lines ? oneLine(text) : text;
  }

  isUnknown(id: number): boolean {
    return id === this.special.unknown || this.#parts.codec.isByte(this.token(id));
  }

  /** The text that is cut, with spaces as spaces, and named tokens where they stood. */
  normalise(text: string): string {
    const { codec } = this.#parts;
    let normalised = '';
    for (const [index, stretch] of this.#stretches(text).entries()) {
      if ('token' in stretch) normalised += stretch.token;
      else {
        const part = codec.normalise(stretch.text, index === 0);
        normalised += part.slice(this.#takenOff(part, normalised.length)).replaceAll(codec.space, ' ');
      }
    }
    return normalised;
  }

  bytes(id: number): Uint8Array {
    const token = this.#parts.table.token(id);
    return token === undefined || id === this.special.unknown || this.#silent.has(id) ? new Uint8Array() : this.#parts.codec.bytes(token);
  }

  token(id: number): string {
    return this.#parts.table.token(id) ?? `<unused ${id}>`;
  }

  toJson(): string {
    const { special, named, lines, saved } = this.#parts;
    return `${JSON.stringify({ format: importedFormat, version: 1, special, named, lines, ...saved })}\n`;
  }

  /** Text never means a token that begins or ends a target. Undefined where the vocabulary has neither the token nor an unknown one. */
  #idOf(token: string): number | undefined {
    const id = this.#parts.table.id(token);
    return id === undefined || this.#silent.has(id) ? this.special.unknown : id;
  }

  /** Length of the space before the first word, which is no part of the text as it is shown. */
  #takenOff(normalised: string, position: number): number {
    const { space } = this.#parts.codec;
    return space !== ' ' && position === 0 && normalised.startsWith(space) ? space.length : 0;
  }

  #stretches(text: string): Stretch[] {
    const { named } = this.#parts;
    if (named === 'marian' || named === 'm2m100') {
      const [code] = leading[named].exec(text) ?? [];
      const isNamed = code !== undefined && (named === 'marian' || this.#parts.table.id(code.trim()) !== undefined);
      return isNamed ? [{ token: code.trim() }, { text: text.slice(code.length) }] : [{ text }];
    }
    if (this.#namedPattern === undefined) return [{ text }];
    const stretches: Stretch[] = [];
    let end = 0;
    for (const { 0: token, index } of text.matchAll(this.#namedPattern)) {
      if (index > end) stretches.push({ text: text.slice(end, index) });
      stretches.push({ token });
      end = index + token.length;
    }
    if (end < text.length) stretches.push({ text: text.slice(end) });
    return stretches;
  }
}

function trimmed(text: string): string {
  const { start, end } = withoutOuterSpaces(text);
  return text.slice(start, end);
}
