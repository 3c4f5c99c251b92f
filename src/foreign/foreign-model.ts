import type * as z from 'zod';
import type { DecodingDefaults } from '../decoding/options.js';
import type { transformerOptions } from '../models/transformer/options.js';
import type { NamedValues } from '../tensor/named-values.js';
import type { Counterpart } from './counterparts.js';
import type { ForeignSpecials } from './token-rows.js';

export type TransformerOptionsInput = z.input<typeof transformerOptions>;

/** The tensors of a checkpoint as 32-bit floats, whatever they are stored as. */
export interface ForeignTensors extends NamedValues {
  /** The file or directory, for messages. */
  readonly path: string;
  close(): Promise<void>;
}

/** One side of a model in the numbering of its library. */
export interface ForeignVocabulary {
  /** Rows of its tables. */
  readonly size: number;
  readonly specials: ForeignSpecials;
}

/** What a checkpoint of another library says, in decade's words. */
export interface ForeignModel {
  /** For messages: `MarianMTModel`. */
  readonly architecture: string;
  /** All but `absentTokens`. */
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
