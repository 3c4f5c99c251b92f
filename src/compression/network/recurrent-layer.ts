import { randomKey, uniform } from '../../core/random.js';
import type { KernelMemory } from './kernel-memory.js';

/** Bytes after which the layer learns from what they have cost, and over which it looks back for that. */
const steps = 20;
const learningRate = 0.005;
const decay = 0.999;
/** Of the weights that lead to the bytes, which learn from each. */
const output = { learningRate: 0.006, decay: 0.9995 } as const;
const outputs = 256;
const inputRange = 0.1;
/** A gate that forgets little at first (Gers et al. 2000). */
const forgetBias = 1;

/** Words of each array of a layer of so many cells. */
export function recurrentArrays(cells: number) {
  const gates = 4 * cells;
  return {
    recurrent: cells * gates,
    recurrentSquares: cells * gates,
    input: 256 * gates,
    inputSquares: 256 * gates,
    output: cells * outputs,
    hiddenSquares: cells,
    errorSquares: outputs,
    hidden: (steps + 1) * cells,
    cells: (steps + 1) * cells,
    gates: steps * gates,
    own: steps * cells,
    later: cells,
    cellLater: cells,
    scaledHidden: cells,
    scaledError: outputs,
    one: 1,
  };
}

type Places = Readonly<Record<keyof ReturnType<typeof recurrentArrays>, number>>;

/**
 * A layer of LSTM cells that reads bytes and adds to what is said of the next, as in lstm-compress (Knoll) and NNCP (Bellard 2019). It learns from
 * each byte what it leads to, by weights and mean squares that are kept by row and by column only (Shazeer and Stern 2018), and every `steps`
 * bytes the rest, by back-propagation through them.
 */
export class RecurrentLayer {
  readonly #memory: KernelMemory;
  readonly #places: Places;
  readonly #cells: number;
  /** Bytes read since it learnt last, with what they were. */
  #step = 0;
  readonly #read = new Uint8Array(steps);
  /** What is left of the beginning in mean squares, which begin at 0. */
  readonly #left = { output: 1, rest: 1 };

  constructor(memory: KernelMemory, places: Places, cells: number) {
    this.#memory = memory;
    this.#places = places;
    this.#cells = cells;
    const fill = (place: number, count: number, valueAt: (at: number) => number) => {
      for (let at = 0; at < count; at++) memory.values[place / 4 + at] = valueAt(at);
    };
    const gates = 4 * cells;
    const [recurrent, input] = [randomKey(1, 'initialise', cells, 1), randomKey(1, 'initialise', cells, 2)];
    const range = 1 / Math.sqrt(cells);
    fill(places.recurrent, cells * gates, (at) => (2 * uniform(recurrent, at) - 1) * range);
    const isForgetting = (at: number) => Math.floor((at % gates) / cells) === 1;
    fill(places.input, 256 * gates, (at) => (2 * uniform(input, at) - 1) * inputRange + (isForgetting(at) ? forgetBias : 0));
    fill(places.one, 1, () => 1);
  }

  /** Reads a byte, and adds to the logits of the next one. */
  read(byte: number, logits: number): void {
    const { kernels, values } = this.#memory;
    const [places, cells, gates] = [this.#places, this.#cells, this.#gates(this.#step)];
    this.#read[this.#step] = byte;
    const from = (places.input + 16 * cells * byte) / 4;
    values.copyWithin(gates / 4, from, from + 4 * cells);
    kernels.addProducts(gates, places.recurrent, this.#hidden(this.#step), cells, 4 * cells);
    kernels.lstmForward(gates, this.#cellsAt(this.#step), this.#cellsAt(this.#step + 1), this.#hidden(this.#step + 1), cells);
    kernels.addProducts(logits, places.output, this.#hidden(this.#step + 1), cells, outputs);
  }

  /** `error`: the gradient of the logits that it has added to last. */
  learn(error: number): void {
    const { kernels } = this.#memory;
    const [places, cells] = [this.#places, this.#cells];
    const hidden = this.#hidden(this.#step + 1);
    kernels.innerProducts(places.own + 4 * cells * this.#step, places.output, error, cells, outputs);
    this.#left.output *= output.decay;
    const correction = 1 / (1 - this.#left.output);
    kernels.normalised(places.scaledError, error, places.errorSquares, outputs, output.decay, correction, 1);
    kernels.normalised(places.scaledHidden, hidden, places.hiddenSquares, cells, output.decay, correction, output.learningRate);
    kernels.subtractOuterProduct(places.output, places.scaledHidden, places.scaledError, cells, outputs);
    this.#step++;
    if (this.#step === steps) this.#learnBack();
  }

  #learnBack(): void {
    const { kernels, values } = this.#memory;
    const [places, cells] = [this.#places, this.#cells];
    values.fill(0, places.later / 4, places.later / 4 + cells);
    values.fill(0, places.cellLater / 4, places.cellLater / 4 + cells);
    for (let step = steps - 1; step >= 0; step--) {
      const [gates, own] = [this.#gates(step), places.own + 4 * cells * step];
      kernels.lstmBackward(gates, this.#cellsAt(step), this.#cellsAt(step + 1), own, places.later, places.cellLater, cells);
      kernels.innerProducts(places.later, places.recurrent, gates, cells, 4 * cells);
    }
    this.#left.rest *= decay;
    const correction = 1 / (1 - this.#left.rest);
    const learn = (weights: number, squares: number, x: number, d: number, rows: number, count: number) =>
      kernels.rmsprop(weights, squares, x, d, rows, 4 * cells, count, learningRate, decay, correction);
    learn(places.recurrent, places.recurrentSquares, places.hidden, places.gates, cells, steps);
    for (const [step, byte] of this.#read.entries()) {
      const row = 16 * cells * byte;
      learn(places.input + row, places.inputSquares + row, places.one, this.#gates(step), 1, 1);
    }
    // The last state is the first of what comes.
    for (const [first, last] of [
      [this.#hidden(0), this.#hidden(steps)],
      [this.#cellsAt(0), this.#cellsAt(steps)],
    ] as const) {
      values.copyWithin(first / 4, last / 4, last / 4 + cells);
    }
    this.#step = 0;
  }

  #hidden(step: number): number {
    return this.#places.hidden + 4 * this.#cells * step;
  }

  #cellsAt(step: number): number {
    return this.#places.cells + 4 * this.#cells * step;
  }

  #gates(step: number): number {
    return this.#places.gates + 16 * this.#cells * step;
  }
}
