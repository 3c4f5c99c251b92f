import type { IdPair } from '../data/batch.js';
import type { Parameter, ParameterStore } from '../nn/parameters.js';
import type { Pass } from '../nn/pass.js';
import type { Device } from '../tensor/device.js';
import type { SoftmaxCrossEntropyAttributes, SoftmaxCrossEntropyOutputs } from '../tensor/operations/softmax-cross-entropy.js';
import type { Tensor } from '../tensor/tensor.js';
import { ownSpecialIds, type SpecialIds, type Tokenizer } from '../text/tokenizer.js';
import type { ModelSummary } from './summary.js';

/** Number of token ids on each side, and which of them are special. */
export interface VocabularySizes {
  /** Undefined: the model has no source and no encoder, it is a language model. Its sources are empty, and a prompt is a prefix of the target. */
  readonly source?: number | undefined;
  readonly target: number;
  /** Default: those of decade's own tokenizers. */
  readonly special?: { readonly source?: SpecialIds | undefined; readonly target: SpecialIds } | undefined;
}

/** What a model must know of the tokenizers that it is used with. */
export function vocabularySizes({
  source,
  target,
}: {
  readonly source?: Tokenizer | undefined;
  readonly target: Tokenizer;
}): VocabularySizes {
  const areOwn = [source, target].every((tokenizer) => tokenizer === undefined || tokenizer.special === ownSpecialIds);
  return {
    ...(source && { source: source.size }),
    target: target.size,
    ...(!areOwn && { special: { ...(source && { source: source.special }), target: target.special } }),
  };
}

/** The special ids of both sides. */
export function specialIds({ special }: VocabularySizes): { readonly source: SpecialIds; readonly target: SpecialIds } {
  return { source: special?.source ?? ownSpecialIds, target: special?.target ?? ownSpecialIds };
}

/** What training sees of an architecture. */
export interface TrainableModel {
  readonly parameters: ParameterStore;
  readonly vocabularies: VocabularySizes;
  /** Whether source and target have the same table of embeddings. */
  readonly needsOneVocabulary?: boolean | undefined;
  /** Probability of dropping a value on the way between layers, in training. */
  readonly dropout: number;
  /**
   * Tokens of its longer side that a part of a batch must have to be computed nearly as fast as the whole. Absent where a step of time
   * takes a few rows of the batch, so that parts are slower, however long their sentences.
   */
  readonly leastOfParts?: number | undefined;
  /**
   * What every target token costs, given its source sentence and the tokens before. The course depends on lengths only.
   *
   * @throws DecadeError `input` for an empty source where the model has one, and for a source where it has none
   */
  loss(pass: Pass, pairs: readonly IdPair[], attributes: SoftmaxCrossEntropyAttributes): PairLosses;
}

/** What the target tokens of pairs cost, in the model's own order, for sums. Lasts as long as the arena of the pass. */
export interface PairLosses extends SoftmaxCrossEntropyOutputs {
  /** Log-probabilities of the tokens of every pair, `</s>` last where it ends; the pairs in the order they were given. */
  byPair(): Float32Array[];
}

/** What decoding sees of an architecture, so that every architecture shares every search. */
export interface StepModel {
  readonly vocabularies: VocabularySizes;
  /** What it computes with. Where every step multiplies by the same weights, a device may keep them packed. */
  readonly parameters: Iterable<Pick<Parameter, 'value'>>;
  readonly decodingMemory: DecodingMemory;
  /**
   * Encodes sentences of at least one id each (of none, for a model without a source) and starts a row for each, in their order.
   * Nothing of a target has been read yet.
   */
  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession;
  /** Whether `<s>` comes before a target that begins with given tokens, as it does before any other. */
  readonly beginsPrompts?: boolean | undefined;
  /** Undefined where any length can be read: positions that are learned are no more than so many. */
  readonly lengthLimits?: LengthLimits | undefined;
  /** For architectures that are not extended token by token but search whole sentences: their `decode` and `loss` refuse. */
  readonly sentenceSearch?: TranslationSearch | undefined;
  /** For architectures that represent a sentence by one vector. */
  readonly sentenceEncoder?: SentenceEncoder | undefined;
  /** For architectures with attention in several layers and heads; that of others is all in `StepOutput`. */
  readonly attentionReader?: AttentionReader | undefined;
}

