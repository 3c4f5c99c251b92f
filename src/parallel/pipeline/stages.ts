import type { LayeredModel } from '../../models/lstm/layered.js';
import type { DropoutDraw } from '../../nn/pass.js';
import type { RecurrentState } from '../../nn/recurrent.js';
import type { DeferredProducts } from '../../tensor/deferred-products.js';
import type { Scope } from '../../tensor/device.js';
import { type SequenceLayout, sequenceLayout } from '../../tensor/layout.js';
import { gatherRows } from '../../tensor/operations/gather-rows.js';
import type { SoftmaxCrossEntropyAttributes } from '../../tensor/operations/softmax-cross-entropy.js';
import {
  type SliceTerms,
  type SoftmaxSlice,
  softmaxSliceGradient,
  softmaxSliceSums,
  softmaxSliceWeights,
} from '../../tensor/operations/softmax-slices.js';
import { Inference, type Learnt, type Runner, Tape } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Range } from '../schedule/placement.js';

/** What the stages of a pass have in common. */
export interface StageContext {
  readonly model: LayeredModel;
  readonly scope: Scope;
  /** Absent: the loss alone is wanted. */
  readonly training:
    | {
        readonly gradients: readonly Learnt[];
        /** Its provider is that of `scope`. */
        readonly deferred: DeferredProducts;
        readonly dropout: DropoutDraw | undefined;
      }
    | undefined;
}

/** A tape of a stretch, kept from forward to backward. */
interface StretchTape {
  readonly tape: Tape;
  readonly sentences: number;
  readonly output: Tensor;
  readonly state: RecurrentState;
  readonly dBelow: Tensor | undefined;
  /** Gradient of the state that entered. */
  readonly dBefore: RecurrentState | undefined;
  weights: () => void;
}

/** A layer of one side on its way through a micro-batch, stretch by stretch; what it takes and gives lives in its device's memory. */
export class LayerStage {
  readonly #context: StageContext;
  readonly #part: 'encoder' | 'decoder';
  readonly #layer: number;
  readonly #layout: SequenceLayout;
  readonly #ids: Int32Array;
  readonly #keys: Tensor | undefined;
  readonly #start: { readonly encoder: LayerStage; readonly columns: Int32Array } | undefined;
  /** By first step. */
  readonly #tapes = new Map<number, StretchTape>();
  #last: RecurrentState | undefined;
  /** Each sentence's state after its last step, and its gradient; at a stretch's backward, that of the state after it. [sentences, hidden] */
  #final: RecurrentState | undefined;
  #gradient: RecurrentState | undefined;

  /** `start`: the encoder's layer whose last state a decoder's begins with, and its column of every sentence. */
  constructor(
    context: StageContext,
    part: 'encoder' | 'decoder',
    layer: number,
    side: { readonly layout: SequenceLayout; readonly ids: Int32Array; readonly keys: Tensor | undefined },
    start?: { readonly encoder: LayerStage; readonly columns: Int32Array },
  ) {
    this.#context = context;
    this.#part = part;
    this.#layer = layer;
    this.#layout = side.layout;
    this.#ids = side.ids;
    this.#keys = side.keys;
    this.#start = start;
  }

