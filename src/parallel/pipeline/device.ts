import { type Batch, makeBatch, sumsOfSentences } from '../../data/batch.js';
import { createModel } from '../../models/create.js';
import { type LayeredModel, layersOf } from '../../models/layered.js';
import type { Model } from '../../models/model.js';
import { Gradients, type LearntParameter } from '../../nn/parameters.js';
import { rowKeys } from '../../nn/pass.js';
import { DeferredProducts } from '../../tensor/deferred-products.js';
import { type Device, Scope } from '../../tensor/device.js';
import { ProductRecorder, type KernelTimes, profiled } from '../../tensor/instrumentation.js';
import { matrixIdentity } from '../../tensor/matrix.js';
import { Arena, Memory } from '../../tensor/memory.js';
import { combineSlices } from '../../tensor/operations/softmax-slices.js';
import { PackedWeights } from '../../tensor/packed-weights.js';
import { Inference } from '../../tensor/tape.js';
import { Tensor } from '../../tensor/tensor.js';
import { TouchedRows } from '../../tensor/touched-rows.js';
import { Optimizer } from '../../training/optimizer.js';
import { clippingFactor } from '../../training/update.js';
import { Completion } from './completion.js';
import { executeTasks } from './execute.js';
import type { ReplayMessage } from '../device-measurement.js';
import { unpackPairs } from '../messages.js';
import { type Network, networkOf } from '../schedule/network.js';
import type { KeepBusy, PipelineEvaluate, PipelineReply, PipelineRequest, PipelineStart, PipelineUpdate } from './messages.js';
import { evaluationSchedule, updateSchedule } from '../schedule/plan.js';
import { microBatchesUnderWay } from '../schedule/pipeline.js';
import { LayerStage, OutputStage, type StageContext } from './stages.js';
import type { ThreadPort } from '../runtime.js';
import type { BatchShape, CombineWork, Schedule, StageWork, Task } from '../schedule/schedule.js';

/** A learnt value, of which this device changes [start, end). */
interface OwnPart {
  readonly learnt: LearntParameter;
  readonly start: number;
  readonly end: number;
}

/** A device of a pipeline: does its tasks of every schedule, and updates what its stages learn. */
export class PipelineDevice {
  /** As the platform gave it. */
  readonly opened: Device;
  readonly #start: PipelineStart;
  readonly #device: Device;
  readonly #model: Model;
  readonly #layered: LayeredModel;
  readonly #network: Network;
  readonly #gradients: readonly LearntParameter[];
  readonly #own: readonly OwnPart[];
  readonly #weights: PackedWeights;
  readonly #deferred: DeferredProducts;
  readonly #optimizer: Optimizer;
  readonly #completion: Completion;
  readonly #arena: Arena;
  readonly #scope: Scope;
  /** In the order of 1F1B: what micro-batches keep until they are over, one arena for each that can be under way. */
  readonly #rooms: readonly Arena[] | undefined;
  readonly #recorder: ProductRecorder | undefined;
  readonly #profile: KernelTimes = new Map();
  readonly #description: Extract<PipelineReply, { kind: 'started' }>;
  /** Tasks that each device has ended in all schedules so far. */
  readonly #ended: Int32Array;

  static async start(port: ThreadPort, start: PipelineStart): Promise<PipelineDevice> {
    const memory = new Memory({ shared: true, existing: start.memory });
    return new PipelineDevice(start, memory, await port.openDevice(memory, { gemm: start.gemm, precision: start.precision }));
  }

