import { bySentence, type PackedBatch, type PackedSide } from '../../models/lstm/batch.js';
import type { LayeredModel } from '../../models/lstm/layered.js';
import { rowKeys } from '../../nn/pass.js';
import { Scope } from '../../tensor/device.js';
import type { Arena } from '../../tensor/memory.js';
import { combineSlices } from '../../tensor/operations/softmax-slices.js';
import { Inference } from '../../tensor/tape.js';
import type { Shape, Tensor } from '../../tensor/tensor.js';
import type { Network } from '../schedule/network.js';
import { LayerStage, type OutputSlice, OutputStage, type StageContext } from './stages.js';
import type { BatchShape, CombineWork, Schedule, StageWork, Task } from '../schedule/schedule.js';

/** `LayeredModel` refuses it before any device starts. */
const noAttention = new Error('a pipeline has no attention');

/** The tasks whose results a task reads, in the order of slices where there are several. */
export function inputsOf({ tasks }: Schedule, { work, needs }: Task): Task[] {
  const needed = needs.map(({ task }) => tasks[task] as Task);
  const stageOf = ({ work: other }: Task) => ('stage' in other ? other.stage : undefined);
  if (work.kind === 'combine') return needed;
  if (!('stage' in work)) return [];
  const { stage, kind } = work;
  if (stage.part === 'output') {
    return needed.filter((task) => (kind === 'forward' ? stageOf(task)?.part === 'decoder' : task.work.kind === 'combine'));
  }
  if (stage.part === 'attention') throw noAttention;
  const neighbour = kind === 'forward' ? stage.layer - 1 : stage.layer + 1;
  return needed.filter((task) => {
    const other = stageOf(task);
    if (other === undefined || task.work.kind !== kind) return false;
    return other.part === 'output' || (other.part === stage.part && 'layer' in other && other.layer === neighbour);
  });
}

/** Gives what a task has left, of that shape, to be read on this device: a copy where it lies in another memory. */
export type TakeResult = (task: Task, shape: Shape, scope: Scope) => Tensor;

export interface PassSettings extends Pick<StageContext, 'training'> {
  /** Where micro-batches keep what they need, in turn. Absent: all where the pass does, to its end. */
  readonly rooms?: readonly Arena[] | undefined;
  readonly attributes: { readonly smoothing: number; readonly gradientScale: number };
  readonly softmax: 'as needed' | 'as they come';
}

/** The stages of this device on their way through the micro-batches of an update. */
export class StagePass {
  readonly shapes: readonly BatchShape[];
  loss = 0;
  negativeLogLikelihood = 0;
  /** Of each pair of the first micro-batch, where this device combines. */
  logProbabilities: Float64Array | undefined;
  readonly #network: Network;
  readonly #rooms: readonly Arena[] | undefined;
  readonly #scopes: readonly Scope[];
  /** The last micro-batch that has begun in each room. */
  readonly #begun = new Map<Arena, number>();
  readonly #batches: readonly PackedBatch[];
  readonly #smoothing: number;
  readonly #layers: readonly { readonly encoder: LayerStage; readonly decoder: LayerStage }[][];
  readonly #outputs = new Map<Scope, OutputStage>();
  readonly #output: (from: number, scope: Scope) => OutputStage;
  readonly #byRow: Float64Array[];