  /** `below`: what the layer below gave for these steps; the first layer reads ids. */
  forward({ from, to }: Range, below: Tensor | undefined): Tensor {
    const { model, scope, training } = this.#context;
    const { lengths, active, offsets } = this.#layout;
    const sentences = active[from] as number;
    const [first, last] = [offsets[from] as number, offsets[to] as number];
    const layout = sequenceLayout(lengths.subarray(0, sentences).map((length) => Math.min(length, to) - from));
    const input = below ?? scope.integers(this.#ids.subarray(first, last));
    const learnt: Learnt[] = [...(training?.gradients ?? [])];
    const withGradient = (value: Tensor): Tensor => {
      const gradient = scope.zeros(value.shape);
      learnt.push({ value, gradient });
      return gradient;
    };
    const dBelow = training === undefined || below === undefined ? undefined : withGradient(below);
    const entering = this.#last && each(this.#last, (state) => state.rows(0, sentences));
    const dBefore = training === undefined || entering === undefined ? undefined : each(entering, withGradient);
    if (entering === undefined) learnt.push(...(this.#start?.encoder.ends ?? []));
    const tape = new Tape(scope, learnt, { keepsOutputs: true });
    const runner = training === undefined ? new Inference(scope) : tape;
    const { output, state } = model.runLayer(
      this.#part,
      this.#layer,
      { runner, dropout: training?.dropout },
      { below: input, before: entering ?? this.#started(runner), layout, keys: this.#keys?.rows(first, last) },
    );
    this.#keep(state, sentences);
    if (training !== undefined) this.#tapes.set(from, { tape, sentences, output, state, dBelow, dBefore, weights: () => undefined });
    return output;
  }

  /** `above`: gradients of the output, to be summed; none where nothing above has read it. Gives the gradient of `below`. */
  backward({ from }: Range, above: readonly Tensor[], weightsAtOnce: boolean): Tensor | undefined {
    const { training } = this.#context;
    const stretch = this.#tapes.get(from);
    const gradient = this.#gradient;
    if (stretch === undefined || gradient === undefined || training === undefined) throw new Error('backward before forward');
    const { tape, sentences, output, state, dBelow, dBefore } = stretch;
    const dOutput = this.#sum(above);
    if (dOutput !== undefined) tape.seed(output, dOutput);
    tape.seed(state.hidden, gradient.hidden.rows(0, sentences));
    tape.seed(state.cell, gradient.cell.rows(0, sentences));
    tape.backward();
    if (dBefore !== undefined) this.#copy(gradient, dBefore);
    stretch.weights = training.deferred.take();
    if (weightsAtOnce) this.weights({ from });
    return dBelow;
  }

  /** The gradients of weights that `backward` put off. */
  weights({ from }: Pick<Range, 'from'>): void {
    this.#tapes.get(from)?.weights();
    this.#tapes.delete(from);
  }

  /** Where a decoder's layer begins: source and target columns are each sorted by their own lengths. */
  #started(runner: Runner): RecurrentState | undefined {
    if (this.#start === undefined) return undefined;
    const { encoder, columns } = this.#start;
    const indices = runner.scope.integers(columns);
    return encoder.#final && each(encoder.#final, (input) => runner.run(gatherRows, { input, indices }, {}).output);
  }

  /** The states that a decoder begins with, and where their gradients gather. */
  get ends(): Learnt[] {
    const [final, gradient] = [this.#final, this.#gradient];
    if (final === undefined || gradient === undefined) return [];
    return (['hidden', 'cell'] as const).map((name) => ({ value: final[name], gradient: gradient[name] }));
  }

  #keep(state: RecurrentState, sentences: number): void {
    const { scope } = this.#context;
    this.#last = state;
    if (this.#final === undefined) {
      const shape = [sentences, state.hidden.dimension(1)];
      this.#final = { hidden: scope.empty(shape), cell: scope.empty(shape) };
      if (this.#context.training !== undefined) this.#gradient = { hidden: scope.zeros(shape), cell: scope.zeros(shape) };
    }
    // Later stretches hold fewer sentences, those that go on, first.
    this.#copy(this.#final, state);
  }

  #copy(to: RecurrentState, from: RecurrentState): void {
    const { kernels } = this.#context.scope.device;
    kernels.copy(to.hidden.offset, from.hidden.offset, from.hidden.bytes);
    kernels.copy(to.cell.offset, from.cell.offset, from.cell.bytes);
  }

  #sum([first, second, ...others]: readonly Tensor[]): Tensor | undefined {
    if (first === undefined || second === undefined) return first;
    const { scope } = this.#context;
    const sum = scope.empty(first.shape);
    scope.device.kernels.sum(sum.offset, first.offset, second.offset, sum.size);
    for (const other of others) scope.device.kernels.add(sum.offset, other.offset, sum.size);
    return sum;
  }
}

function each(state: RecurrentState, change: (tensor: Tensor) => Tensor): RecurrentState {
  return { hidden: change(state.hidden), cell: change(state.cell) };
}

/** What a device has of the output layer, and its gradients. */
export interface OutputSlice {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly dWeight: Tensor;
  readonly dBias: Tensor;
}

/** A slice of the vocabulary on its way through a micro-batch. */
export class OutputStage {
  readonly #scope: Scope;
  readonly #slice: SoftmaxSlice;
  readonly #dWeight: Tensor;
  readonly #dBias: Tensor;
  readonly #vocabulary: number;
  readonly #attributes: SoftmaxCrossEntropyAttributes;
  /** Where the logits of every stretch are computed, when they do not last. */
  readonly #room: { tensor: Tensor | undefined } | undefined;
  readonly #terms = new Map<string, SliceTerms>();

  /**
   * `output`: the slice's rows, which are those from `from` of a vocabulary of `vocabulary`. `oneAtATime`: a stretch is ended
   * before the next begins.
   */
  constructor(
    scope: Scope,
    { weight, bias, dWeight, dBias }: OutputSlice,
    from: number,
    vocabulary: number,
    attributes: SoftmaxCrossEntropyAttributes,
    oneAtATime: boolean,
  ) {
    this.#scope = scope;
    this.#slice = { weight, bias, from };
    this.#dWeight = dWeight;
    this.#dBias = dBias;
    this.#vocabulary = vocabulary;
    this.#attributes = attributes;
    this.#room = oneAtATime ? { tensor: undefined } : undefined;
  }

  /** `key`: the stretch. Gives the sums to be combined. */
  forward(key: string, input: Tensor, targetIds: Int32Array): Tensor {
    const terms = softmaxSliceSums(this.#scope, this.#slice, input, targetIds, this.#attributes.smoothing, this.#roomFor(targetIds.length));
    this.#terms.set(key, terms);
    return terms.sums;
  }

  backward(key: string, combined: Tensor, weightsAtOnce: boolean): Tensor {
    const dInput = softmaxSliceGradient(
      this.#scope,
      this.#slice,
      this.#termsOf(key),
      combined,
      this.#attributes,
      this.#vocabulary,
      this.#dBias,
    );
    if (weightsAtOnce) this.weights(key);
    return dInput;
  }

  weights(key: string): void {
    softmaxSliceWeights(this.#scope, this.#termsOf(key), this.#dWeight);
    this.#terms.delete(key);
  }

  #roomFor(rows: number): Tensor | undefined {
    if (this.#room === undefined) return undefined;
    if (this.#room.tensor === undefined || this.#room.tensor.dimension(0) < rows) {
      this.#room.tensor = this.#scope.empty([rows, this.#slice.bias.size]);
    }
    return this.#room.tensor;
  }

  #termsOf(key: string): SliceTerms {
    const terms = this.#terms.get(key);
    if (terms === undefined) throw new Error('backward before forward');
    return terms;
  }
}
