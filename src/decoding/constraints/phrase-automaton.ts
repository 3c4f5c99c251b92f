import { folded, isOfWord, type Phrase } from './phrase.js';
import { noCharacter, type SurfaceIndex } from './surfaces.js';

/** What phrases have in common, character by character. */
interface TrieNode {
  readonly number: number;
  readonly anyCase: boolean;
  readonly next: Map<string, TrieNode>;
  /** Phrases that end here. */
  readonly ends: number[];
}

/** What a text has written of the phrases. */
export interface PhraseState {
  /** How far phrases have been written that go on from here. */
  readonly nodes: readonly TrieNode[];
  /** Whether the last character is of a word. */
  readonly isInWord: boolean;
  /** Bytes of a character that is not complete. */
  readonly pending: readonly number[];
  /** What each token leads to, of those that were asked for. */
  readonly transitions: Map<number, PhraseTransition>;
  forbidden: readonly number[] | undefined;
}

export interface PhraseTransition {
  readonly state: PhraseState;
  /** Phrases that the text has from this token on. */
  readonly found: readonly number[];
}

type Position = Pick<PhraseState, 'nodes' | 'isInWord'>;

/**
 * Finds phrases in a text that is written token by token, however tokens cut it up. A phrase begins and ends at boundaries of words:
 * one that ends in a word is found with the character after it, or at the end of the text.
 */
export class PhraseAutomaton {
  readonly #surfaces: SurfaceIndex;
  readonly #roots: readonly [TrieNode, TrieNode];
  readonly #states = new Map<string, PhraseState>();
  readonly start: PhraseState;
  #nodes = 0;

  constructor(surfaces: SurfaceIndex, phrases: readonly Phrase[]) {
    this.#surfaces = surfaces;
    this.#roots = [this.#node(false), this.#node(true)];
    for (const [index, { text, anyCase }] of phrases.entries()) {
      let node = this.#roots[anyCase ? 1 : 0];
      for (const character of text) {
        const key = anyCase ? folded(character) : character;
        const next = node.next.get(key) ?? this.#node(anyCase);
        node.next.set(key, next);
        node = next;
      }
      node.ends.push(index);
    }
    this.start = this.#state({ nodes: [], isInWord: false }, []);
  }

  next(state: PhraseState, id: number): PhraseTransition {
    let transition = state.transitions.get(id);
    if (transition === undefined) {
      transition = this.#transition(state, id);
      state.transitions.set(id, transition);
    }
    return transition;
  }

  /** Phrases that a text has besides, if it ends here. */
  atEnd({ nodes, isInWord }: PhraseState): number[] {
    return isInWord ? nodes.flatMap(({ ends }) => ends) : [];
  }

  /**
   * Tokens with which a text would have one of the phrases, now or whatever follows. None where a prefix has already written one: nothing
   * could follow then.
   */
  completing(state: PhraseState): readonly number[] {
    state.forbidden ??= this.#isUnavoidable(state)
      ? []
      : [...this.#mayComplete(state)].filter((id) => {
          const { found, state: after } = this.#transition(state, id);
          return found.length > 0 || this.#isUnavoidable(after);
        });
    return state.forbidden;
  }

  /** Whether every token ends the word with which a phrase ends: in vocabularies of whole words none goes on with it. */
  #isUnavoidable(state: PhraseState): boolean {
    return this.#surfaces.breaking.length === this.#surfaces.size && this.atEnd(state).length > 0;
  }

  /** All tokens that can complete a phrase, and others. */
  #mayComplete({ nodes, isInWord, pending }: PhraseState): Set<number> {
    if (pending.length > 0) return new Set(Array.from({ length: this.#surfaces.size }, (_, id) => id));
    const ids = new Set(this.#surfaces.fragments);
    const add = (more: readonly number[]) => {
      for (const id of more) ids.add(id);
    };
    for (const root of this.#roots) for (const character of root.next.keys()) add(this.#surfaces.startingWith(character));
    for (const node of nodes) {
      for (const character of node.next.keys()) add(this.#surfaces.beginningWith(character));
      if (isInWord && node.ends.length > 0) add(this.#surfaces.breaking);
    }
    return ids;
  }

  #transition({ nodes, isInWord, pending }: PhraseState, id: number): PhraseTransition {
    const read = this.#surfaces.read(id, pending);
    const found: number[] = [];
    let position: Position = { nodes, isInWord };
    for (const character of read.characters) position = this.#after(position, character, found);
    return { state: this.#state(position, read.pending), found };
  }

  #after({ nodes, isInWord }: Position, character: string, found: number[]): Position {
    const isOf = character !== noCharacter && isOfWord(character);
    const isBoundary = !isInWord || !isOf;
    if (isInWord && isBoundary) for (const { ends } of nodes) found.push(...ends);
    const next: TrieNode[] = [];
    for (const { anyCase, next: children } of isBoundary ? [...nodes, ...this.#roots] : nodes) {
      const child = children.get(anyCase ? folded(character) : character);
      if (child !== undefined) next.push(child);
    }
    if (!isOf) for (const { ends } of next) found.push(...ends);
    return { nodes: next, isInWord: isOf };
  }

  #state({ nodes, isInWord }: Position, pending: readonly number[]): PhraseState {
    const key = `${nodes.map(({ number }) => number).join(' ')},${isInWord},${pending.join(' ')}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      state = { nodes, isInWord, pending, transitions: new Map(), forbidden: undefined };
      this.#states.set(key, state);
    }
    return state;
  }

  #node(anyCase: boolean): TrieNode {
    return { number: this.#nodes++, anyCase, next: new Map(), ends: [] };
  }
}
