/** A text that ends before the first of some strings, given in pieces as soon as none of them can begin in what was given. */
export class StoppedText {
  readonly #strings: readonly string[];
  readonly #longest: number;
  #held = '';
  #isStopped = false;

  constructor(strings: readonly string[]) {
    this.#strings = strings;
    this.#longest = strings.reduce((most, { length }) => Math.max(most, length), 0);
  }

  /** Whether one of the strings has come. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** What may be given of the text once `piece` has come. */
  push(piece: string): string {
    if (this.#isStopped) return '';
    this.#held += piece;
    const ends = this.#strings.map((string) => this.#held.indexOf(string)).filter((at) => at >= 0);
    this.#isStopped = ends.length > 0;
    return this.#take(this.#isStopped ? Math.min(...ends) : this.#held.length - this.#possibleBeginning());
  }

  /** What was held back when no more comes. */
  end(): string {
    return this.#isStopped ? '' : this.#take(this.#held.length);
  }

  #take(length: number): string {
    const taken = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return taken;
  }

  /** Characters at the end that may be the beginning of a string. */
  #possibleBeginning(): number {
    for (let length = Math.min(this.#longest - 1, this.#held.length); length > 0; length--) {
      const tail = this.#held.slice(-length);
      if (this.#strings.some((string) => string.startsWith(tail))) return length;
    }
    return 0;
  }
}
