import { combinedBytes, sliceSumBytes } from '../tensor/operations/softmax-slices.js';
import { execute, type Need, type Node } from './discrete-events.js';
import type { Placement, Range } from './placement.js';

/** What a schedule must know of an encoder-decoder without attention. */
export interface Network {
  /** Layers a side. */
  readonly layers: number;
  readonly hidden: number;
  readonly embedding: number;
  readonly targetVocabulary: number;
}

/** The sentences that are still running at each step of a batch; see `SequenceLayout.active`. */
export interface BatchShape {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

/** A layer of one side, or a slice of the output layer and its softmax. */
export type Stage =
  | { readonly part: 'encoder' | 'decoder'; readonly layer: number }
  | { readonly part: 'output'; readonly vocabulary: Range };

/**
 * What a task does:
 * - `forward`   a stage over a stretch of steps; of the output: logits, each row's maximum and sum of exponentials
 * - `combine`   the log-sum-exp of every row over the whole vocabulary, from those sums, and the loss
 * - `backward`  the gradient of what the stage was given; the output's needs the log-sum-exp
 * - `weights`   the gradient of the weights, where `backward` put it off
 * - `reduce`    adds a device's share of the gradients of the others to its own
 * - `norm`      the sum of squares of a device's gradients, for clipping
 * - `update`    the optimizer, over `values` parameters
 * - `gather`    receives the parameters that the others updated
 */
export type Work = StageWork | CombineWork | { readonly kind: 'reduce' | 'norm' | 'update' | 'gather'; readonly values: number };

/** A stretch of a micro-batch. */
interface StretchWork {
  readonly microBatch: number;
  readonly steps: Range;
  /** Sentences times steps. */
  readonly rows: number;
}

export interface StageWork extends StretchWork {
  readonly kind: 'forward' | 'backward' | 'weights';
  readonly stage: Stage;
  /** Whether `backward` also computes the gradient of the weights. */
  readonly withWeights: boolean;
  /** Whether this stage does this kind of work for the first time in an update, on this device: then it packs its weights. */
  readonly isFirst: boolean;
}

export interface CombineWork extends StretchWork {
  readonly kind: 'combine';
  /** Of the vocabulary. */
  readonly slices: number;
}

export interface Task extends Node {
  readonly work: Work;
  /** Estimated cost: floating-point operations of its matrix products. */
  readonly operations: number;
}

/** One update as a graph of tasks, and the order in which each device does its own. */
export interface Schedule {
  readonly devices: number;
  readonly tasks: readonly Task[];
  readonly orders: readonly (readonly Task[])[];
}

/**
 * How a device chooses between tasks that it could begin:
 * - `diagonal`  what the longest chain of work still waits for: layers work on a diagonal through time
 * - `gpipe`     every micro-batch forward, then every one backward (Huang et al. 2019, figure 2c)
 * - `1f1b`      backward as soon as it can, no more micro-batches under way than devices (Narayanan et al. 2019, section 3.2; here all end
 *               before the update)
 */
export type Order = 'diagonal' | 'gpipe' | '1f1b';

export interface PipelineOptions {
  readonly placement: Placement;
  readonly microBatches: readonly BatchShape[];
  /** Steps that are handed on together. */
  readonly stretch: number;
  readonly order: Order;
  /** `deferred`: gradients of weights fill the time in which a device would wait; the output's only when the softmax is done as needed. */
  readonly weightGradients: 'at once' | 'deferred';
  /**
   * `as needed`: where outputs of several stretches wait, the last first, since backward begins with it. `as they come`: a
   * stretch is ended before the next begins, also of the next micro-batch, and only its logits exist; then backward waits for
   * all of a micro-batch's softmax.
   */
  readonly softmax: 'as needed' | 'as they come';
}

/** Layers and slices of the vocabulary on different devices, each stretch of steps handed on as soon as it exists (Sutskever et al. 2014, section 3.5). */
export function pipeline(network: Network, options: PipelineOptions): Schedule {
  const { placement, microBatches, order } = options;
  const graph = new Graph(network);
  const ends: (readonly number[])[] = [];
  for (const [microBatch, shape] of microBatches.entries()) {
    const before = order === '1f1b' ? ends[microBatch - microBatchesUnderWay(placement.devices)] : undefined;
    ends.push(graph.addMicroBatch(microBatch, shape, options, before));
  }
  graph.addUpdates(
    Array.from({ length: placement.devices }, (_, device) => parametersOn(network, placement, device)),
    graph.unneeded(),
  );
  return ordered(graph.tasks, placement.devices, order);
}

/** In the order of 1F1B: one begins when that so many before it is over on every device, which then needs nothing of it any more. */
export function microBatchesUnderWay(devices: number): number {
  return devices;
}

/** The loss alone, of the same stages. */
export function evaluation(network: Network, options: Omit<PipelineOptions, 'order' | 'weightGradients' | 'softmax'>): Schedule {
  const graph = new Graph(network);
  const cut = { ...options, weightGradients: 'at once', softmax: 'as they come' } as const;
  for (const [microBatch, shape] of options.microBatches.entries()) new MicroBatch(graph, network, microBatch, shape, cut).evaluate();
  return ordered(graph.tasks, options.placement.devices, 'diagonal');
}

/**
 * Every device has the whole network and a shard of the batch. Each sums its share of all gradients and updates that share
 * of the parameters; devices with memories of their own then exchange what they updated.
 */
export function dataParallel(network: Network, shards: readonly BatchShape[], memories: 'shared' | 'separate'): Schedule {
  const devices = shards.length;
  const graph = new Graph(network);
  const values = denseParameters(network);
  const share = values / devices;
  for (const [device, shard] of shards.entries()) {
    if (rowsOf(shard.target) === 0) continue;
    const placement = {
      devices,
      layers: Array.from({ length: network.layers }, () => device),
      vocabulary: [{ device, from: 0, to: network.targetVocabulary }],
    };
    graph.addMicroBatch(
      device,
      shard,
      { placement, stretch: Number.POSITIVE_INFINITY, weightGradients: 'at once', softmax: 'as needed' },
      undefined,
    );
  }
  const ends = graph.unneeded();
  const isSeparate = memories === 'separate';
  const touched = shards.map(({ source, target }) => (rowsOf(source) + rowsOf(target)) * network.embedding);
  const reduced =
    devices === 1
      ? ends
      : shards.map((_, device) => {
          // Dense gradients by shares; of the embeddings only touched rows.
          const embeddings = (touched.reduce((sum, count) => sum + count, 0) - (touched[device] as number)) / devices;
          const needs = ends.map((task) => {
            const from = (graph.tasks[task] as Task).device;
            return { task, bytes: isSeparate ? 4 * (share + (touched[from] as number) / devices) : 0 };
          });
          return graph.add(device, { kind: 'reduce', values: share * (devices - 1) + embeddings }, needs, 0);
        });
  const updates = graph.addUpdates(new Array<number>(devices).fill(share), reduced);
  if (isSeparate && devices > 1) {
    for (let device = 0; device < devices; device++)
      graph.add(device, { kind: 'gather', values: values - share }, withBytes(updates, 4 * share), 0);
  }
  return ordered(graph.tasks, devices, 'diagonal');
}

/** Sentences of equal length. */
export function evenBatch(sentences: number, source: number, target: number): BatchShape {
  return { source: new Array<number>(source).fill(sentences), target: new Array<number>(target).fill(sentences) };
}

/** Parts of a batch of nearly equal work: at every step each part has its share of the sentences that are running. */
export function divideShape({ source, target }: BatchShape, parts: number): BatchShape[] {
  return Array.from({ length: parts }, (_, part) => {
    const shareOfStep = (active: number) => Math.floor((active + parts - 1 - part) / parts);
    return { source: source.map(shareOfStep), target: target.map(shareOfStep) };
  });
}

/** Of all that every device reads and writes in an update but the touched rows of embeddings. */
export function denseParameters({ layers, hidden, embedding, targetVocabulary }: Network): number {
  const layer = (inputs: number) => 4 * hidden * (inputs + hidden + 1);
  return 2 * (layer(embedding) + (layers - 1) * layer(hidden)) + targetVocabulary * (hidden + 1);
}

/** Share of a schedule's operations that each device does. */
export function operationShares({ tasks, devices }: Schedule): number[] {
  const operations = new Float64Array(devices);
  for (const task of tasks) (operations[task.device] as number) += task.operations;
  const all = operations.reduce((sum, count) => sum + count, 0);
  return Array.from(operations, (count) => (all === 0 ? 0 : count / all));
}

/** Floating-point operations of a forward pass of a stage, a row. Each of its two gradients takes as many. */
export function operationsOf(network: Network, stage: Stage): number {
  const { hidden } = network;
  if (stage.part === 'output') return 2 * hidden * (stage.vocabulary.to - stage.vocabulary.from);
  return 2 * 4 * hidden * (hidden + inputsOf(network, stage.layer));
}

export function inputsOf({ hidden, embedding }: Network, layer: number): number {
  return layer === 0 ? embedding : hidden;
}

/** A sum of squares, as float64. */
const normBytes = 8;

function parametersOn(network: Network, { layers, vocabulary }: Placement, device: number): number {
  const { hidden } = network;
  let values = 0;
  layers.forEach((place, layer) => {
    if (place === device) values += 2 * 4 * hidden * (inputsOf(network, layer) + hidden + 1);
  });
  for (const slice of vocabulary) if (slice.device === device) values += (slice.to - slice.from) * (hidden + 1);
  return values;
}

function rowsOf(active: readonly number[]): number {
  return active.reduce((sum, sentences) => sum + sentences, 0);
}

function withBytes(tasks: readonly number[], bytes: number): Need[] {
  return tasks.map((task) => ({ task, bytes }));
}

interface Stretch extends Range {
  readonly rows: number;
}

function stretchesOf(active: readonly number[], stretch: number): Stretch[] {
  const running = active.filter((sentences) => sentences > 0);
  const stretches: Stretch[] = [];
  for (let from = 0; from < running.length; from += stretch) {
    const to = Math.min(running.length, from + stretch);
    stretches.push({ from, to, rows: rowsOf(running.slice(from, to)) });
  }
  return stretches;
}

class Graph {
  readonly tasks: Task[] = [];
  /** What ended each slice's last stretch, where the softmax is done as it comes. */
  softmaxEnds: readonly number[] = [];
  readonly #network: Network;
  /** Kinds of work that a stage has on a device. */
  readonly #begun = new Set<string>();

