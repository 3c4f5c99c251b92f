import type { Files } from '../core/files.js';
import type { IdPair } from '../data/batch.js';
import type { NamedValues } from '../tensor/named-values.js';

/** How an architecture learns that has no gradients: by counting what is in a text, in one reading. */
export interface Counting<Options> {
  /** Reads on: contexts of a text in their order. */
  add(context: IdPair): Promise<void>;
  /** What has been learnt; nothing can be added after that. */
  finish(control?: CountingControl): Promise<Counted<Options>>;
  /** Removes what it kept in files. */
  dispose(): Promise<void>;
}

/** For work that follows the reading. */
export interface CountingControl {
  readonly signal?: AbortSignal | undefined;
  /** What is being done, in two or three words, and how much of it is done, from 0 to 1. */
  readonly onStage?: ((stage: string, fraction: number) => void) | undefined;
}

export interface Counted<Options> {
  /** Those of the architecture and what was found out, from which the same model is made again. */
  readonly options: Options;
  readonly parameters: NamedValues;
  /** What was counted, for people. */
  readonly description: string;
}

/** Where counts are kept that memory has no room for. */
export interface Spill {
  readonly files: Files;
  /** Made when it is first needed. */
  readonly directory: string;
}
