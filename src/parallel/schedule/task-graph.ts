import { combinedBytes, sliceSumBytes } from '../../tensor/operations/softmax-slices.js';
import type { Need } from './discrete-events.js';
import { type Network, operationsOf, type NetworkStage, placedPart, type SeenRows } from './network.js';
import type { Placement, Range } from './placement.js';
import { type BatchShape, rowsOf, type Task, type Work } from './schedule.js';

/** Where a network and its steps are cut into tasks. */
export interface Cut {
  readonly placement: Placement;
  /** Steps that are handed on together. */
  readonly stretch: number;
  /** `deferred`: gradients of weights fill the time in which a device would wait; the output's only when the softmax is done as needed. */
  readonly weightGradients: 'at once' | 'deferred';
  /**
   * `as needed`: where outputs of several stretches wait, the last first, since backward begins with it. `as they come`: a
   * stretch is ended before the next begins, also of the next micro-batch, and only its logits exist; then backward waits for
   * all of a micro-batch's softmax.
   */
  readonly softmax: 'as needed' | 'as they come';
}

/** A sum of squares, as float64. */
const normBytes = 8;

/** The tasks of an update as they are added, each after those that it needs. */
export class TaskGraph {
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
  begins(device: number, kind: Work['kind'], stage: NetworkStage): boolean {
    const before = this.#begun.size;
    const name = stage.part === 'output' ? `from ${stage.vocabulary.from}` : stage.part === 'attention' ? '' : stage.layer;
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

  /** Sums the squares of so many values of a device once the tasks of `ends` on it are over. */
  addNorm(device: number, values: number, ends: readonly number[]): number {
    const own = ends.filter((task) => this.tasks[task]?.device === device);
    return this.add(device, { kind: 'norm', values }, withBytes(own, 0), 0);
  }

  /** Each device updates so many values once all sums of squares are there. */
  addUpdates(values: readonly number[], sums: readonly number[]): number[] {
    return values.map((count, device) => this.add(device, { kind: 'update', values: count }, withBytes(sums, normBytes), 0));
  }

  /** Forward and backward of a micro-batch, which begins after the tasks `before`. Gives those that end it. */
  addMicroBatch(microBatch: number, shape: BatchShape, cut: Cut, before: readonly number[] = []): readonly number[] {
    return new MicroBatch(this, this.#network, microBatch, shape, cut).add(before);
  }

  /** Forward of a micro-batch, up to the losses. */
  addEvaluation(microBatch: number, shape: BatchShape, cut: Cut): void {
    new MicroBatch(this, this.#network, microBatch, shape, cut).evaluate();
  }
}

interface Stretch extends Range {
  readonly rows: number;
}

/** A stage and the device that it is on. */
interface Placed {
  readonly device: number;
  readonly stage: NetworkStage;
}

/** Tasks of one pass over the layers of a side: [layer][stretch]. Attention is a last layer of the decoder. */
type Grid = readonly number[][];

/** Adds the tasks of one micro-batch to a graph. */
class MicroBatch {
  readonly #graph: TaskGraph;
  readonly #network: Network;
  readonly #number: number;
  readonly #cut: Cut;
  readonly #source: readonly Stretch[];
  readonly #target: readonly Stretch[];
  /** Of the output layer. */
  readonly #outputs: readonly Stretch[];
  readonly #attention: NetworkStage | undefined;
  /** What rows of each side see, where layers see whole sentences. */
  readonly #seen: { readonly encoder: SeenRows; readonly decoder: SeenRows } | undefined;

  constructor(graph: TaskGraph, network: Network, number: number, { source, target }: BatchShape, cut: Cut) {
    this.#graph = graph;
    this.#network = network;
    this.#number = number;
    this.#cut = cut;
    const { sight } = network;
    // What sees whole sentences has them at once.
    const stretch = sight === undefined ? cut.stretch : Number.POSITIVE_INFINITY;
    this.#source = stretchesOf(source, stretch);
    this.#outputs = stretchesOf(target, stretch);
    this.#seen = sight && seenRows(source, target, sight.readsOn);
    // No layer begins a step before attention has ended the last one; the output layer can have all rows at once.
    if (sight?.readsOn) this.#target = stretchesOf([...source, ...target], stretch);
    else this.#target = network.inputFeeding ? stretchesOf(target, 1) : this.#outputs;
    if (network.attention !== 'none') this.#attention = { part: 'attention', ...attended(source, target) };
  }

  /** Forward and backward, after the tasks `before`; gives those that no other of its tasks waits for. */
  add(before: readonly number[]): readonly number[] {
    const losses = this.#losses(this.#decoded(before), true);
    const ofOutputs = ({ from, rows }: Stretch) =>
      withBytes(losses[this.#outputs.findIndex(({ to }) => to > from)] ?? [], rows * this.#rowBytes);
    const decoderDone = this.#backward(this.#decoder, this.#target, ofOutputs, () => []);
    // Every layer of the decoder has looked at what the encoder gave, or begun with the state of the encoder's own.
    const [ofMemory, ofState] =
      this.#seen === undefined
        ? [() => [], (layer: number) => needOf(decoderDone[layer]?.[0])]
        : [() => decoderDone.flatMap(([first]) => needOf(first, this.#memoryBytes)), () => []];
    const encoderDone = this.#backward(this.#encoder, this.#source, ofMemory, ofState);
    const last = encoderDone[0]?.[0] ?? decoderDone[0]?.[0];
    return [last as number, ...this.#weights(losses, decoderDone, encoderDone)];
  }

  /** Forward, up to the losses. */
  evaluate(): void {
    this.#losses(this.#decoded([]), false);
  }

  /** What the decoder gives to the output layer, by the output's stretches. */
  #decoded(before: readonly number[]): readonly (number | undefined)[] {
    const encoded = this.#forward(this.#encoder, this.#source, withBytes(before, 0), () => []);
    const first = encoded.length === 0 ? withBytes(before, 0) : [];
    // A layer's state after the encoder's last step, hidden and cell, stays on its device.
    const stateOf = (layer: number) =>
      this.#seen === undefined ? needOf(encoded[layer]?.at(-1)) : needOf(encoded.at(-1)?.at(-1), this.#memoryBytes);
    const decoded = this.#forward(this.#decoder, this.#target, first, stateOf).at(-1);
    return this.#outputs.map(({ to }) => decoded?.[this.#target.findIndex((stretch) => stretch.to >= to)]);
  }

  /** All that an encoder gives, or its gradient. */
  get #memoryBytes(): number {
    return this.#source.reduce((sum, { rows }) => sum + rows, 0) * this.#rowBytes;
  }

  /** A row of outputs, or of their gradients. */
  get #rowBytes(): number {
    return 4 * this.#network.hidden;
  }

  get #encoder(): readonly Placed[] {
    return this.#layers('encoder');
  }

  get #decoder(): readonly Placed[] {
    const layers = this.#layers('decoder');
    if (this.#attention === undefined) return layers;
    return [...layers, { device: layers.at(-1)?.device ?? 0, stage: this.#attention }];
  }

  #layers(part: 'encoder' | 'decoder') {
    const sees = this.#seen?.[part];
    return this.#network[part].map((_, layer) => {
      const device = this.#cut.placement.layers[placedPart(this.#network, part, layer)] as number;
      return { device, stage: { part, layer, ...(sees && { sees }) } as const };
    });
  }

  get #slices() {
    return this.#cut.placement.vocabulary.map(({ device, from, to }) => ({
      device,
      stage: { part: 'output', vocabulary: { from, to } } as const,
    }));
  }

