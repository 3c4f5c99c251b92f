import { makeBatch } from '../data/batch.js';
import { createModel, modelOptions } from '../models/create.js';
import { DeferredProducts } from '../tensor/deferred-products.js';
import { type Device, Scope } from '../tensor/device.js';
import { sequenceLayout } from '../tensor/layout.js';
import { Arena } from '../tensor/memory.js';
import { PackedWeights } from '../tensor/packed-weights.js';
import type { Learnt } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import { TouchedRows } from '../tensor/touched-rows.js';
import { packPairs, unpackPairs } from './messages.js';
import { LayerStage, OutputStage } from './pipeline-stages.js';
import { evenPlacement } from './placement.js';
import { evenBatch, type Network, pipeline, type Task, type Work } from './schedule.js';
import type { Costs } from './simulate.js';

/**
 * Seconds between the end of a task and the beginning of one that waited for it on another thread of a shared memory.
 * Measured on 2 cores of an AMD Zen 4 (medians of 1,900): 6.6 microseconds when the thread sleeps in `Atomics.wait`, as one
 * that waits for a layer mostly does; 0.25 when it spins.
 */
const wakeSeconds = 6.6e-6;

/** Passes of a stage, in seconds, by steps and sentences at each step. */
interface StageSeconds {
  readonly forward: Surface;
  readonly backward: Surface;
  readonly weights: Surface;
  /** More than that for the first pass of an update, which packs weights: by `x` alone. */
  readonly packing: { readonly forward: Line; readonly backward: Line };
}

type Line = (x: number) => number;

/**
 * Costs of a network's tasks on this machine, from short passes of the very stages that a pipeline's devices run, at the
 * network's sizes: a few seconds for a large network. What else the machine does meanwhile is part of them; see
 * `measureMachine`.
 *
 * @param sentences  the most that are at one step
 * @param isEnough   ends the measurement early, with costs that are worth nothing
 */
export function measureCosts(device: Device, network: Network, sentences: number, isEnough: () => boolean = () => false): Costs {
  const measure = new Measurements(device, network, isEnough);
  try {
    const lowest = measure.layer(0, sentences);
    const higher = network.layers > 1 ? measure.layer(1, sentences) : lowest;
    const output = measure.output();
    const valueSeconds = measure.values();
    return {
      ...measure.preparation(sentences),
      seconds: ({ work }: Task) => {
        switch (work.kind) {
          case 'norm':
          case 'update':
          case 'reduce':
            return work.values * valueSeconds[work.kind];
          case 'combine':
          case 'gather':
            return 0;
          default: {
            const { stage, steps, rows } = work;
            if (stage.part === 'output') return passSeconds(output, work, stage.vocabulary.to - stage.vocabulary.from, rows);
            const count = steps.to - steps.from;
            return passSeconds(stage.layer === 0 ? lowest : higher, work, count, rows / count);
          }
        }
      },
      // What is handed over stays where it is; reading it is part of the reader's measured time.
      handOver: { latency: wakeSeconds, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false },
    };
  } finally {
    measure.dispose();
  }
}

function passSeconds(stage: StageSeconds, work: Extract<Work, { stage: unknown }>, x: number, y: number): number {
  const { kind, withWeights, isFirst } = work;
  const packing = isFirst && kind !== 'weights' ? stage.packing[kind](x) : 0;
  const weights = kind === 'backward' && withWeights ? stage.weights.at(x, y) : 0;
  return packing + stage[kind].at(x, y) + weights;
}

const millisecondsOfRuns = 20;
/** More than the caches that a core has for itself, and more than a core's part of those that it shares. */
const [ownCacheBytes, sharedCacheBytes] = [4 * 1024 ** 2, 16 * 1024 ** 2];
/** Rows of logits that exist at a time; see `softmaxCrossEntropy`. */
const logitRows = 400;
/**
 * What stretches keep from forward to backward, before any of it is read again: more than caches hold, as in an update. What
 * was only just written is read sooner than an update ever reads it.
 */
const passBytes = 64 * 1024 ** 2;
const [fewestStretches, mostStretches] = [4, 16];
/** Of the first layer, whose embedding is no part of what depends on sizes. */
const tokens = 64;

/** What a stage does with a stretch. */
type StagePasses = { readonly [Pass in 'forward' | 'backward' | 'weights']: (stretch: number) => () => void };

