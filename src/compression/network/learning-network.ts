import type { ByteLogits, BytePredictor } from '../byte-predictor.js';
import { arrays } from './arrays.js';
import { Contexts, hashedContexts } from './contexts.js';
import { type Engine, type KernelMemory, kernelMemory } from './kernel-memory.js';
import { RecurrentLayer, recurrentArrays } from './recurrent-layer.js';

const outputs = 256;
const learningRate = 0.3;
/** One row for what has no context, one for each byte that may be the last. */
const denseRows = 1 + 256;
const rows = 2 + hashedContexts;

export interface LearningNetworkOptions {
  /** 2^`bits` weights for all contexts of more than a byte, and as many mean squares. */
  readonly bits: number;
  /** Of the recurrent layer; a multiple of 16, or 0 for none. */
  readonly cells: number;
  /** Default: WebAssembly. The bits are the same. */
  readonly engine?: Engine | undefined;
  /** What is known before: the network adds to it, and learns what it lacks. */
  readonly prior?: ByteLogits | undefined;
}

function networkArrays(bits: number) {
  // A row may begin anywhere among the weights, so those of the last ones need room.
  const weights = outputs * denseRows + 2 ** bits + outputs;
  return { weights, squares: weights, list: rows, logits: outputs, frequencies: outputs };
}

type Places = Readonly<Record<keyof ReturnType<typeof networkArrays>, number>>;

/**
 * A network that learns while it reads: contexts lead straight to the bytes that follow them, by weights that are found by hash (Mahoney 2000;
 * Mikolov et al. 2011), and so does a layer of LSTM cells, whose memory has no such end. Weights follow the gradient of the coding cost after
 * every byte.
 */
export class LearningNetwork implements BytePredictor {
  readonly #memory: KernelMemory;
  readonly #places: Places;
  readonly #mask: number;
  readonly #recurrent: RecurrentLayer | undefined;
  readonly #prior: ByteLogits | undefined;
  readonly #contexts = new Contexts();
  readonly #frequencies: Int32Array;

  static async create({ bits, cells, engine = 'webassembly', prior }: LearningNetworkOptions): Promise<LearningNetwork> {
    const own = arrays(networkArrays(bits), 0);
    const recurrent = arrays(recurrentArrays(cells), own.end);
    const memory = await kernelMemory(recurrent.end, engine);
    const layer = cells === 0 ? undefined : new RecurrentLayer(memory, recurrent.places, cells);
    return new LearningNetwork(memory, own.places, bits, layer, prior);
  }

  private constructor(
    memory: KernelMemory,
    places: Places,
    bits: number,
    recurrent: RecurrentLayer | undefined,
    prior: ByteLogits | undefined,
  ) {
    this.#memory = memory;
    this.#places = places;
    this.#mask = 2 ** bits - 4;
    this.#recurrent = recurrent;
    this.#prior = prior;
    this.#frequencies = memory.integers.subarray(places.frequencies / 4, places.frequencies / 4 + outputs);
    this.#listRows();
    this.#forward();
  }

  predict(): Int32Array {
    return this.#frequencies;
  }

  learn(byte: number): void {
    const { kernels, values } = this.#memory;
    const { logits, list, weights, squares } = this.#places;
    // Of probabilities, the gradient of the cost: 1 less for what came.
    const came = logits / 4 + byte;
    values[came] = (values[came] as number) - 1;
    this.#recurrent?.learn(logits);
    kernels.adagrad(list, rows, squares - weights, logits, outputs, learningRate);
    this.#prior?.read(byte);
    this.#contexts.append(byte);
    this.#listRows();
    this.#forward();
  }

  #forward(): void {
    const { kernels, values } = this.#memory;
    const { logits, list, frequencies } = this.#places;
    if (this.#prior === undefined) values.fill(0, logits / 4, logits / 4 + outputs);
    else values.set(this.#prior.logits, logits / 4);
    kernels.sumRows(logits, list, rows, outputs);
    this.#recurrent?.read(this.#contexts.last, logits);
    kernels.distribution(logits, frequencies, outputs);
  }

  /** The addresses of the rows that lead to the next byte. */
  #listRows(): void {
    const { integers } = this.#memory;
    const { weights, list } = this.#places;
    const rowBytes = 4 * outputs;
    const begin = list / 4;
    integers[begin] = weights;
    integers[begin + 1] = weights + rowBytes * (1 + this.#contexts.last);
    const hashed = weights + rowBytes * denseRows;
    for (let context = 0; context < hashedContexts; context++) {
      integers[begin + 2 + context] = hashed + 4 * ((this.#contexts.hashes[context] as number) & this.#mask);
    }
  }
}
