import { type Device, Scope } from '../../tensor/device.js';
import { Arena } from '../../tensor/memory.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { DecodingSession, ReadOutput, StepOutput } from '../model.js';
import type { NgramState, NgramTrie } from './trie.js';

/** Rows that each remember one state. What they give as logits are log-probabilities. */
export class NgramSession implements DecodingSession {
  readonly #trie: () => NgramTrie;
  readonly #vocabulary: number;
  readonly #scope: Scope;
  #states: NgramState[];

  /** `trie` is asked for again at each call, after all room has been made: memories that grow leave their tables elsewhere. */
  constructor(device: Device, rows: number, vocabulary: number, trie: () => NgramTrie) {
    this.#trie = trie;
    this.#vocabulary = vocabulary;
    this.#scope = new Scope(device, new Arena(device.memory));
    this.#states = new Array<NgramState>(rows).fill(trie().start);
  }

  get rows(): number {
    return this.#states.length;
  }

  read(ids: readonly ArrayLike<number>[]): ReadOutput {
    const logits = this.#logits();
    const trie = this.#trie();
    const given = ids.map((ofRow, row) => {
      const costs = new Float32Array(ofRow.length);
      let state = this.#states[row] as NgramState;
      for (let place = 0; place < ofRow.length; place++) [costs[place], state] = trie.score(state, ofRow[place] as number);
      this.#states[row] = state;
      // Nobody asked what the first one cost.
      return costs.subarray(1);
    });
    this.#predict(trie, logits);
    return { logits, given: (row) => ({ logProbabilities: given[row] ?? new Float32Array(0), attention: undefined }) };
  }

  step(previousIds: Int32Array): StepOutput {
    const logits = this.#logits();
    const trie = this.#trie();
    this.#states = this.#states.map((state, row) => trie.score(state, previousIds[row] as number)[1]);
    this.#predict(trie, logits);
    return { logits };
  }

  select(rows: Int32Array): void {
    this.#states = Array.from(rows, (row) => this.#states[row] as NgramState);
  }

  dispose(): void {
    this.#scope.arena.dispose();
  }

  #logits(): Tensor {
    this.#scope.arena.reset();
    return this.#scope.empty([this.rows, this.#vocabulary]);
  }

  #predict(trie: NgramTrie, logits: Tensor): void {
    const all = logits.f32;
    for (const [row, state] of this.#states.entries()) {
      trie.predict(state, all.subarray(row * this.#vocabulary, (row + 1) * this.#vocabulary));
    }
  }
}
