import { DecadeError, type ErrorParts } from '../core/errors.js';
import type { Parameter } from '../nn/parameters.js';
import type { Pass } from '../nn/pass.js';
import type { RecurrentState } from '../nn/recurrent.js';
import type { SequenceLayout } from '../tensor/layout.js';
import type { Tensor } from '../tensor/tensor.js';

/** A stretch of steps, as a layer sees it. */
export interface LayerInput {
  /** What the layer below gave, [rows, size]; of the first layer the token ids, Int32[rows]. */
  readonly below: Tensor;
  /** After the step before; undefined: the encoder begins. */
  readonly before: RecurrentState | undefined;
  readonly layout: SequenceLayout;
  /** Who the rows are, for dropout. */
  readonly keys: Tensor | undefined;
}

/**
 * An encoder-decoder whose layers can be run one by one, a stretch of steps at a time: what a pipeline cuts. Layer l of the
 * decoder begins with the last state of layer l of the encoder; the output layer multiplies what the decoder's last gives.
 */
export interface LayeredModel {
  /** Of each side. */
  readonly layers: number;
  readonly output: { readonly weight: Parameter; readonly bias: Parameter };
  /** What a layer learns; the first has the embedding of its side. */
  parametersOf(part: 'encoder' | 'decoder', layer: number): readonly Parameter[];
  runLayer(part: 'encoder' | 'decoder', layer: number, pass: Pass, input: LayerInput): { output: Tensor; state: RecurrentState };
}

/** Whether a model has layers that can be on different devices, and if not, why. */
export interface Separable {
  /** Its layers one by one; undefined where they cannot be parted. */
  readonly layered?: LayeredModel | undefined;
  /** What ties the layers together, and what would do without; undefined where no option does. */
  readonly tie?: ErrorParts | undefined;
}

const noLayers: ErrorParts = {
  where: 'pipeline, model.kind',
  received: 'a model that cannot be split into layers',
  allowed: 'an LSTM encoder-decoder as in the 2014 paper',
  next: 'use training.parallel.strategy=data',
};

/** Why layers cannot be on different devices, as a pipeline would have them, as a `usage` error; undefined where they can. */
export function whyNotLayered({ layered, tie = noLayers }: Separable): DecadeError | undefined {
  return layered === undefined ? new DecadeError('usage', tie) : undefined;
}

/** The layers of a model one by one. Throws `usage`, with the reason, where they cannot be parted. */
export function layersOf({ layered, tie = noLayers }: Separable): LayeredModel {
  if (layered === undefined) throw new DecadeError('usage', tie);
  return layered;
}
