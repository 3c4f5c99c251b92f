import { createModel } from '../../models/create.js';
import type { LayeredModel } from '../../models/lstm/layered.js';
import { layersOf } from '../../models/lstm/separable-layers.js';
import type { Model } from '../../models/model.js';
import { Gradients, type LearntParameter, type ParameterStore } from '../../nn/parameters.js';
import { DeferredProducts } from '../../tensor/deferred-products.js';
import { type Device, Scope } from '../../tensor/device.js';
import { ProductRecorder, type KernelTimes, profiled } from '../../tensor/instrumentation.js';
import { matrixIdentity, type Precision } from '../../tensor/matrix.js';
import { Arena, Memory } from '../../tensor/memory.js';
import { PackedWeights } from '../../tensor/packed-weights.js';
import { Tensor } from '../../tensor/tensor.js';
import { TouchedRows } from '../../tensor/touched-rows.js';
import { everything, Optimizer } from '../../training/optimizer.js';
import { clippingFactor } from '../../training/update.js';
import { Completion } from './completion.js';
import { executeTasks } from './execute.js';
import type { ReplayMessage } from '../device-measurement.js';
import { unpackPairs } from '../messages.js';
import { type Network, networkOf } from '../schedule/network.js';
import type { KeepBusy, PipelineEvaluate, PipelineReply, PipelineRequest, PipelineStart, PipelineUpdate } from './messages.js';
import { evaluationSchedule, updateSchedule } from '../schedule/plan.js';
import { microBatchesUnderWay } from '../schedule/pipeline.js';
import type { ThreadPort } from '../runtime.js';
import type { Schedule, Task } from '../schedule/schedule.js';
import { ownParameters } from './own-parameters.js';
import { inputsOf, StagePass, type PassSettings, type TakeResult } from './pass.js';
import type { OutputSlice } from './stages.js';

/** A device of a pipeline: does its tasks of every schedule, and updates what its stages learn, which is in its memory alone. */
export class PipelineDevice {
  readonly #start: PipelineStart;
  readonly #device: Device;
  readonly #model: Model;
  readonly #layered: LayeredModel;
  readonly #network: Network;
  /** Of every device. */
  readonly #memories: readonly Memory[];
  readonly #own: ParameterStore;
  readonly #learnt: readonly LearntParameter[];
  readonly #slice: OutputSlice | undefined;
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
  readonly #description: { readonly gemm: string; readonly precision: Precision; readonly kernels: string };
  /** Tasks that each device has ended in all schedules so far. */
  readonly #ended: Int32Array;

  static async start(port: ThreadPort, start: PipelineStart): Promise<PipelineDevice> {
    const known = new Map(start.memories.map((existing) => [existing, new Memory({ shared: true, existing })]));
    const memories = start.memories.flatMap((memory) => known.get(memory) ?? []);
    const memory = memories[start.device];
    if (memory === undefined) throw new Error(`no memory for device ${start.device}`);
    return new PipelineDevice(start, memories, await port.openDevice(memory, { gemm: start.gemm, precision: start.precision }));
  }

  private constructor(start: PipelineStart, memories: readonly Memory[], opened: Device) {
    const { memory } = opened;
    const { plan, rule } = start;
    this.#start = start;
    this.#memories = memories;
    this.#recorder = start.instrument === 'record' ? new ProductRecorder(opened) : undefined;
    const device = start.instrument === 'profile' ? profiled(opened, this.#profile) : (this.#recorder?.device ?? opened);
    this.#model = createModel(start.model, start.vocabularies);
    this.#layered = layersOf(this.#model);
    this.#network = networkOf(this.#model, rule.optimizer);
    this.#own = ownParameters(this.#layered, plan.placement, start.device);
    this.#own.allocate(memory);
    this.#learnt = [...new Gradients(this.#own, memory)];
    this.#optimizer = new Optimizer(rule.optimizer, this.#own, memory);
    this.#slice = this.#outputSlice();
    // A device multiplies by its weights in every stretch: their packed copies last for an update.
    const dense = this.#learnt.filter(({ gradient }) => gradient instanceof Tensor);
    this.#weights = new PackedWeights(
      device.matrix,
      dense.map(({ value }) => value),
    );
    const ofLayers = this.#learnt.filter(({ value }) => value !== this.#slice?.weight);
    this.#deferred = new DeferredProducts(this.#weights, new Set(ofLayers.map(({ gradient }) => gradient.offset)));
    this.#device = { ...device, matrix: this.#deferred };
    this.#completion = new Completion(start.completion, plan.placement.devices);
    this.#arena = new Arena(memory);
    this.#scope = new Scope(this.#device, this.#arena);
    const { order, placement } = plan;
    if (order === '1f1b') this.#rooms = Array.from({ length: microBatchesUnderWay(placement.devices) }, () => new Arena(memory));
    this.#ended = new Int32Array(placement.devices);
    this.#description = { gemm: matrixIdentity(opened.matrix), precision: device.matrix.precision, kernels: device.kernels.variant };
  }