  constructor(network: Network) {
    this.#network = network;
  }

  /** Whether no task before had this kind of work of this stage on this device. */
  begins(device: number, kind: Work['kind'], stage: Stage): boolean {
    const before = this.#begun.size;
    const name = stage.part === 'output' ? `from ${stage.vocabulary.from}` : stage.layer;
    this.#begun.add(`${device} ${kind} ${stage.part} ${name}`);
    return this.#begun.size > before;
  }

  add(device: number, work: Work, needs: readonly Need[], operations: number): number {
    const id = this.tasks.length;
    this.tasks.push({ id, device, work, needs, operations });
    return id;
  }

  /** Tasks that no other waits for. */
  unneeded(): number[] {
    const needed = new Set(this.tasks.flatMap(({ needs }) => needs.map(({ task }) => task)));
    return this.tasks.filter(({ id }) => !needed.has(id)).map(({ id }) => id);
  }

  /** Each device updates so many values once the tasks of `ends` on it are over, and the norm of the whole gradient is known. */
  addUpdates(values: readonly number[], ends: readonly number[]): number[] {
    const norms = values.map((count, device) => {
      const own = ends.filter((task) => this.tasks[task]?.device === device);
      return this.add(device, { kind: 'norm', values: count }, withBytes(own, 0), 0);
    });
    return values.map((count, device) => this.add(device, { kind: 'update', values: count }, withBytes(norms, normBytes), 0));
  }

