import type { NgramState, NgramTrie } from '../../ngram/trie.js';

/** What the search asks of a language model. */
export type PhraseLanguageModel = Pick<NgramTrie, 'start' | 'score'>;

/** A power of two; 20 bytes each. */
const slots = 2 ** 16;

/**
 * Remembers what a language model answered. A state and a token have one slot, which the last question that fell into it holds, so
 * that a question costs a comparison where it was asked lately.
 */
export class LanguageModelCache {
  readonly start: NgramState;
  /** By slot: what the token costs, in nats, and the state after it. */
  readonly logProbabilities = new Float64Array(slots);
  readonly nextStates = new Int32Array(slots);
  readonly #model: PhraseLanguageModel;
  readonly #states = new Int32Array(slots).fill(-1);
  readonly #tokens = new Int32Array(slots);

  constructor(model: PhraseLanguageModel) {
    this.#model = model;
    this.start = model.start;
  }

  /** The slot of the answer, until the next question. */
  ask(state: NgramState, token: number): number {
    let hash = Math.imul(state ^ Math.imul(token, 0x85ebca6b), 0x9e3779b1);
    hash ^= hash >>> 15;
    const slot = hash & (slots - 1);
    if (this.#states[slot] !== state || this.#tokens[slot] !== token) {
      const [logProbability, next] = this.#model.score(state, token);
      this.#states[slot] = state;
      this.#tokens[slot] = token;
      this.logProbabilities[slot] = logProbability;
      this.nextStates[slot] = next;
    }
    return slot;
  }

  /** What words cost where nothing is known of those before them. */
  readAlone(words: Int32Array): number {
    let state = this.start;
    let sum = 0;
    for (let place = 0; place < words.length; place++) {
      const slot = this.ask(state, words[place] as number);
      sum += this.logProbabilities[slot] as number;
      state = this.nextStates[slot] as number;
    }
    return sum;
  }
}
