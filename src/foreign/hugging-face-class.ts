import type { DecodingDefaults } from '../decoding/options.js';
import type { TransformerOptions } from '../models/transformer/options.js';
import type { Shape } from '../tensor/tensor.js';
import type { SpecialIds } from '../text/tokenizer.js';
import type { Counterpart } from './counterparts.js';

/** A vocabulary as it is written: with the ids that it has here. */
export interface WrittenVocabulary {
  readonly size: number;
  readonly special: SpecialIds;
}

/** The token for padding: what is never written, or of Marian what decoding begins with. */
export function padOf({ begin, forbidden }: SpecialIds): number {
  return forbidden.find((id) => id !== begin) ?? begin;
}

/** The ids of special tokens, as the configuration of a language model names them. */
export function languageModelIds({ begin, end, forbidden }: SpecialIds) {
  return { bos_token_id: begin, eos_token_id: end, pad_token_id: forbidden.find((id) => id !== begin) ?? null };
}

/** A model that is to be written. */
export interface WrittenModel {
  readonly options: TransformerOptions;
  readonly source: WrittenVocabulary | undefined;
  readonly target: WrittenVocabulary;
  readonly decoding: DecodingDefaults;
  /** Tokens that it may read, where nothing limits them. */
  readonly positions: number;
}

/** An option of a model that a class does not have. */
export interface Misfit {
  /** `model.norm.epsilon` */
  readonly option: string;
  readonly received: unknown;
  readonly allowed: string;
}

/** A class of Hugging Face, as far as it is written. */
export interface HuggingFaceClass {
  /** `model_type` of its configurations. */
  readonly type: string;
  readonly name: string;
  misfits(model: WrittenModel): Misfit[];
  configuration(model: WrittenModel): Readonly<Record<string, unknown>>;
  counterparts(options: TransformerOptions): readonly Counterpart[];
  /** Tensors that a model without the parameter has as zeros. */
  zeros(model: WrittenModel): ReadonlyMap<string, Shape>;
}

/** Those of the options that are otherwise. */
export function misfitsOf(requirements: readonly (readonly [option: string, received: unknown, allowed: readonly unknown[]])[]): Misfit[] {
  return requirements
    .filter(([, received, allowed]) => !allowed.includes(received))
    .map(([option, received, allowed]) => ({ option, received, allowed: allowed.map(String).join(' or ') }));
}
