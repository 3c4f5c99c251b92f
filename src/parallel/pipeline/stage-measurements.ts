import { packBatch } from '../../models/lstm/batch.js';
import { LstmModel } from '../../models/lstm/lstm.js';
import { lstmOptions } from '../../models/lstm/options.js';
import { layersOf } from '../../models/lstm/separable-layers.js';
import { Attention, attentionPlan, memoryRows } from '../../nn/attention.js';
import { ParameterStore } from '../../nn/parameters.js';
import { DeferredProducts } from '../../tensor/deferred-products.js';
import { type Device, Scope } from '../../tensor/device.js';
import { rowsAtATime } from '../../tensor/operations/logit-chunks.js';
import { sequenceLayout } from '../../tensor/layout.js';
import { Arena } from '../../tensor/memory.js';
import { PackedWeights } from '../../tensor/packed-weights.js';
import { type Learnt, Tape } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { TouchedRows } from '../../tensor/touched-rows.js';
import { valuesOfPortion, WireValues } from '../group/wire-values.js';
import { packPairs, unpackPairs } from '../messages.js';
import type { Network } from '../schedule/network.js';
import { pipeline } from '../schedule/pipeline.js';
import { type PackingSeconds, packingSeconds } from './packing-seconds.js';
import { LayerStage, OutputStage } from './stages.js';
import { evenPlacement } from '../schedule/placement.js';
import { evenBatch } from '../schedule/schedule.js';
import type { Costs } from '../simulation/simulate.js';
import { powersUpTo, Surface } from '../simulation/surface.js';

/** Passes of a stage, in seconds: of a layer by steps and sentences at each step. */
export interface StageSeconds {
  readonly forward: Pick<Surface, 'at'>;
  readonly backward: Pick<Surface, 'at'>;
  readonly weights: Pick<Surface, 'at'>;
  /** More than that for the first pass of an update, which packs weights: by `x`. */
  readonly packing: { readonly forward: PackingSeconds; readonly backward: PackingSeconds };
}

/** Sizes of a layer; the lowest reads token ids. */
export interface LayerShape {
  readonly isLowest: boolean;
  readonly inputs: number;
  readonly hidden: number;
}

const millisecondsOfRuns = 20;
/** More than the caches that a core has for itself, and more than a core's part of those that it shares. */
const [ownCacheBytes, sharedCacheBytes] = [4 * 1024 ** 2, 16 * 1024 ** 2];
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

/** Measures the passes of a network's stages on a device, from the stages themselves at its sizes. */
export class StageMeasurements {
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

