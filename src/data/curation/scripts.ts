/** Scripts that are told apart; letters of others are `other letters`. */
const scriptNames = [
  'Latin',
  'Greek',
  'Cyrillic',
  'Armenian',
  'Hebrew',
  'Arabic',
  'Devanagari',
  'Bengali',
  'Gurmukhi',
  'Gujarati',
  'Tamil',
  'Telugu',
  'Kannada',
  'Malayalam',
  'Sinhala',
  'Thai',
  'Lao',
  'Tibetan',
  'Myanmar',
  'Georgian',
  'Hangul',
  'Ethiopic',
  'Khmer',
  'Mongolian',
  'Hiragana',
  'Katakana',
  'Han',
] as const;

/** What characters are, in the order in which they are asked for. */
const kinds: readonly { readonly name: string; readonly is: RegExp }[] = [
  ...scriptNames.map((name) => ({ name, is: new RegExp(`^\\p{Script=${name}}`, 'u') })),
  { name: 'white space', is: /^\s/u },
  { name: 'digits and numbers', is: /^\p{N}/u },
  { name: 'punctuation', is: /^\p{P}/u },
  { name: 'symbols', is: /^\p{S}/u },
  { name: 'combining marks', is: /^\p{M}/u },
  { name: 'other letters', is: /^\p{L}/u },
  { name: 'control and unassigned', is: /^/u },
];

const pageBits = 8;

/** Counts characters by script, or by what else they are. */
export class ScriptCounts {
  readonly #counts = new Float64Array(kinds.length);
  /** The kinds of 256 characters in a row, found when the first of them comes. */
  readonly #pages = new Map<number, Uint8Array>();

  /** Returns how many characters there are. */
  add(text: string): number {
    let characters = 0;
    for (let index = 0; index < text.length; characters++) {
      const code = text.codePointAt(index) as number;
      index += code > 0xffff ? 2 : 1;
      const kind = this.#pageOf(code >>> pageBits)[code & 0xff] as number;
      this.#counts[kind] = (this.#counts[kind] as number) + 1;
    }
    return characters;
  }

  /** Most frequent first. */
  get counts(): readonly { readonly name: string; readonly characters: number }[] {
    return kinds
      .map(({ name }, kind) => ({ name, characters: this.#counts[kind] as number }))
      .filter(({ characters }) => characters > 0)
      .sort((a, b) => b.characters - a.characters);
  }

  #pageOf(number: number): Uint8Array {
    const known = this.#pages.get(number);
    if (known !== undefined) return known;
    const page = Uint8Array.from({ length: 1 << pageBits }, (_, index) => {
      const character = String.fromCodePoint((number << pageBits) + index);
      return kinds.findIndex(({ is }) => is.test(character));
    });
    this.#pages.set(number, page);
    return page;
  }
}