  get started(): PipelineReply {
    return { kind: 'started', ...this.#description, parameters: this.#own.offsets, optimizer: this.#optimizer.offsets };
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
    const { dropout: rate } = this.#model;
    const pass = this.#pass(message.microBatches, {
      attributes: { smoothing: rule.labelSmoothing, gradientScale },
      training: {
        gradients: this.#learnt,
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
    // Between updates other parameters may be distributed.
    this.#weights.forget();
    return { kind: 'evaluated', logProbabilities: pass.logProbabilities };
  }

  /** Gives the room of the steps back until the next one, for work between updates. */
  release(): void {
    for (const arena of [this.#arena, ...(this.#rooms ?? [])]) arena.dispose();
  }

  #pass(microBatches: PipelineUpdate['microBatches'], settings: PassSettings): StagePass {
    this.#arena.reset();
    const batches = microBatches.map((pairs) => this.#layered.pack(unpackPairs(pairs)));
    return new StagePass(this.#scope, this.#layered, this.#network, this.#start.plan.placement, this.#slice, batches, settings);
  }

  /** Does this device's tasks, in their order; gives the times at which each began and ended. */
  #execute(schedule: Schedule, pass: StagePass, conclude: (kind: Task['work']['kind']) => void): Float64Array {
    const { device } = this.#start;
    // Where each of this device's tasks leaves its result, by number.
    const list = this.#scope.empty([schedule.tasks.length], 'i32');
    const results = list.i32;
    this.#completion.setResults(device, list.offset);
    const take: TakeResult = ({ id, device: on }, shape, scope) => {
      const memory = this.#memories[on] as Memory;
      const there = readable(new Tensor(memory, this.#completion.resultsOf(on) + 4 * id, [1], 'i32'));
      const result = new Tensor(memory, (there.i32[0] as number) >>> 0, shape);
      return memory === this.#device.memory ? result : scope.empty(shape).set(readable(result).f32);
    };
    return executeTasks(schedule, device, this.#completion, this.#ended, (task) => {
      const { work } = task;
      if ('microBatch' in work) results[task.id] = pass.do(work, inputsOf(schedule, task), take)?.offset ?? 0;
      else conclude(work.kind);
    });
  }

  #replay({ products }: ReplayMessage): PipelineReply {
    const start = performance.now();
    this.#recorder?.replay(products);
    const milliseconds = performance.now() - start;
    // The products have been added to the gradients of an update that is over.
    for (const { gradient } of this.#learnt) if (gradient instanceof Tensor) gradient.f32.fill(0);
    return { kind: 'replayed', operations: this.#recorder?.operations ?? 0, milliseconds };
  }

  #sumOfSquares(): number {
    const { kernels } = this.#device;
    let squares = 0;
    for (const learnt of this.#learnt) {
      const { offset, size } = learnt.gradient instanceof TouchedRows ? learnt.gradient.table : learnt.gradient;
      squares += kernels.sumOfSquares(offset, size);
      this.#optimizer.unpack(kernels, learnt);
    }
    return squares;
  }

  #apply(step: { update: number; learningRate: number; factor: number }): void {
    const { kernels } = this.#device;
    for (const learnt of this.#learnt) {
      this.#optimizer.update(kernels, learnt, step, everything);
      if (learnt.gradient instanceof TouchedRows) learnt.gradient.count = 0;
    }
  }

  #outputSlice(): OutputSlice | undefined {
    const { weight, bias } = this.#layered.output;
    const [ofWeight, ofBias] = [weight, bias].map((whole) => this.#learnt.find(({ parameter }) => parameter.name === whole.name));
    if (ofWeight === undefined || ofBias === undefined) return undefined;
    const [dWeight, dBias] = [ofWeight.gradient, ofBias.gradient];
    if (!(dWeight instanceof Tensor && dBias instanceof Tensor)) throw new Error('the output layer has dense gradients');
    return { weight: ofWeight.value, bias: ofBias.value, dWeight, dBias };
  }
}

/** A tensor that another device has written, perhaps beyond what this thread has seen of its memory so far. */
function readable(tensor: Tensor): Tensor {
  if (!tensor.memory.has(tensor.offset + tensor.bytes)) throw new RangeError('a result outside its memory');
  return tensor;
}
