import type { Batch, BatchOptions, SourceBatch } from '../data/batch.js';
import type { Parameter, ParameterStore } from '../nn/parameters.js';
import type { Pass } from '../nn/pass.js';
import type { Device } from '../tensor/device.js';
import type { SoftmaxCrossEntropyAttributes, SoftmaxCrossEntropyOutputs } from '../tensor/operations/softmax-cross-entropy.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Separable } from './layered.js';
import type { ModelSummary } from './summary.js';

/** Number of token ids on each side. */
export interface VocabularySizes {
  readonly source: number;
  readonly target: number;
}

/** What training sees of an architecture. */
export interface TrainableModel {
  readonly parameters: ParameterStore;
  readonly vocabularies: VocabularySizes;
  /** How this model wants its batches made. */
  readonly batchOptions: BatchOptions;
  /** Probability of dropping a value on the way between layers, in training. */
  readonly dropout: number;
  /** Losses and log-probabilities of every target token, by row of the packed target. */
  loss(pass: Pass, batch: Batch, attributes: SoftmaxCrossEntropyAttributes): SoftmaxCrossEntropyOutputs;
}

/** What decoding sees of an architecture, so that every architecture shares every search. */
export interface StepModel {
  readonly vocabularies: VocabularySizes;
  /** What it computes with. Where every step multiplies by the same weights, a device may keep them packed. */
  readonly parameters: Iterable<Pick<Parameter, 'value'>>;
  readonly batchOptions: BatchOptions;
  /** Encodes sentences and starts a row for each column of the packed source. The session holds device memory until disposed. */
  decode(device: Device, sources: SourceBatch): DecodingSession;
  /** For architectures that sum a sentence up in one vector. */
  readonly sentenceEncoder?: SentenceEncoder | undefined;
}

/** What an encoder ends with, as one vector a sentence. */
export interface SentenceEncoder {
  /** Which values these are, for captions. */
  readonly description: string;
  /** A vector for each sentence, in the order in which the batch was given them. */
  encode(device: Device, sources: SourceBatch): Float32Array[];
}

/** Rows that are extended token by token. Each row belongs to one source sentence; several may share one. */
export interface DecodingSession {
  /** Number of rows now. */
  readonly rows: number;
  /** Extends row r by previousIds[r] and gives the logits of what follows. Both last until the next call. */
  step(previousIds: Int32Array): StepOutput;
  /** Row r becomes what row rows[r] was; rows may repeat or be left out. */
  select(rows: Int32Array): void;
  dispose(): void;
}

export interface StepOutput {
  /** [rows, target vocabulary], without the bias; the caller may change them. */
  readonly logits: Tensor;
  /** [target vocabulary], still to be added to every row. */
  readonly bias?: Tensor | undefined;
  /** Attention over the source tokens of a row in their written order; undefined without attention. */
  attention?(row: number): Float32Array;
}

/** A model that can be trained and decoded. */
export interface Model extends TrainableModel, StepModel, Separable {
  readonly parameters: ParameterStore;
  readonly summary: ModelSummary;
}
