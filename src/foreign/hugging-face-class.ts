import type { TransformerOptions } from '../models/transformer/options.js';
import type { Shape } from '../tensor/tensor.js';
import type { Counterpart } from './counterparts.js';
import type { WrittenModel } from './written-model.js';

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
