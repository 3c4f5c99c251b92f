import type * as z from 'zod';
import type { DecodingDefaults } from '../decoding/options.js';
import type { transformerOptions } from '../models/transformer/options.js';
import type { NamedValues } from '../tensor/named-values.js';
import type { Counterpart } from './counterparts.js';
import type { ForeignVocabulary } from './foreign-vocabulary.js';

export type TransformerOptionsInput = z.input<typeof transformerOptions>;

/** The tensors of a checkpoint as 32-bit floats, whatever they are stored as. */
export interface ForeignTensors extends NamedValues {
  /** The file or directory, for messages. */
  readonly path: string;
  close(): Promise<void>;
}

/** What a checkpoint of another library says, in decade's words. */
export interface ForeignModel {
  /** For messages: `MarianMTModel`. */
  readonly architecture: string;
  readonly options: TransformerOptionsInput;
  /** Undefined for a language model. */
  readonly source: ForeignVocabulary | undefined;
  readonly target: ForeignVocabulary;
  readonly counterparts: readonly Counterpart[];
  /** Whether a tensor says nothing that the options do not say. */
  isUnused(name: string): boolean;
  /** What its authors decode with. */
  readonly decoding: DecodingDefaults;
  /** Most tokens that it was made for; undefined where nobody says. */
  readonly positions: number | undefined;
}