  /** Forward and backward of a micro-batch, which begins after the tasks `before`. Gives those that end it. */
  addMicroBatch(microBatch: number, shape: BatchShape, cut: Cut, before: readonly number[] = []): readonly number[] {
    return new MicroBatch(this, this.#network, microBatch, shape, cut).add(before);
  }
}

/** Where a network and its steps are cut into tasks. */
type Cut = Pick<PipelineOptions, 'placement' | 'stretch' | 'weightGradients' | 'softmax'>;

/** Tasks of one pass over the layers of a side: [layer][stretch]. */
type Grid = readonly number[][];

/** Adds the tasks of one micro-batch to a graph. */
class MicroBatch {
  readonly #graph: Graph;
  readonly #network: Network;
  readonly #number: number;
  readonly #cut: Cut;
  readonly #source: readonly Stretch[];
  readonly #target: readonly Stretch[];

  constructor(graph: Graph, network: Network, number: number, { source, target }: BatchShape, cut: Cut) {
    this.#graph = graph;
    this.#network = network;
    this.#number = number;
    this.#cut = cut;
    this.#source = stretchesOf(source, cut.stretch);
    this.#target = stretchesOf(target, cut.stretch);
  }

  /** Forward and backward, after the tasks `before`; gives those that no other of its tasks waits for. */
  add(before: readonly number[]): readonly number[] {
    const [source, target] = [this.#source, this.#target];
    const losses = this.#losses(this.#outputs(before), true);
    const ofOutputs = (position: number, rows: number) => withBytes(losses[position] ?? [], rows * this.#rowBytes);
    const decoderDone = this.#backward('decoder', target, ofOutputs, () => []);
    const ofState = (layer: number) => needOf(decoderDone[layer]?.[0]);
    const encoderDone = this.#backward('encoder', source, () => [], ofState);
    return [encoderDone[0]?.[0] as number, ...this.#weights(losses, decoderDone, encoderDone)];
  }

  /** Forward, up to the losses. */
  evaluate(): void {
    this.#losses(this.#outputs([]), false);
  }

  /** What the decoder's top layer gives, by stretches. */
  #outputs(before: readonly number[]): readonly number[] {
    const encoded = this.#forward('encoder', this.#source, withBytes(before, 0), () => []);
    // A layer's state after the encoder's last step, hidden and cell, stays on its device.
    return this.#forward('decoder', this.#target, [], (layer) => needOf(encoded[layer]?.at(-1))).at(-1) ?? [];
  }

  /** A row of outputs, or of their gradients. */
  get #rowBytes(): number {
    return 4 * this.#network.hidden;
  }

  #layers(part: 'encoder' | 'decoder') {
    return this.#cut.placement.layers.map((device, layer) => ({ device, layer, stage: { part, layer } as const }));
  }

