/**
 * Strings after which a text ends, and what each token spells, both as the bytes of their UTF-8, a character each: a token may be a
 * part of a character, and a stop string may begin or end within a token. A value that a message can carry.
 */
export interface StopStrings {
  readonly strings: readonly string[];
  /** By token id. */
  readonly spellings: readonly string[];
  /** Whether decoding takes off the space that the first token of a text may carry. */
  readonly dropsFirstSpace: boolean;
}

/** Bytes as a string of as many characters. */
export function byteString(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Watches texts that are written token by token. */
export class StopWatch {
  readonly #stop: StopStrings;
  readonly #longest: number;

  constructor(stop: StopStrings) {
    this.#stop = stop;
    this.#longest = stop.strings.reduce((most, { length }) => Math.max(most, length), 0);
  }

  /**
   * `tail` is the end of a text, '' before its first token. Gives that of the text with one more token; undefined where a stop string is
   * complete.
   *
   * @param isFirst  whether nothing comes before the token, no prompt either
   */
  follow(tail: string, id: number, isFirst: boolean): string | undefined {
    const { spellings, dropsFirstSpace } = this.#stop;
    const spelling = spellings[id] ?? '';
    const text = tail + (isFirst && dropsFirstSpace && spelling.startsWith(' ') ? spelling.slice(1) : spelling);
    if (this.#stop.strings.some((string) => text.includes(string))) return undefined;
    return text.slice(Math.max(0, text.length - this.#longest + 1));
  }
}
