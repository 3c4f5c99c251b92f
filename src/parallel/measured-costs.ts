import type { Device } from '../tensor/device.js';
import { Scope } from '../tensor/device.js';
import { sequenceLayout } from '../tensor/layout.js';
import { Arena } from '../tensor/memory.js';
import { lstm } from '../tensor/operations/lstm.js';
import { softmaxSliceGradient, softmaxSliceSums, softmaxSliceWeights } from '../tensor/operations/softmax-slices.js';
import { PackedWeights } from '../tensor/packed-weights.js';
import type { Tensor } from '../tensor/tensor.js';
import { inputsOf, type Network, type Task, type Work } from './schedule.js';
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
}

/**
 * Costs of a network's tasks on this machine, from short measurements of the engine's own operations at its sizes: a few
 * seconds for a large network. What else the machine does meanwhile is part of them; see `measureMachine`.
 *
 * @param sentences  the most that are at one step
 * @param isEnough   ends the measurement early, with costs that are worth nothing
 */
export function measureCosts(device: Device, network: Network, sentences: number, isEnough: () => boolean = () => false): Costs {
  const measure = new Measurements(device, isEnough);
  try {
    const layers = new Map<number, StageSeconds>();
    for (const inputs of new Set([network.embedding, network.hidden])) layers.set(inputs, measure.layer(inputs, network.hidden, sentences));
    const output = measure.output(network.hidden, network.targetVocabulary);
    const valueSeconds = measure.values();
    return {
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
            const known = layers.get(inputsOf(network, stage.layer));
            if (known === undefined) throw new Error(`layer ${stage.layer} was not measured`);
            const count = steps.to - steps.from;
            return passSeconds(known, work, count, rows / count);
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

function passSeconds(stage: StageSeconds, { kind, withWeights }: Extract<Work, { stage: unknown }>, x: number, y: number): number {
  const seconds = stage[kind].at(x, y);
  return kind === 'backward' && withWeights ? seconds + stage.weights.at(x, y) : seconds;
}

const millisecondsOfCell = 20;
/** More than the caches that a core has for itself. */
const cacheBytes = 16 * 1024 ** 2;
/** Rows of logits that exist at a time; see `softmaxCrossEntropy`. */
const logitRows = 400;

class Measurements {
  readonly #device: Device;
  readonly #isEnough: () => boolean;
  readonly #arena: Arena;
  readonly #scope: Scope;
  /** For one run of what is measured. */
  readonly #runs: Arena;
  /** Read before every run: in an update, too, other values have passed through the caches since. */
  readonly #elsewhere: Tensor;
  readonly #elsewhereArena: Arena;

  constructor(device: Device, isEnough: () => boolean) {
    this.#isEnough = isEnough;
    this.#device = device;
    this.#arena = new Arena(device.memory);
    this.#scope = new Scope(device, this.#arena);
    this.#runs = new Arena(device.memory);
    this.#elsewhereArena = new Arena(device.memory);
    this.#elsewhere = new Scope(device, this.#elsewhereArena).zeros([cacheBytes / 4]);
  }

  dispose(): void {
    this.#arena.dispose();
    this.#elsewhereArena.dispose();
    this.#runs.dispose();
  }

  /** An LSTM layer over 1, 4 and 8 steps: with few steps its recurrent weights are not worth packing. */
  layer(inputs: number, hidden: number, sentences: number): StageSeconds {
    const [steps, rows] = [[1, 4, 8], powersUpTo(sentences)];
    const of = { forward: [] as number[][], backward: [] as number[][], weights: [] as number[][] };
    for (const count of steps) {
      const cells = rows.map((active) => this.#layerCell(inputs, hidden, count, active));
      for (const pass of ['forward', 'backward', 'weights'] as const) of[pass].push(cells.map((cell) => cell[pass]));
    }
    return {
      forward: new Surface(steps, rows, of.forward),
      backward: new Surface(steps, rows, of.backward),
      weights: new Surface(steps, rows, of.weights),
    };
  }

  #layerCell(inputs: number, hidden: number, steps: number, active: number) {
    const { kernels, matrix } = this.#device;
    const layout = sequenceLayout(new Int32Array(active).fill(steps));
    const weights = { weightInput: this.#filled([4 * hidden, inputs]), weightHidden: this.#filled([4 * hidden, hidden]) };
    const given = {
      ...weights,
      bias: this.#filled([4 * hidden]),
      input: this.#filled([layout.rows, inputs]),
      hidden: this.#filled([active, hidden]),
      cell: this.#filled([active, hidden]),
    };
    const attributes = { layout, direction: 'forward' } as const;
    const gradients = {
      input: this.#filled([layout.rows, inputs]),
      hidden: this.#filled([active, hidden]),
      cell: this.#filled([active, hidden]),
      weightInput: undefined,
      weightHidden: undefined,
      bias: undefined,
    };
    const { device, end } = this.#deviceFor(Object.values(weights));
    const scope = new Scope(device, this.#runs);
    // The first run's does not count.
    const backward: number[] = [];
    const forward = this.#seconds(
      () => lstm.forward(scope, given, attributes),
      ({ outputs, saved }) => {
        const start = performance.now();
        lstm.gradient(scope, { inputs: given, attributes, outputs, saved }, outputs, gradients, new Set(['input']));
        backward.push(performance.now() - start);
        this.#runs.reset();
      },
    );
    const gates = this.#filled([layout.rows, 4 * hidden]);
    const weightsSeconds = this.#seconds(() => {
      for (const [gradient, columns, source] of [
        [weights.weightInput, inputs, given.input],
        [weights.weightHidden, hidden, gates],
      ] as const) {
        matrix.multiply({
          m: 4 * hidden,
          n: columns,
          k: layout.rows,
          a: gates.offset,
          transposeA: true,
          b: source.offset,
          transposeB: false,
          c: gradient.offset,
          accumulate: true,
          sameA: gradient !== weights.weightInput,
        });
      }
      kernels.addColumnSums(given.bias.offset, gates.offset, layout.rows, 4 * hidden);
    });
    end();
    this.#arena.reset();
    return { forward, backward: meanOf(backward.slice(1)) / 1000, weights: weightsSeconds };
  }

  /** The output layer by columns and rows. More rows than logits exist for at a time are chunks of so many. */
  output(hidden: number, vocabulary: number): StageSeconds {
    const columns = [Math.min(vocabulary, 1_000), Math.min(vocabulary, 4_000)].filter((count, index, all) => all.indexOf(count) === index);
    const rows = powersUpTo(logitRows).filter((count) => count >= 4);
    const of = { forward: [] as number[][], backward: [] as number[][], weights: [] as number[][] };
    for (const count of columns) {
      const cells = rows.map((height) => this.#outputCell(hidden, count, height));
      for (const pass of ['forward', 'backward', 'weights'] as const) of[pass].push(cells.map((cell) => cell[pass]));
    }
    return {
      forward: new Surface(columns, rows, of.forward),
      backward: new Surface(columns, rows, of.backward),
      weights: new Surface(columns, rows, of.weights),
    };
  }

  #outputCell(hidden: number, columns: number, rows: number) {
    const [weight, bias] = [this.#filled([columns, hidden]), this.#filled([columns])];
    const [dWeight, dBias] = [this.#filled([columns, hidden]), this.#filled([columns])];
    const input = this.#filled([rows, hidden]);
    const { device, end } = this.#deviceFor([weight]);
    const scope = new Scope(device, this.#runs);
    const slice = { weight, bias, from: 0 };
    const attributes = { smoothing: 0, gradientScale: 1e-3 };
    const combined = this.#filled([rows, 2]);
    const times = { backward: [] as number[], weights: [] as number[] };
    const forward = this.#seconds(
      () => softmaxSliceSums(scope, slice, input, new Int32Array(rows), attributes.smoothing),
      (terms) => {
        const start = performance.now();
        softmaxSliceGradient(scope, slice, terms, combined, attributes, columns, dBias);
        const middle = performance.now();
        softmaxSliceWeights(scope, terms, dWeight);
        times.backward.push(middle - start);
        times.weights.push(performance.now() - middle);
        this.#runs.reset();
      },
    );
    end();
    this.#arena.reset();
    return { forward, backward: meanOf(times.backward.slice(1)) / 1000, weights: meanOf(times.weights.slice(1)) / 1000 };
  }

  /** Seconds that a value takes in a norm, in an update by gradient descent, and in a sum of two gradients. */
  values(): { norm: number; update: number; reduce: number } {
    const { kernels } = this.#device;
    // Larger than caches, as a model is.
    const count = 4 << 20;
    const [value, gradient] = [this.#filled([count]), this.#filled([count])];
    const norm = this.#seconds(() => kernels.sumOfSquares(gradient.offset, count)) / count;
    const update = this.#seconds(() => kernels.sgdUpdate(value.offset, gradient.offset, count, 1e-6, 1)) / count;
    const reduce =
      this.#seconds(() => {
        kernels.add(value.offset, gradient.offset, count);
        kernels.fill(gradient.offset, 0, count);
      }) / count;
    this.#arena.reset();
    return { norm, update, reduce };
  }

  /** The device as an update has it: with bf16 these weights are converted once, in the run that does not count. */
  #deviceFor(weights: readonly Tensor[]): { device: Device; end: () => void } {
    const { matrix } = this.#device;
    if (matrix.precision === 'f32') return { device: this.#device, end: () => undefined };
    const packed = new PackedWeights(matrix, weights);
    return { device: { ...this.#device, matrix: packed }, end: () => packed.forget() };
  }

  #filled(shape: readonly number[]): Tensor {
    const tensor = this.#scope.empty(shape);
    this.#device.kernels.fill(tensor.offset, 1e-3, tensor.size);
    return tensor;
  }

  /** The mean of several runs, as an update is their sum; the first does not count. `after` each, what it made is used and forgotten. */
  #seconds<Made>(work: () => Made, after: (made: Made) => void = () => undefined): number {
    const runs: number[] = [];
    const end = performance.now() + millisecondsOfCell;
    for (let round = 0; round < 4 || performance.now() < end; round++) {
      this.#device.kernels.sumOfSquares(this.#elsewhere.offset, this.#elsewhere.size);
      const start = performance.now();
      const made = work();
      if (round > 0) runs.push(performance.now() - start);
      after(made);
      if (round > 0 && this.#isEnough()) break;
    }
    return meanOf(runs) / 1000;
  }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
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
