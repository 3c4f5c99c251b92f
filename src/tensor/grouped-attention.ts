import type { LoadedKernels } from './kernels/load.js';
import type { MatrixProvider } from './matrix.js';

/** One sentence, as byte offsets of its first rows; `...Row` are bytes from one row to the next. */
export interface HeadSentence {
  readonly query: number;
  readonly queryRow: number;
  readonly keys: number;
  readonly values: number;
  readonly memoryRow: number;
  readonly output: number;
  readonly outputRow: number;
  readonly queries: number;
  readonly memoryCount: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly size: number;
  readonly scale: number;
  readonly causal: boolean;
  /** What is added to scores by their distance: of the first head and distance 0. 0: nothing. */
  readonly bias: number;
  readonly biasRow: number;
  readonly statistics: number;
  /** 0: dropping none. */
  readonly rowKeys: number;
  readonly rate: number;
  readonly key: number;
}

/** Where the gradients of its columns are added; 0: not wanted. They lie as the columns do. */
export interface HeadSentenceGradients {
  readonly query: number;
  readonly keys: number;
  readonly values: number;
  readonly output: number;
  readonly bias: number;
}

/** One sentence, and where its weights go: [heads, queries, memoryCount], or 0. */
export interface GroupedSentence extends HeadSentence {
  readonly weights: number;
}

/** Whether gradients are added to what is there, or written. */
export interface GradientAdditions {
  readonly query: boolean;
  /** Of keys and values. Heads of queries that share one of theirs add to it. */
  readonly memory: boolean;
}

/** The part of a device that computes. */
export interface HeadMachine {
  readonly kernels: LoadedKernels;
  readonly matrix: MatrixProvider;
}

/**
 * Attention to several short sentences at once, where the matrix library has small products: part of the device of whoever has such a
 * library, so that a web page, which has none, does not load it.
 */
export interface GroupedAttention {
  /** Whether a sentence is attended to in a group. */
  isGrouped(machine: HeadMachine, sentence: HeadSentence): boolean;
  /** Floats of scratch for groups of these sentences, whatever the library. */
  scratchFloats(sentences: readonly HeadSentence[], backward: boolean): number;
  attend(machine: HeadMachine, sentences: readonly GroupedSentence[], scratch: number): void;
  attendGradient(
    machine: HeadMachine,
    sentences: readonly { readonly sentence: HeadSentence; readonly gradients: HeadSentenceGradients }[],
    adds: GradientAdditions,
    scratch: number,
  ): void;
}