  #run(kind: 'forward' | 'backward' | 'weights', { device, stage }: Placed, { from, to, rows }: Stretch, needs: readonly Need[]): number {
    const withWeights = !this.#isDeferred(stage);
    const passes = kind === 'backward' && withWeights ? 2 : 1;
    const operations = passes * rows * operationsOf(this.#network, stage);
    const isFirst = this.#graph.begins(device, kind, stage);
    const work = { kind, stage, microBatch: this.#number, steps: { from, to }, rows, withWeights, isFirst };
    return this.#graph.add(device, work, needs, operations);
  }

  /** Whether the gradient of a stage's weights is a task of its own. Where logits do not last, it cannot be. */
  #isDeferred({ part }: NetworkStage): boolean {
    return this.#cut.weightGradients === 'deferred' && (part !== 'output' || this.#cut.softmax === 'as needed');
  }

  #forward(stages: readonly Placed[], stretches: readonly Stretch[], first: readonly Need[], stateOf: (layer: number) => Need[]): Grid {
    const done: Grid = stages.map(() => []);
    for (const [position, steps] of stretches.entries()) {
      for (const [layer, placed] of stages.entries()) {
        const below = layer === 0 ? first : needOf(done[layer - 1]?.[position], steps.rows * this.#rowBytes);
        const fed = layer === 0 && this.#isFed(stages) ? needOf(done.at(-1)?.[position - 1]) : [];
        const before = position === 0 ? stateOf(layer) : needOf(done[layer]?.[position - 1]);
        const state = placed.stage.part === 'attention' ? [] : before;
        done[layer]?.push(this.#run('forward', placed, steps, [...below, ...fed, ...state]));
      }
    }
    return done;
  }

  /** Whether attention's output of a step is read by the lowest layer in the next. */
  #isFed(stages: readonly Placed[]): boolean {
    return this.#network.inputFeeding && stages.at(-1)?.stage.part === 'attention';
  }