  constructor(
    scope: Scope,
    model: LayeredModel,
    network: Network,
    { layers }: { readonly layers: readonly number[] },
    slice: OutputSlice | undefined,
    batches: readonly PackedBatch[],
    { attributes, training, softmax, rooms }: PassSettings,
  ) {
    this.shapes = batches.map(({ source, target }) => ({ source: [...source.layout.active], target: [...target.layout.active] }));
    this.#rooms = rooms;
    this.#scopes = rooms?.map((arena) => new Scope(scope.device, arena)) ?? [scope];
    this.#network = network;
    this.#batches = batches;
    this.#smoothing = attributes.smoothing;
    this.#byRow = batches.map(({ target }) => new Float64Array(target.layout.rows));
    this.#layers = batches.map((batch, microBatch) => {
      const context = { model, scope: this.#scopeOf(microBatch), training };
      const { source, target, sentenceKeys, sourceColumnOfTarget: columns } = batch;
      const walk = { runner: new Inference(scope), dropout: training?.dropout };
      const keysOf = ({ layout, sentences }: PackedSide) => rowKeys(walk, layout, sentences, sentenceKeys);
      const sides = {
        encoder: { layout: source.layout, ids: source.ids, keys: keysOf(source) },
        decoder: { layout: target.layout, ids: target.inputIds, keys: keysOf(target) },
      };
      return layers.map((_, layer) => {
        const encoder = new LayerStage(context, 'encoder', layer, sides.encoder);
        return { encoder, decoder: new LayerStage(context, 'decoder', layer, sides.decoder, { encoder, columns }) };
      });
    });
    this.#output = (from, scope) => {
      const known = this.#outputs.get(scope);
      if (known !== undefined) return known;
      if (slice === undefined) throw new Error('no part of the output layer is here');
      const stage = new OutputStage(scope, slice, from, network.targetVocabulary, attributes, softmax === 'as they come');
      this.#outputs.set(scope, stage);
      return stage;
    };
  }

  /** Does a task with the results of `inputs`; gives its own. */
  do(work: StageWork | CombineWork, inputs: readonly Task[], take: TakeResult): Tensor | undefined {
    const { rows, microBatch, steps } = work;
    this.#enter(microBatch);
    const scope = this.#scopeOf(microBatch);
    const tensors = (columns: number) => inputs.map((task) => take(task, [rows, columns], scope));
    if (work.kind === 'combine') return this.#combine(work, tensors(4));
    const { stage, kind, withWeights } = work;
    const { hidden } = this.#network;
    if (stage.part === 'output') {
      const output = this.#output(stage.vocabulary.from, scope);
      const key = `${microBatch} ${steps.from}`;
      if (kind === 'forward') return output.forward(key, only(tensors(hidden)), this.#targetIds(work));
      if (kind === 'backward') return output.backward(key, only(tensors(2)), withWeights);
      return output.weights(key) as undefined;
    }
    if (stage.part === 'attention') throw noAttention;
    const layer = this.#layers[microBatch]?.[stage.layer]?.[stage.part];
    if (layer === undefined) throw new Error(`no layer ${stage.layer} in micro-batch ${microBatch}`);
    if (kind === 'forward') return layer.forward(steps, stage.layer === 0 ? undefined : only(tensors(hidden)));
    if (kind === 'backward') return layer.backward(steps, tensors(hidden), withWeights);
    return layer.weights(steps) as undefined;
  }

  /** Clears the room of a micro-batch that begins: by the schedule the one before it there is over on every device. */
  #enter(microBatch: number): void {
    const room = this.#rooms?.[microBatch % this.#rooms.length];
    if (room === undefined || this.#begun.get(room) === microBatch) return;
    room.reset();
    this.#outputs.delete(this.#scopeOf(microBatch));
    this.#begun.set(room, microBatch);
  }

  #scopeOf(microBatch: number): Scope {
    return this.#scopes[microBatch % this.#scopes.length] as Scope;
  }

  #combine({ microBatch, steps }: CombineWork, slices: readonly Tensor[]): Tensor {
    const { targetVocabulary } = this.#network;
    const { combined, losses, logProbabilities } = combineSlices(this.#scopeOf(microBatch), slices, targetVocabulary, this.#smoothing);
    for (const loss of losses) this.loss += loss;
    for (const value of logProbabilities) this.negativeLogLikelihood -= value;
    const { target } = this.#batch(microBatch);
    this.#byRow[microBatch]?.set(logProbabilities, target.layout.offsets[steps.from]);
    if (microBatch === 0 && steps.to === target.layout.steps) {
      const byToken = bySentence(target, this.#byRow[0] ?? new Float64Array(0));
      this.logProbabilities = Float64Array.from(byToken, (values) => values.reduce((sum, value) => sum + value, 0));
    }
    return combined;
  }

  #targetIds({ microBatch, steps }: StageWork): Int32Array {
    const { layout, outputIds } = this.#batch(microBatch).target;
    return outputIds.subarray(layout.offsets[steps.from], layout.offsets[steps.to]);
  }

  #batch(microBatch: number): PackedBatch {
    const batch = this.#batches[microBatch];
    if (batch === undefined) throw new Error(`no micro-batch ${microBatch}`);
    return batch;
  }
}

function only([tensor]: readonly Tensor[]): Tensor {
  if (tensor === undefined) throw new Error('a task without what it reads');
  return tensor;
}