  get #slices() {
    return this.#cut.placement.vocabulary.map(({ device, from, to }) => ({
      device,
      stage: { part: 'output', vocabulary: { from, to } } as const,
    }));
  }

  #run(
    kind: 'forward' | 'backward' | 'weights',
    device: number,
    stage: Stage,
    { from, to, rows }: Stretch,
    needs: readonly Need[],
  ): number {
    const withWeights = !this.#isDeferred(stage);
    const passes = kind === 'backward' && withWeights ? 2 : 1;
    const operations = passes * rows * operationsOf(this.#network, stage);
    const isFirst = this.#graph.begins(device, kind, stage);
    const work = { kind, stage, microBatch: this.#number, steps: { from, to }, rows, withWeights, isFirst };
    return this.#graph.add(device, work, needs, operations);
  }

  /** Whether the gradient of a stage's weights is a task of its own. Where logits do not last, it cannot be. */
  #isDeferred({ part }: Stage): boolean {
    return this.#cut.weightGradients === 'deferred' && (part !== 'output' || this.#cut.softmax === 'as needed');
  }

  #forward(part: 'encoder' | 'decoder', stretches: readonly Stretch[], first: readonly Need[], stateOf: (layer: number) => Need[]): Grid {
    const done: Grid = this.#layers(part).map(() => []);
    for (const [position, steps] of stretches.entries()) {
      for (const { device, layer, stage } of this.#layers(part)) {
        const below = layer === 0 ? first : needOf(done[layer - 1]?.[position], steps.rows * this.#rowBytes);
        const state = position === 0 ? stateOf(layer) : needOf(done[layer]?.[position - 1]);
        done[layer]?.push(this.#run('forward', device, stage, steps, [...below, ...state]));
      }
    }
    return done;
  }

  /** Softmax and, if wanted, its gradient in every slice, [stretch][slice], from the tasks that made the decoder's outputs. */
  #losses(outputs: readonly number[], withGradient: boolean): number[][] {
    const slices = this.#slices;
    const losses: number[][] = [];
    for (const [position, steps] of this.#target.entries()) {
      const output = needOf(outputs[position], steps.rows * this.#rowBytes);
      const before = this.#graph.softmaxEnds;
      const sums = slices.map(({ device, stage }, slice) =>
        this.#run('forward', device, stage, steps, [...output, ...needOf(before[slice])]),
      );
      // One device combines for all: with sums from everyone to everyone there would be a message for each pair.
      const { from, to, rows } = steps;
      const combined = this.#graph.add(
        slices[0]?.device ?? 0,
        { kind: 'combine', microBatch: this.#number, steps: { from, to }, rows, slices: sums.length },
        withBytes(sums, rows * sliceSumBytes),
        0,
      );
      if (!withGradient) continue;
      const ends = slices.map(({ device, stage }, slice) =>
        this.#run('backward', device, stage, steps, [...needOf(sums[slice]), ...needOf(combined, rows * combinedBytes)]),
      );
      if (this.#cut.softmax === 'as they come') this.#graph.softmaxEnds = ends;
      losses.push(ends);
    }
    return losses;
  }

  #backward(
    part: 'encoder' | 'decoder',
    stretches: readonly Stretch[],
    ofOutputs: (position: number, rows: number) => Need[],
    ofState: (layer: number) => Need[],
  ): Grid {
    const done: Grid = this.#layers(part).map(() => []);
    const [top, end] = [done.length - 1, stretches.length - 1];
    for (const [position, steps] of [...stretches.entries()].reverse()) {
      for (const { device, layer, stage } of this.#layers(part).reverse()) {
        const above = layer === top ? ofOutputs(position, steps.rows) : needOf(done[layer + 1]?.[position], steps.rows * this.#rowBytes);
        const state = position === end ? ofState(layer) : needOf(done[layer]?.[position + 1]);
        (done[layer] as number[])[position] = this.#run('backward', device, stage, steps, [...above, ...state]);
      }
    }
    return done;
  }

  /** Gradients of weights that were put off, a stretch at a time, so that they fit into any wait. */
  #weights(losses: readonly number[][], decoderDone: Grid, encoderDone: Grid): readonly number[] {
    const added: number[] = [];
    const add = (device: number, stage: Stage, stretches: readonly Stretch[], done: (position: number) => number | undefined) => {
      if (!this.#isDeferred(stage)) return;
      for (const [position, steps] of stretches.entries()) added.push(this.#run('weights', device, stage, steps, needOf(done(position))));
    };
    for (const [slice, { device, stage }] of this.#slices.entries())
      add(device, stage, this.#target, (position) => losses[position]?.[slice]);
    for (const { device, layer, stage } of this.#layers('decoder'))
      add(device, stage, this.#target, (position) => decoderDone[layer]?.[position]);
    for (const { device, layer, stage } of this.#layers('encoder'))
      add(device, stage, this.#source, (position) => encoderDone[layer]?.[position]);
    return added;
  }
}

function needOf(task: number | undefined, bytes = 0): Need[] {
  return task === undefined ? [] : [{ task, bytes }];
}

/** Fixes each device's order by letting the graph unfold with estimated costs, so that no order can wait for itself. */
function ordered(tasks: readonly Task[], devices: number, order: Order): Schedule {
  const remaining = new Float64Array(tasks.length);
  for (let id = tasks.length - 1; id >= 0; id--) {
    const { operations, needs } = tasks[id] as Task;
    (remaining[id] as number) += operations;
    for (const { task } of needs) remaining[task] = Math.max(remaining[task] as number, remaining[id] as number);
  }
  const rank = ({ work: { kind } }: Task): number => {
    if (kind === 'weights') return 2;
    if (order === 'gpipe') return kind === 'forward' ? 0 : 1;
    if (order === '1f1b') return kind === 'forward' ? 1 : 0;
    return 0;
  };
  const before = (a: Task, b: Task) => rank(a) - rank(b) || (remaining[b.id] as number) - (remaining[a.id] as number) || a.id - b.id;
  const spans = execute(tasks, devices, {
    duration: ({ operations }) => operations,
    handOver: { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false },
    next: (_device, ready) => ready.reduce((best, task) => (before(task, best) < 0 ? task : best)),
  });
  return { devices, tasks, orders: spans.map((of) => of.map(({ task }) => task)) };
}