  /** An LSTM layer in stretches of 1, 4 and 8 steps. */
  layer({ isLowest, inputs, hidden }: LayerShape, sentences: number): StageSeconds {
    const [layer, { residual }] = [isLowest ? 0 : 1, this.#network];
    const embedding = isLowest ? inputs : hidden;
    const options = lstmOptions.parse({ kind: 'lstm', layers: layer + 1, hidden, embedding, residual });
    const model = new LstmModel(options, { source: tokens, target: tokens });
    const layered = layersOf(model);
    // Only the measured layer has a place for its parameters: nothing reads the others.
    const own = new Map(layered.parametersOf('encoder', layer).map(({ name, shape }) => [name, this.#filled(this.#stages, shape)]));
    model.parameters.attach(
      this.#device.memory,
      Object.fromEntries(model.parameters.names.map((name) => [name, own.get(name)?.offset ?? 0])),
    );
    const touched: TouchedRows[] = [];
    const learnt: Learnt[] = layered.parametersOf('encoder', layer).map(({ value, shape, rules }) => {
      if (rules.gradient === 'dense') return { value, gradient: this.#filled(this.#stages, shape) };
      const gradient = new TouchedRows(this.#device.memory, tokens, embedding);
      touched.push(gradient);
      return { value, gradient };
    });
    const seconds = this.#surfaces([1, 4, 8], powersUpTo(sentences), 'all', (steps, active) => {
      const rows = steps * active;
      // Gates, states and what is kept of them, with their gradients.
      const stretches = stretchesOf(rows * 12 * hidden * 4);
      const layout = sequenceLayout(new Int32Array(active).fill(steps * stretches));
      const ids = Int32Array.from({ length: layout.rows }, (_, row) => row % tokens);
      const deferrable = new Set(learnt.map(({ gradient }) => gradient.offset));
      return this.#cell(stretches, [...own.values()], deferrable, (scope, deferred) => {
        const context = { model: layered, scope, training: { gradients: learnt, deferred, dropout: undefined } };
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

  /** Attention by steps of the source and queries, with all that its gradient needs. */
  attention(kind: 'dot' | 'additive', sentences: number): StageSeconds {
    const { hidden } = this.#network;
    const store = new ParameterStore();
    const section = store.section({ side: 'target', initial: { kind: 'constant', value: 0 } });
    const attention = new Attention(section, section, 'attention', kind, hidden);
    const [steps, queries] = [[8, 32], [1, sentences, 4 * sentences].filter((count, index, all) => all.indexOf(count) === index)];
    const cells = steps.map((sourceSteps) =>
      queries.map((count) => {
        store.attach(
          this.#device.memory,
          Object.fromEntries(Array.from(store, ({ name, shape }) => [name, this.#filled(this.#stages, shape).offset])),
        );
        const learnt = Array.from(store, ({ value }) => ({ value, gradient: this.#filled(this.#stages, value.shape) }));
        const columns = Int32Array.from({ length: count }, (_, query) => query % sentences);
        const layout = sequenceLayout(new Int32Array(Math.min(count, sentences)).fill(sourceSteps));
        const work = (withGradient: boolean) => {
          const [query, encoded] = [this.#filled(this.#pass, [count, hidden]), this.#filled(this.#pass, [layout.rows, hidden])];
          const inputs = [query, encoded].map((value) => ({ value, gradient: this.#filled(this.#pass, value.shape) }));
          const tape = new Tape(this.#pass, [...learnt, ...inputs], { keepsOutputs: true });
          const memory = attention.memory(tape, encoded);
          const { output } = attention.forward(tape, query, memory, attentionPlan(this.#pass, memoryRows(this.#pass, layout), columns));
          if (withGradient) {
            tape.seed(output, this.#filled(this.#pass, output.shape));
            tape.backward();
          }
          this.#pass.arena.reset();
        };
        const forward = this.#seconds(() => work(false));
        return { forward, backward: Math.max(0, this.#seconds(() => work(true)) - forward) };
      }),
    );
    this.#arenas[0].reset();
    const of = (pass: 'forward' | 'backward') =>
      new Surface(
        steps,
        queries,
        cells.map((row) => row.map((seconds) => seconds[pass])),
      );
    const none = () => 0;
    return { forward: of('forward'), backward: of('backward'), weights: { at: none }, packing: { forward: none, backward: none } };
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
      powersUpTo(rowsAtATime).filter((count) => count >= 4),
      'columns',
      (count, rows) => {
        const [weight, dWeight] = [this.#filled(this.#stages, [count, hidden]), this.#filled(this.#stages, [count, hidden])];
        const [bias, dBias] = [this.#filled(this.#stages, [count]), this.#filled(this.#stages, [count])];
        return this.#cell(stretchesOf(rows * count * 4), [weight], new Set(), (scope) => {
          const stage = new OutputStage(scope, { weight, bias, dWeight, dBias }, 0, count, attributes, false);
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

  #surfaces(
    xs: readonly number[],
    ys: readonly number[],
    packed: 'all' | 'columns',
    cell: (x: number, y: number) => StretchSeconds,
  ): StageSeconds {
    const cells = xs.map((x) => ys.map((y) => cell(x, y)));
    this.#arenas[0].reset();
    const of = (pass: keyof StagePasses) =>
      new Surface(
        xs,
        ys,
        cells.map((row) => row.map((seconds) => seconds[pass])),
      );
    const packing = (pass: 'forward' | 'backward') =>
      packingSeconds(
        xs,
        cells.map((row) => row.map((each) => each.packing[pass])),
        packed,
      );
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
    return { beforehand: this.#seconds(() => packBatch(unpackPairs(packPairs(pairs)), false)), planning: schedule / tasks };
  }

  /** Seconds that a value takes in a norm, in an update by the network's optimizer, in a sum of two gradients, and to bfloat16 or back. */
  values(): { norm: number; update: number; reduce: number; conversion: number } {
    const { kernels } = this.#device;
    // Larger than caches, as a model is.
    const count = 4 << 20;
    const large = () => this.#filled(this.#stages, [count]);
    const [value, gradient, first, second] = [large(), large(), large(), large()];
    const { offset } = value;
    const update = () =>
      this.#network.optimizer.kind === 'sgd'
        ? kernels.sgdUpdate(offset, gradient.offset, count, 1e-6, 1)
        : kernels.adamUpdate(offset, gradient.offset, first.offset, second.offset, count, 1e-6, 1, 0.9, 0.999, 1e-8, 1, 1, 0);
    const wire = new WireValues(this.#device, 'bf16');
    const convert = () => {
      for (let at = 0; at < count; at += valuesOfPortion) {
        wire.write((first.offset + 2 * at) / 4, offset + 4 * at, valuesOfPortion);
        wire.read(offset + 4 * at, (first.offset + 2 * at) / 4, valuesOfPortion);
      }
    };
    const conversion = this.#seconds(convert) / 2 / count;
    wire.dispose();
    return {
      conversion,
      norm: this.#seconds(() => kernels.sumOfSquares(gradient.offset, count)) / count,
      update: this.#seconds(update) / count,
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