/** A search of an architecture's own, whose scores are no probabilities. */
export interface TranslationSearch {
  /** What each feature of a translation is multiplied by; their sum is its score. To be tuned on held-out pairs. */
  readonly weights: Parameter;
  /** The names of the features, in the order of the weights. */
  readonly features: readonly string[];
  /** Loads what it needs besides the parameters. */
  open(): Promise<TranslationSearcher>;
}

export interface TranslationSearcher {
  /** Distinct translations of a sentence of at least one id, the best first: `nbest` of them, if there are so many. */
  search(source: ArrayLike<number>, nbest: number): readonly FoundTranslation[];
}

export interface FoundTranslation {
  /** Target ids, without `</s>`; `<unk>` is a source word that is to be copied. */
  readonly ids: Int32Array;
  /** By how much it is preferred to others of the same sentence. */
  readonly score: number;
  /** What the score is made of, by name and in the order of the weights, as it stands in n-best lists. */
  readonly features: Readonly<Record<string, number>>;
  /** By target id: the source position that it comes from; -1 for none. */
  readonly alignment: Int32Array;
}

/** Most tokens that a model can read. */
export interface LengthLimits {
  /** Of a source, such that a translation has room. */
  readonly source: number;
  /** Predicted after a source of so many tokens, `</s>` counted; none where the source alone is too long. */
  target(sourceTokens: number): number;
  /** Positions that a source of so many tokens takes together with so many that are predicted, `</s>` counted. */
  positions(sourceTokens: number, predicted: number): number;
}

/** Bytes of device memory that a session holds at most. */
export interface DecodingMemory {
  /** For every token that is given: of a source sentence, or of a prefix. */
  readonly perGivenToken: number;
  /** For every row. */
  readonly perRow: number;
  /** For every step that a row has taken, such as the keys and values of its token. */
  readonly perStep: number;
}

/** What an encoder ends with, as one vector per sentence. */
export interface SentenceEncoder {
  /** Which values these are, for captions. */
  readonly description: string;
  /** A vector for each sentence of at least one id, in their order. */
  encode(device: Device, sources: readonly ArrayLike<number>[]): Float32Array[];
}

/** Shows what a model looks at, by layer and head. */
export interface AttentionReader {
  /**
   * While it reads a source (an empty one, for a model without) and writes a target, which is given without `</s>`: one for each kind of
   * attention that the model has. The values outlast the call.
   */
  read(device: Device, pair: { readonly source: ArrayLike<number>; readonly target: ArrayLike<number> }): AttentionWeights[];
}

/** One kind of attention, by layer and head. */
export interface AttentionWeights {
  /** For captions: `cross-attention`. */
  readonly name: string;
  /** Who looks: of the target, the token that was written by looking. */
  readonly queries: readonly AttendedToken[];
  /** What is looked at. */
  readonly keys: readonly AttendedToken[];
  /** For each layer and head [queries, keys], row after row; each row sums to 1. */
  readonly layers: readonly (readonly Float32Array[])[];
}

/** Tokens of a side stand in their order, special tokens of the model's own among them. */
export interface AttendedToken {
  readonly side: 'source' | 'target';
  readonly id: number;
}

/** Rows that are extended token by token. Each row belongs to one source sentence, if there is a source; several may share one. */
export interface DecodingSession {
  /** Number of rows now. */
  readonly rows: number;
  /** Extends row r by all of ids[r], at least one, and gives the logits of what follows the last. All that it gives lasts until the next call. */
  read(ids: readonly ArrayLike<number>[]): ReadOutput;
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

export interface ReadOutput extends StepOutput {
  /** What the model made of the ids of a row after the first, each given those before it. */
  given(row: number): GivenTokens;
}

/** Tokens that were not chosen but given. */
export interface GivenTokens {
  readonly logProbabilities: Float32Array;
  /** As in `StepOutput`, for each of them. */
  readonly attention: readonly Float32Array[] | undefined;
}

/** A model that can be trained and decoded. */
export interface Model extends TrainableModel, StepModel {
  readonly parameters: ParameterStore;
  readonly summary: ModelSummary;
}
