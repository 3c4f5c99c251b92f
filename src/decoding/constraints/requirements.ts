import { PhraseAutomaton, type PhraseState } from './phrase-automaton.js';
import type { RequiredPhrase } from './sentence-phrases.js';
import type { SurfaceIndex } from './surfaces.js';

interface TokenNode {
  readonly next: Map<number, TokenNode>;
  /** Tokens that are missing at least. */
  missing: number;
}

/** What a text has of the phrases that it must have. */
export interface RequirementsState {
  readonly text: PhraseState;
  /** Of each phrase: whether the text has it, or else how far its tokens have been written, if they have. */
  readonly phrases: readonly ('met' | TokenNode | undefined)[];
}

/**
 * Phrases that a text must have. Whether it has one its characters say, whatever tokens wrote them; how far one is that is being
 * written, the tokens do that the tokenizer would write.
 */
export class Requirements {
  readonly #automaton: PhraseAutomaton;
  readonly #surfaces: SurfaceIndex;
  readonly #roots: readonly TokenNode[];
  /** Which phrase each form is of. */
  readonly #phraseOfForm: readonly number[];
  /** Tokens of each phrase at most. */
  readonly #sizes: readonly number[];
  readonly start: RequirementsState;

  constructor(surfaces: SurfaceIndex, required: readonly RequiredPhrase[]) {
    this.#surfaces = surfaces;
    this.#automaton = new PhraseAutomaton(
      surfaces,
      required.flatMap(({ forms }) => forms),
    );
    this.#phraseOfForm = required.flatMap(({ forms }, phrase) => forms.map(() => phrase));
    this.#roots = required.map(({ tokens }) => tokenTrie(tokens));
    this.#sizes = required.map(({ tokens }) => Math.max(...tokens.map(({ length }) => length)));
    this.start = { text: this.#automaton.start, phrases: required.map(() => undefined) };
  }

  /** The progress of a text that has everything. */
  get size(): number {
    return this.#sizes.reduce((sum, size) => sum + size, 0);
  }

  after({ text, phrases }: RequirementsState, id: number): RequirementsState {
    const { state, found } = this.#automaton.next(text, id);
    const met = new Set(found.map((form) => this.#phraseOfForm[form]));
    return {
      text: state,
      phrases: phrases.map((phrase, index) => {
        if (phrase === 'met' || met.has(index)) return 'met';
        return phrase?.next.get(id) ?? (this.#mayBegin(text, id) ? this.#roots[index]?.next.get(id) : undefined);
      }),
    };
  }

  /** Tokens of the phrases that are there or being written. */
  progress({ phrases }: RequirementsState): number {
    return phrases.reduce<number>((sum, phrase, index) => {
      const size = this.#sizes[index] as number;
      if (phrase === undefined) return sum;
      return sum + (phrase === 'met' ? size : size - phrase.missing);
    }, 0);
  }

  /** Tokens that write more of a phrase. */
  advancing({ text, phrases }: RequirementsState): Set<number> {
    const ids = new Set<number>();
    for (const [index, phrase] of phrases.entries()) {
      if (phrase === 'met') continue;
      for (const id of phrase?.next.keys() ?? []) ids.add(id);
      for (const id of this.#roots[index]?.next.keys() ?? []) if (this.#mayBegin(text, id)) ids.add(id);
    }
    return ids;
  }

  areMetAtEnd({ text, phrases }: RequirementsState): boolean {
    const last = new Set(this.#automaton.atEnd(text).map((form) => this.#phraseOfForm[form]));
    return phrases.every((phrase, index) => phrase === 'met' || last.has(index));
  }

  #mayBegin({ isInWord }: PhraseState, id: number): boolean {
    return !isInWord || this.#surfaces.breaks(id);
  }
}

function tokenTrie(sequences: readonly (readonly number[])[]): TokenNode {
  const root: TokenNode = { next: new Map(), missing: Infinity };
  for (const ids of sequences) {
    let node = root;
    for (const [at, id] of ids.entries()) {
      node.missing = Math.min(node.missing, ids.length - at);
      const next = node.next.get(id) ?? { next: new Map(), missing: Infinity };
      node.next.set(id, next);
      node = next;
    }
    node.missing = 0;
  }
  return root;
}
