import type { ParameterStore } from '../../nn/parameters.js';
import { alignmentOf } from './phrase-alignment.js';
import { orientationKinds } from './phrase-counts.js';
import { type PhraseOption, type PhraseTable, phraseFeatures } from './phrase-table.js';
import { phraseColumns } from './tables.js';

/** Source phrases whose options are remembered as they were last given; then all are forgotten. */
const mostRemembered = 20_000;

const none: readonly PhraseOption[] = [];

/** A phrase table in the parameters of a model. */
export class StoredPhraseTable implements PhraseTable {
  readonly maximumLength: number;
  readonly #columns: Readonly<Record<keyof typeof phraseColumns, Float32Array>>;
  readonly #remembered = new Map<number, readonly PhraseOption[]>();

  /** The columns are read where the memory has them now: a memory that grows leaves them elsewhere. */
  constructor(store: ParameterStore, maximumLength: number) {
    this.maximumLength = maximumLength;
    const columns = Object.entries(phraseColumns).map(([column, name]) => [column, store.get(name)?.value.f32 ?? new Float32Array(0)]);
    this.#columns = Object.fromEntries(columns);
  }

  options(source: ArrayLike<number>, start: number, end: number): readonly PhraseOption[] {
    let node = 0;
    for (let position = start; position < end; position++) {
      node = this.#child(node, source[position] as number);
      if (node < 0) return none;
    }
    const remembered = this.#remembered.get(node);
    if (remembered !== undefined) return remembered;
    const { sourceOptions } = this.#columns;
    const [first, afterLast] = [sourceOptions[node] as number, sourceOptions[node + 1] as number];
    const options = Array.from({ length: afterLast - first }, (_, index) => this.#option(first + index));
    if (this.#remembered.size === mostRemembered) this.#remembered.clear();
    this.#remembered.set(node, options);
    return options;
  }

  #child(node: number, word: number): number {
    const { sourceChildren, sourceWords } = this.#columns;
    let [low, high] = [sourceChildren[node] as number, sourceChildren[node + 1] as number];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = sourceWords[middle] as number;
      if (there === word) return middle;
      if (there < word) low = middle + 1;
      else high = middle;
    }
    return -1;
  }

  #option(option: number): PhraseOption {
    const { optionTargets, optionAlignments, optionFeatures, optionReordering } = this.#columns;
    const target = this.#words(optionTargets[option] as number);
    const slice = (values: Float32Array, width: number) => values.slice(width * option, width * (option + 1));
    return {
      target,
      features: slice(optionFeatures, phraseFeatures.length),
      ...(optionReordering.length > 0 && { reordering: slice(optionReordering, 2 * orientationKinds) }),
      alignment: alignmentOf(optionAlignments[option] as number, target.length),
    };
  }

  #words(targetNode: number): Int32Array {
    const { targetWords, targetParents } = this.#columns;
    const words: number[] = [];
    for (let node = targetNode; node !== 0; node = targetParents[node] as number) words.push(targetWords[node] as number);
    return Int32Array.from(words.reverse());
  }
}
