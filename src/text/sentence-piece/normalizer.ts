import type { CharacterMap } from './character-map.js';
import type { SentencePieceFile } from './model-file.js';
import type { PieceTable } from './piece-table.js';

/** What stands for a space in pieces: U+2581. */
export const spaceSymbol = '\u2581';

/**
 * SentencePiece's normalisation (src/normalizer.cc): what a user defined is taken as it is, elsewhere the longest rule applies, else the
 * character stays; spaces at the ends and repeated ones go; a dummy space comes first; spaces become U+2581.
 */
export class SentencePieceNormalizer {
  readonly #map: CharacterMap | undefined;
  readonly #rules: SentencePieceFile['normalizer'];

  constructor(
    rules: SentencePieceFile['normalizer'],
    private readonly userDefined: PieceTable,
  ) {
    this.#rules = rules;
    this.#map = rules.characterMap;
  }

  /** `prefixed` false: without the dummy space. */
  normalise(text: string, { prefixed = true } = {}): string {
    const { addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces } = this.#rules;
    const space = escapeWhitespaces ? spaceSymbol : ' ';
    let normalised = '';
    let [isAtStart, afterSpace] = [true, removeExtraWhitespaces];
    for (const piece of this.#replaced(text)) {
      if (isAtStart && removeExtraWhitespaces && piece === ' ') continue;
      if (isAtStart && addDummyPrefix && prefixed) normalised += space;
      isAtStart = false;
      const kept = afterSpace ? piece.replace(/^ +/, '') : piece;
      if (kept !== '') {
        normalised += escapeWhitespaces ? kept.replaceAll(' ', spaceSymbol) : kept;
        afterSpace = removeExtraWhitespaces && kept.endsWith(' ');
      }
    }
    if (removeExtraWhitespaces) while (normalised.endsWith(space)) normalised = normalised.slice(0, -1);
    return normalised;
  }

  /** What each piece of a text that is replaced as one becomes. */
  *#replaced(text: string): Generator<string> {
    const bytes = this.#map === undefined ? undefined : new TextEncoder().encode(text);
    let [at, byteAt] = [0, 0];
    while (at < text.length) {
      const defined = this.userDefined.longest(text, at);
      const rule = defined === 0 && bytes !== undefined ? this.#map?.find(bytes, byteAt) : undefined;
      // A rule reads whole characters.
      let [length, left] = [defined, rule?.length ?? 0];
      while (left > 0) {
        const character = characterAt(text, at + length);
        length += character.length;
        left -= utf8Length(character);
      }
      if (length === 0) length = characterAt(text, at).length;
      const read = text.slice(at, at + length);
      yield rule?.text ?? read.replace(/\p{Cs}/gu, '\uFFFD');
      at += length;
      if (bytes !== undefined) for (const character of read) byteAt += utf8Length(character);
    }
  }
}

/** The character, or half of one, that begins there. */
export function characterAt(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at) as number);
}

/** Half of a surrogate pair is encoded as U+FFFD, which has three bytes, too. */
export function utf8Length(character: string): number {
  const point = character.codePointAt(0) as number;
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}