/** Seconds of a stretch. */
interface StretchSeconds {
  readonly forward: number;
  readonly backward: number;
  readonly weights: number;
  readonly packing: { readonly forward: number; readonly backward: number };
}

class Measurements {
  readonly #device: Device;
  readonly #network: Network;
  readonly #isEnough: () => boolean;
  /** What lasts for a stage, and what for a pass. */
  readonly #stages: Scope;
  readonly #pass: Scope;
  readonly #arenas: readonly [Arena, Arena, Arena];
  /** Read before what is timed: in an update, too, other values have passed through the caches since. */
  readonly #elsewhere: Tensor;

  constructor(device: Device, network: Network, isEnough: () => boolean) {
    this.#device = device;
    this.#network = network;
    this.#isEnough = isEnough;
    this.#arenas = [new Arena(device.memory), new Arena(device.memory), new Arena(device.memory)];
    this.#stages = new Scope(device, this.#arenas[0]);
    this.#pass = new Scope(device, this.#arenas[1]);
    this.#elsewhere = new Scope(device, this.#arenas[2]).zeros([sharedCacheBytes / 4]);
  }

  dispose(): void {
    for (const arena of this.#arenas) arena.dispose();
  }

  /** An LSTM layer in stretches of 1, 4 and 8 steps; the lowest reads token ids. */
  layer(layer: 0 | 1, sentences: number): StageSeconds {
    const { hidden, embedding } = this.#network;
    const model = createModel(modelOptions.parse({ kind: 'lstm', layers: 2, hidden, embedding }), { source: tokens, target: tokens });
    // Only the measured layer has a place for its parameters: nothing reads the others.
    const own = new Map(model.layered.parametersOf('encoder', layer).map(({ name, shape }) => [name, this.#filled(this.#stages, shape)]));
    model.parameters.attach(
      this.#device.memory,
      Object.fromEntries(model.parameters.names.map((name) => [name, own.get(name)?.offset ?? 0])),
    );
    const touched: TouchedRows[] = [];
    const learnt: Learnt[] = model.layered.parametersOf('encoder', layer).map(({ value, shape, rules }) => {
      if (rules.gradient === 'dense') return { value, gradient: this.#filled(this.#stages, shape) };
      const gradient = new TouchedRows(this.#device.memory, tokens, embedding);
      touched.push(gradient);
      return { value, gradient };
    });
    const seconds = this.#surfaces([1, 4, 8], powersUpTo(sentences), (steps, active) => {
      const rows = steps * active;
      // Gates, states and what is kept of them, with their gradients.
      const stretches = stretchesOf(rows * 12 * hidden * 4);
      const layout = sequenceLayout(new Int32Array(active).fill(steps * stretches));
      const ids = Int32Array.from({ length: layout.rows }, (_, row) => row % tokens);
      const deferrable = new Set(learnt.map(({ gradient }) => gradient.offset));
      return this.#cell(stretches, [...own.values()], deferrable, (scope, deferred) => {
        const context = { model: model.layered, scope, training: { gradients: learnt, deferred, dropout: undefined } };
        const stage = new LayerStage(context, 'encoder', layer, { layout, ids, keys: undefined });
        const rangeOf = (stretch: number) => ({ from: stretch * steps, to: (stretch + 1) * steps });
        return {
          forward: (stretch) => {
            const below = layer === 0 ? undefined : this.#filled(scope, [rows, hidden]);
            return () => void stage.forward(rangeOf(stretch), below);
          },
          backward: (stretch) => {
            const above = this.#filled(scope, [rows, hidden]);
            return () => void stage.backward(rangeOf(stretch), [above], false);
          },
          weights: (stretch) => () => stage.weights(rangeOf(stretch)),
        };
      });
    });
    for (const rows of touched) rows.dispose();
    return seconds;
  }

  /** The output layer by columns and rows. More rows than logits exist for at a time are chunks of so many. */
  output(): StageSeconds {
    const { hidden, targetVocabulary } = this.#network;
    const columns = [1_000, 4_000]
      .map((count) => Math.min(targetVocabulary, count))
      .filter((count, index, all) => all.indexOf(count) === index);
    const attributes = { smoothing: 0, gradientScale: 1e-3 };
    return this.#surfaces(
      columns,
      powersUpTo(logitRows).filter((count) => count >= 4),
      (count, rows) => {
        const [weight, dWeight] = [this.#filled(this.#stages, [count, hidden]), this.#filled(this.#stages, [count, hidden])];
        const [bias, dBias] = [this.#filled(this.#stages, [count]), this.#filled(this.#stages, [count])];
        return this.#cell(stretchesOf(rows * count * 4), [weight], new Set(), (scope) => {
          const stage = new OutputStage(scope, { weight, bias, dWeight, dBias }, { from: 0, to: count }, attributes, false);
          return {
            forward: (stretch) => {
              const input = this.#filled(scope, [rows, hidden]);
              return () => void stage.forward(`${stretch}`, input, new Int32Array(rows));
            },
            backward: (stretch) => {
              const combined = this.#filled(scope, [rows, 2]);
              return () => void stage.backward(`${stretch}`, combined, false);
            },
            weights: (stretch) => () => stage.weights(`${stretch}`),
          };
        });
      },
    );
  }

  #surfaces(xs: readonly number[], ys: readonly number[], cell: (x: number, y: number) => StretchSeconds): StageSeconds {
    const cells = xs.map((x) => ys.map((y) => cell(x, y)));
    this.#arenas[0].reset();
    const of = (pass: keyof StagePasses) =>
      new Surface(
        xs,
        ys,
        cells.map((row) => row.map((seconds) => seconds[pass])),
      );
    const packing = (pass: 'forward' | 'backward'): Line => {
      // It does not depend on the rows.
      const usual = cells.map((row) => middleOf(row.map((seconds) => seconds.packing[pass])));
      return (x) => interpolated(xs, (index) => usual[index] as number, x);
    };
    return {
      forward: of('forward'),
      backward: of('backward'),
      weights: of('weights'),
      packing: { forward: packing('forward'), backward: packing('backward') },
    };
  }