  /** Softmax and, if wanted, its gradient in every slice, [stretch][slice], from the tasks that made the decoder's outputs. */
  #losses(outputs: readonly (number | undefined)[], withGradient: boolean): number[][] {
    const slices = this.#slices;
    const losses: number[][] = [];
    for (const [position, steps] of this.#outputs.entries()) {
      const output = needOf(outputs[position], steps.rows * this.#rowBytes);
      const before = this.#graph.softmaxEnds;
      const sums = slices.map((slice, index) => this.#run('forward', slice, steps, [...output, ...needOf(before[index])]));
      // One device combines for all: with sums from everyone to everyone there would be a message for each pair.
      const { from, to, rows } = steps;
      const combined = this.#graph.add(
        slices[0]?.device ?? 0,
        { kind: 'combine', microBatch: this.#number, steps: { from, to }, rows, slices: sums.length },
        withBytes(sums, rows * sliceSumBytes),
        0,
      );
      if (!withGradient) continue;
      const ends = slices.map((slice, index) =>
        this.#run('backward', slice, steps, [...needOf(sums[index]), ...needOf(combined, rows * combinedBytes)]),
      );
      if (this.#cut.softmax === 'as they come') this.#graph.softmaxEnds = ends;
      losses.push(ends);
    }
    return losses;
  }

  #backward(
    stages: readonly Placed[],
    stretches: readonly Stretch[],
    ofOutputs: (steps: Stretch) => Need[],
    ofState: (layer: number) => Need[],
  ): Grid {
    const done: Grid = stages.map(() => []);
    const [top, end] = [done.length - 1, stretches.length - 1];
    for (const [position, steps] of [...stretches.entries()].reverse()) {
      for (const [layer, placed] of [...stages.entries()].reverse()) {
        const above = layer === top ? ofOutputs(steps) : needOf(done[layer + 1]?.[position], steps.rows * this.#rowBytes);
        const fed = layer === top && this.#isFed(stages) ? needOf(done[0]?.[position + 1]) : [];
        const after = position === end ? ofState(layer) : needOf(done[layer]?.[position + 1]);
        const state = placed.stage.part === 'attention' ? [] : after;
        (done[layer] as number[])[position] = this.#run('backward', placed, steps, [...above, ...fed, ...state]);
      }
    }
    return done;
  }

  /** Gradients of weights that were put off, a stretch at a time, so that they fit into any wait. */
  #weights(losses: readonly number[][], decoderDone: Grid, encoderDone: Grid): readonly number[] {
    const added: number[] = [];
    const add = (placed: Placed, stretches: readonly Stretch[], done: (position: number) => number | undefined) => {
      if (!this.#isDeferred(placed.stage)) return;
      for (const [position, steps] of stretches.entries()) added.push(this.#run('weights', placed, steps, needOf(done(position))));
    };
    for (const [index, slice] of this.#slices.entries()) add(slice, this.#outputs, (position) => losses[position]?.[index]);
    for (const [layer, placed] of this.#decoder.entries()) add(placed, this.#target, (position) => decoderDone[layer]?.[position]);
    for (const [layer, placed] of this.#encoder.entries()) add(placed, this.#source, (position) => encoderDone[layer]?.[position]);
    return added;
  }
}

function needOf(task: number | undefined, bytes = 0): Need[] {
  return task === undefined ? [] : [{ task, bytes }];
}

function withBytes(tasks: readonly number[], bytes: number): Need[] {
  return tasks.map((task) => ({ task, bytes }));
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

/** The same of layers in which rows look at rows: those of the encoder at all of their sentence, those of the decoder at what was before. */
function seenRows(
  source: readonly number[],
  target: readonly number[],
  readsOn: boolean,
): { readonly encoder: SeenRows; readonly decoder: SeenRows } {
  // Of a sentence the row at a step t is seen by those after it: (2 t + 1) more pairs where all see all, t + 1 where they look back.
  const meanOf = (active: readonly number[], pairs: (step: number) => number) =>
    active.reduce((sum, sentences, step) => sum + pairs(step) * sentences, 0) / Math.max(1, rowsOf(active));
  const whole = meanOf(source, (step) => 2 * step + 1);
  const back = (active: readonly number[]) => meanOf(active, (step) => step + 1);
  if (readsOn) return { encoder: { looked: 0, sourceRows: 0 }, decoder: { looked: back([...source, ...target]), sourceRows: 0 } };
  const { sourceSteps, keysPerQuery } = attended(source, target);
  return { encoder: { looked: whole, sourceRows: 0 }, decoder: { looked: back(target) + sourceSteps, sourceRows: keysPerQuery } };
}

/** What a query of this batch looks at, on average. */
function attended(source: readonly number[], target: readonly number[]): { sourceSteps: number; keysPerQuery: number } {
  return { sourceSteps: rowsOf(source) / Math.max(1, ...source), keysPerQuery: rowsOf(source) / Math.max(1, rowsOf(target)) };
}