  private constructor(start: PipelineStart, memory: Memory, opened: Device) {
    this.opened = opened;
    this.#start = start;
    this.#recorder = start.instrument === 'record' ? new ProductRecorder(opened) : undefined;
    const device = start.instrument === 'profile' ? profiled(opened, this.#profile) : (this.#recorder?.device ?? opened);
    this.#model = createModel(start.model, start.vocabularies);
    this.#model.parameters.attach(memory, start.parameters);
    this.#layered = layersOf(this.#model);
    this.#network = networkOf(this.#model, start.rule.optimizer);
    this.#gradients = [...new Gradients(this.#model.parameters, memory, start.gradients)];
    this.#optimizer = new Optimizer(start.rule.optimizer, this.#model.parameters, memory, start.optimizer);
    this.#own = this.#ownParts();
    // A device multiplies by its weights in every stretch: their packed copies last for an update.
    this.#weights = new PackedWeights(device.matrix, this.#ownWeights());
    const ofLayers = this.#gradients.filter(({ parameter }) => parameter !== this.#layered.output.weight);
    this.#deferred = new DeferredProducts(this.#weights, new Set(ofLayers.map(({ gradient }) => gradient.offset)));
    this.#device = { ...device, matrix: this.#deferred };
    this.#completion = new Completion(start.memory, start.completion, start.plan.placement.devices);
    this.#arena = new Arena(memory);
    this.#scope = new Scope(this.#device, this.#arena);
    const { order, placement } = start.plan;
    if (order === '1f1b') this.#rooms = Array.from({ length: microBatchesUnderWay(placement.devices) }, () => new Arena(memory));
    this.#ended = new Int32Array(start.plan.placement.devices);
    const { precision } = device.matrix;
    this.#description = { kind: 'started', gemm: matrixIdentity(opened.matrix), precision, kernels: device.kernels.variant };
  }

  get started(): PipelineReply {
    return this.#description;
  }

  answer(request: Exclude<PipelineRequest, PipelineStart | KeepBusy>): PipelineReply {
    switch (request.kind) {
      case 'pipelineUpdate':
        return this.#update(request);
      case 'pipelineEvaluate':
        return this.#evaluate(request);
      case 'replay':
        return this.#replay(request);
      case 'profile': {
        const milliseconds = [...this.#profile];
        this.#profile.clear();
        return { kind: 'profiled', milliseconds };
      }
    }
  }

  #update(message: PipelineUpdate): PipelineReply {
    const { rule, plan, instrument } = this.#start;
    const { update, learningRate, gradientScale } = message;
    this.#recorder?.start();
    const { dropout: rate } = this.#model;
    const pass = this.#pass(message.microBatches, {
      attributes: { smoothing: rule.labelSmoothing, gradientScale },
      training: {
        gradients: this.#gradients,
        deferred: this.#deferred,
        dropout: rate > 0 ? { rate, seed: rule.seed, step: update } : undefined,
      },
      softmax: plan.softmax,
      rooms: this.#rooms,
    });
    const schedule = updateSchedule(this.#network, plan, pass.shapes);
    let [gradientNorm, finite] = [0, false];
    const times = this.#execute(schedule, pass, (kind) => {
      if (kind === 'norm') this.#completion.setSums(this.#start.device, { squares: this.#sumOfSquares(), loss: pass.loss });
      else {
        const all = Array.from({ length: schedule.devices }, (_, device) => this.#completion.sumsOf(device));
        gradientNorm = Math.sqrt(all.reduce((sum, { squares }) => sum + squares, 0));
        finite = Number.isFinite(gradientNorm) && Number.isFinite(all.reduce((sum, { loss }) => sum + loss, 0));
        if (finite) this.#apply({ update, learningRate, factor: clippingFactor(gradientNorm, rule.clip) });
      }
    });
    this.#weights.forget();
    this.#recorder?.stop();
    const { loss, negativeLogLikelihood } = pass;
    return { kind: 'updated', gradientNorm, finite, loss, negativeLogLikelihood, ...(instrument === 'time' && { times }) };
  }

  #evaluate({ pairs }: PipelineEvaluate): PipelineReply {
    const pass = this.#pass([pairs], { attributes: { smoothing: 0, gradientScale: 0 }, training: undefined, softmax: 'as they come' });
    const [shape] = pass.shapes;
    if (shape !== undefined) this.#execute(evaluationSchedule(this.#network, this.#start.plan, shape), pass, () => undefined);
    // Between updates anyone may write the parameters.
    this.#weights.forget();
    return { kind: 'evaluated', logProbabilities: pass.logProbabilities };
  }

  /** Gives the room of the steps back until the next one, for work between updates. */
  release(): void {
    for (const arena of [this.#arena, ...(this.#rooms ?? [])]) arena.dispose();
  }

  #pass(microBatches: PipelineUpdate['microBatches'], settings: PassSettings): Pass {
    this.#arena.reset();
    const batches = microBatches.map((pairs) => makeBatch(unpackPairs(pairs), this.#model.batchOptions));
    return new Pass(this.#scope, this.#layered, this.#network, this.#start.plan.placement, this.#gradients, batches, settings);
  }

  /** Does this device's tasks, in their order; gives the times at which each began and ended. */
  #execute(schedule: Schedule, pass: Pass, conclude: (kind: Task['work']['kind']) => void): Float64Array {
    const { device } = this.#start;
    // Where each of this device's tasks leaves its result, by number.
    const list = this.#scope.empty([schedule.tasks.length], 'i32');
    const results = list.i32;
    this.#completion.setResults(device, list.offset);
    const resultOf = ({ id, device: on }: Task): number => {
      const at = on === device ? list.offset : this.#completion.resultsOf(on);
      return (this.#scope.device.memory.i32[at / 4 + id] as number) >>> 0;
    };
    return executeTasks(schedule, device, this.#completion, this.#ended, (task) => {
      const { work } = task;
      if ('microBatch' in work) results[task.id] = pass.do(work, inputsOf(schedule, task), resultOf)?.offset ?? 0;
      else conclude(work.kind);
    });
  }

  #replay({ products }: ReplayMessage): PipelineReply {
    const start = performance.now();
    this.#recorder?.replay(products);
    const milliseconds = performance.now() - start;
    // The products have been added to the gradients of an update that is over.
    for (const { learnt, start: from, end } of this.#own) {
      if (learnt.gradient instanceof Tensor) learnt.gradient.f32.fill(0, from, end);
    }
    return { kind: 'replayed', operations: this.#recorder?.operations ?? 0, milliseconds };
  }

  #sumOfSquares(): number {
    const { kernels } = this.#device;
    let squares = 0;
    for (const { learnt, start, end } of this.#own) {
      const { gradient } = learnt;
      if (gradient instanceof TouchedRows) {
        squares += kernels.sumOfSquares(gradient.table.offset, gradient.table.size);
        this.#optimizer.unpack(kernels, learnt);
      } else squares += kernels.sumOfSquares(gradient.offset + start * 4, end - start);
    }
    return squares;
  }

  #apply(step: { update: number; learningRate: number; factor: number }): void {
    const { kernels } = this.#device;
    for (const { learnt, start, end } of this.#own) {
      const { gradient } = learnt;
      if (gradient instanceof TouchedRows) {
        this.#optimizer.update(kernels, learnt, step, { part: 0, parts: 1 });
        gradient.count = 0;
      } else this.#optimizer.updateRange(kernels, learnt, step, start, end);
    }
  }

  #ownParts(): OwnPart[] {
    const { device, plan } = this.#start;
    const { layers, vocabulary } = plan.placement;
    const { output, parametersOf } = this.#layered;
    const learntBy = new Map(this.#gradients.map((learnt) => [learnt.parameter, learnt]));
    const parts: OwnPart[] = [];
    const own = (parameter: LearntParameter['parameter'], start: number, end: number) => {
      const learnt = learntBy.get(parameter);
      if (learnt !== undefined) parts.push({ learnt, start, end });
    };
    for (const [layer, place] of layers.entries()) {
      if (place !== device) continue;
      for (const part of ['encoder', 'decoder'] as const) {
        for (const parameter of parametersOf(part, layer)) own(parameter, 0, parameter.size);
      }
    }
    for (const { device: place, from, to } of vocabulary) {
      if (place !== device) continue;
      const size = this.#network.hidden;
      own(output.weight, from * size, to * size);
      own(output.bias, from, to);
    }
    return parts;
  }

  #ownWeights(): Tensor[] {
    const { weight } = this.#layered.output;
    const { device, plan } = this.#start;
    const slices = plan.placement.vocabulary.filter((slice) => slice.device === device);
    const layers = this.#own.filter(({ learnt: { parameter } }) => parameter !== weight && parameter.rules.gradient === 'dense');
    return [...layers.map(({ learnt }) => learnt.value), ...slices.map(({ from, to }) => weight.value.rows(from, to))];
  }
}