  /**
   * All stretches forward, then backward from the last, then the gradients of weights: means. The first of each, which finds
   * weights that are not packed yet, counts apart. `prepare` gives for each what is to be timed.
   */
  #cell(
    stretches: number,
    weights: readonly Tensor[],
    deferrable: ReadonlySet<number>,
    prepare: (scope: Scope, deferred: DeferredProducts) => StagePasses,
  ): StretchSeconds {
    // As a device of a pipeline has it.
    const packed = new PackedWeights(this.#device.matrix, weights);
    const deferred = new DeferredProducts(packed, deferrable);
    const passes = prepare(new Scope({ ...this.#device, matrix: deferred }, this.#pass.arena), deferred);
    const order = Array.from({ length: stretches }, (_, stretch) => stretch);
    const seconds = (pass: keyof StagePasses, stretchOrder: readonly number[]): { first: number; usual: number } => {
      const times = stretchOrder.map((stretch) => {
        const work = passes[pass](stretch);
        if (this.#isEnough()) return 0;
        this.#readElsewhere(ownCacheBytes);
        const start = performance.now();
        work();
        return performance.now() - start;
      });
      const [first = 0, ...others] = times;
      return { first: first / 1000, usual: meanOf(others) / 1000 };
    };
    const forward = seconds('forward', order);
    const backward = seconds('backward', order.toReversed());
    const { usual } = seconds('weights', order);
    packed.forget();
    this.#arenas[1].reset();
    const more = ({ first, usual }: { first: number; usual: number }) => Math.max(0, first - usual);
    const packing = { forward: more(forward), backward: more(backward) };
    return { forward: forward.usual, backward: backward.usual, weights: usual, packing };
  }

  /** What devices do before the first task of an update. Sentences of other lengths would not change it much. */
  preparation(sentences: number): Required<Pick<Costs, 'beforehand' | 'planning'>> {
    const sentence = new Int32Array(25);
    const pairs = Array.from({ length: sentences }, (_, key) => ({ key, source: sentence, target: sentence }));
    const batch = evenBatch(sentences, sentence.length, sentence.length);
    const placement = evenPlacement(this.#network, 2, 1);
    const options = { placement, order: 'diagonal', stretch: 4, weightGradients: 'deferred', softmax: 'as needed' } as const;
    let tasks = 0;
    const schedule = this.#seconds(() => {
      tasks = pipeline(this.#network, { ...options, microBatches: [batch] }).tasks.length;
    });
    return { beforehand: this.#seconds(() => makeBatch(unpackPairs(packPairs(pairs)))), planning: schedule / tasks };
  }

  /** Seconds that a value takes in a norm, in an update by gradient descent, and in a sum of two gradients. */
  values(): { norm: number; update: number; reduce: number } {
    const { kernels } = this.#device;
    // Larger than caches, as a model is.
    const count = 4 << 20;
    const [value, gradient] = [this.#filled(this.#stages, [count]), this.#filled(this.#stages, [count])];
    return {
      norm: this.#seconds(() => kernels.sumOfSquares(gradient.offset, count)) / count,
      update: this.#seconds(() => kernels.sgdUpdate(value.offset, gradient.offset, count, 1e-6, 1)) / count,
      reduce: this.#seconds(() => kernels.moveGradient(value.offset, gradient.offset, count)) / count,
    };
  }

  #filled(scope: Scope, shape: readonly number[]): Tensor {
    const tensor = scope.empty(shape);
    this.#device.kernels.fill(tensor.offset, 1e-3, tensor.size);
    return tensor;
  }

  #readElsewhere(bytes: number): void {
    this.#device.kernels.sumOfSquares(this.#elsewhere.offset, bytes / 4);
  }

  /** The mean of several runs; the first does not count. */
  #seconds(work: () => unknown): number {
    const runs: number[] = [];
    const end = performance.now() + millisecondsOfRuns;
    for (let round = 0; round < 4 || performance.now() < end; round++) {
      this.#readElsewhere(sharedCacheBytes);
      const start = performance.now();
      work();
      if (round > 0) runs.push(performance.now() - start);
      if (round > 0 && this.#isEnough()) break;
    }
    return meanOf(runs) / 1000;
  }
}

/** How many stretches of so many bytes a pass has. */
function stretchesOf(bytes: number): number {
  return Math.max(fewestStretches, Math.min(mostStretches, Math.round(passBytes / bytes)));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function middleOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** 1, 2, 4, ... and the limit itself. */
function powersUpTo(limit: number): number[] {
  const powers: number[] = [];
  for (let power = 1; power < limit; power *= 2) powers.push(power);
  return [...powers, limit];
}

/** A function of two numbers that is known on a grid and never falls: linear between its points and beyond the last. */
class Surface {
  readonly #xs: readonly number[];
  readonly #ys: readonly number[];
  readonly #values: readonly number[][];

  /**
   * `values[i][j]` at (xs[i], ys[j]); both rise. Disturbances only add time, the more the longer a run lasts: so nothing takes
   * longer than more of it did, nor longer than parts of it one after the other.
   */
  constructor(xs: readonly number[], ys: readonly number[], values: readonly (readonly number[])[]) {
    this.#xs = xs;
    this.#ys = ys;
    this.#values = values.map((row) => [...row]);
    const known = (i: number, j: number): number => this.#values[i]?.[j] ?? Number.POSITIVE_INFINITY;
    for (let i = xs.length - 1; i >= 0; i--) {
      for (let j = ys.length - 1; j >= 0; j--) this.#lower(i, j, Math.min(known(i + 1, j), known(i, j + 1)));
    }
    for (let i = 0; i < xs.length; i++) {
      for (let j = 0; j < ys.length; j++) {
        const partsOf = (points: readonly number[], at: number) => (points[at] as number) / (points[at - 1] ?? 0);
        this.#lower(i, j, Math.min(known(i - 1, j) * partsOf(xs, i), known(i, j - 1) * partsOf(ys, j)));
      }
    }
  }

  #lower(i: number, j: number, most: number): void {
    const row = this.#values[i] as number[];
    row[j] = Math.min(row[j] as number, most);
  }

  at(x: number, y: number): number {
    return interpolated(this.#xs, (index) => interpolated(this.#ys, (other) => this.#values[index]?.[other] as number, y), x);
  }
}

/** Below the first point in proportion to it. */
function interpolated(points: readonly number[], valueAt: (index: number) => number, at: number): number {
  const [first, last] = [points[0] as number, points.length - 1];
  if (at <= first || last === 0) return (valueAt(0) * at) / first;
  const found = points.findIndex((point) => point >= at);
  const upper = found < 0 ? last : found;
  const [low, high] = [points[upper - 1] as number, points[upper] as number];
  const [below, above] = [valueAt(upper - 1), valueAt(upper)];
  return below + ((above - below) / (high - low)) * (at - low);
}
