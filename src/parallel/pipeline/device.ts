import { createModel } from '../../models/create.js';
import type { LayeredModel } from '../../models/lstm/layered.js';
import { layersOf } from '../../models/lstm/separable-layers.js';
import type { Model } from '../../models/model.js';
import { Gradients, type LearntParameter } from '../../nn/parameters.js';
import { DeferredProducts } from '../../tensor/deferred-products.js';
import { type Device, Scope } from '../../tensor/device.js';
import { ProductRecorder, type KernelTimes, profiled } from '../../tensor/instrumentation.js';
import { matrixIdentity } from '../../tensor/matrix.js';
import { Arena, Memory } from '../../tensor/memory.js';
import { PackedWeights } from '../../tensor/packed-weights.js';
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
import type { ThreadPort } from '../runtime.js';
import type { Schedule, Task } from '../schedule/schedule.js';
import { inputsOf, StagePass, type PassSettings } from './pass.js';

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

  #pass(microBatches: PipelineUpdate['microBatches'], settings: PassSettings): StagePass {
    this.#arena.reset();
    const batches = microBatches.map((pairs) => this.#layered.pack(unpackPairs(pairs)));
    return new StagePass(this.#scope, this.#layered, this.#network, this.#start.plan.placement, this.#gradients, batches, settings);
  }

  /** Does this device's tasks, in their order; gives the times at which each began and ended. */
  #execute(schedule: Schedule, pass: StagePass, conclude: (kind: Task['work']['kind']) => void): Float64Array {
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