/** `LayeredModel` refuses it before any device starts. */
const noAttention = new Error('a pipeline has no attention');

/** The tasks whose results a task reads, in the order of slices where there are several. */
function inputsOf({ tasks }: Schedule, { work, needs }: Task): Task[] {
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

interface PassSettings extends Pick<StageContext, 'training'> {
  /** Where micro-batches keep what they need, in turn. Absent: all where the pass does, to its end. */
  readonly rooms?: readonly Arena[] | undefined;
  readonly attributes: { readonly smoothing: number; readonly gradientScale: number };
  readonly softmax: 'as needed' | 'as they come';
}

/** The stages of this device on their way through the micro-batches of an update. */
class Pass {
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
  readonly #batches: readonly Batch[];
  readonly #smoothing: number;
  readonly #layers: readonly { readonly encoder: LayerStage; readonly decoder: LayerStage }[][];
  /** By the first token of a slice. */
  readonly #outputs = new Map<Scope, Map<number, OutputStage>>();
  readonly #output: (vocabulary: { from: number; to: number }, scope: Scope) => OutputStage;
  readonly #byRow: Float64Array[];

  constructor(
    scope: Scope,
    model: LayeredModel,
    network: Network,
    { layers }: { readonly layers: readonly number[] },
    gradients: readonly LearntParameter[],
    batches: readonly Batch[],
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
      const keysOf = ({ layout, sentences }: Batch['source'] | Batch['target']) => rowKeys(walk, layout, sentences, sentenceKeys);
      const sides = {
        encoder: { layout: source.layout, ids: source.ids, keys: keysOf(source) },
        decoder: { layout: target.layout, ids: target.inputIds, keys: keysOf(target) },
      };
      return layers.map((_, layer) => {
        const encoder = new LayerStage(context, 'encoder', layer, sides.encoder);
        return { encoder, decoder: new LayerStage(context, 'decoder', layer, sides.decoder, { encoder, columns }) };
      });
    });
    const gradientOf = (wanted: LearntParameter['parameter']) => gradients.find(({ parameter }) => parameter === wanted)?.gradient;
    const [dWeight, dBias] = [gradientOf(model.output.weight), gradientOf(model.output.bias)];
    if (!(dWeight instanceof Tensor && dBias instanceof Tensor)) throw new Error('the output layer has dense gradients');
    const [weight, bias] = [model.output.weight.value, model.output.bias.value];
    this.#output = (slice, scope) => {
      const ofScope = this.#outputs.get(scope) ?? new Map<number, OutputStage>();
      this.#outputs.set(scope, ofScope);
      const known = ofScope.get(slice.from);
      if (known !== undefined) return known;
      const stage = new OutputStage(scope, { weight, bias, dWeight, dBias }, slice, attributes, softmax === 'as they come');
      ofScope.set(slice.from, stage);
      return stage;
    };
  }

  /** Does a task with the results of `inputs`; gives its own. */
  do(work: StageWork | CombineWork, inputs: readonly Task[], resultOf: (task: Task) => number): Tensor | undefined {
    const { rows, microBatch, steps } = work;
    this.#enter(microBatch);
    const scope = this.#scopeOf(microBatch);
    const tensors = (columns: number) => inputs.map((task) => new Tensor(scope.device.memory, resultOf(task), [rows, columns]));
    if (work.kind === 'combine') return this.#combine(work, tensors(4));
    const { stage, kind, withWeights } = work;
    const { hidden } = this.#network;
    if (stage.part === 'output') {
      const output = this.#output(stage.vocabulary, scope);
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
    if (microBatch === 0 && steps.to === target.layout.steps) this.logProbabilities = sumsOfSentences(target, this.#byRow[0] ?? []);
    return combined;
  }

  #targetIds({ microBatch, steps }: StageWork): Int32Array {
    const { layout, outputIds } = this.#batch(microBatch).target;
    return outputIds.subarray(layout.offsets[steps.from], layout.offsets[steps.to]);
  }

  #batch(microBatch: number): Batch {
    const batch = this.#batches[microBatch];
    if (batch === undefined) throw new Error(`no micro-batch ${microBatch}`);
    return batch;
  }
}

function only([tensor]: readonly Tensor[]): Tensor {
  if (tensor === undefined) throw new Error('a task without what it reads');
  return tensor;
}
