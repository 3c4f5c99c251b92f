import type { Parameter } from '../../nn/parameters.js';
import type { Pass } from '../../nn/pass.js';
import type { RecurrentState } from '../../nn/recurrent.js';
import type { IdPair } from '../../data/batch.js';
import type { SequenceLayout } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { PackedBatch } from './batch.js';

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
 * An LSTM encoder-decoder whose layers can be run one by one, a stretch of steps at a time: what a pipeline cuts. Layer l of the
 * decoder begins with the last state of layer l of the encoder; the output layer multiplies what the decoder's last gives.
 */
export interface LayeredModel {
  /** Of each side. */
  readonly layers: number;
  readonly output: { readonly weight: Parameter; readonly bias: Parameter };
  /** What a layer learns; the first has the embedding of its side. */
  parametersOf(part: 'encoder' | 'decoder', layer: number): readonly Parameter[];
  /** Pairs as the layers read them. */
  pack(pairs: readonly IdPair[]): PackedBatch;
  runLayer(part: 'encoder' | 'decoder', layer: number, pass: Pass, input: LayerInput): { output: Tensor; state: RecurrentState };
}
