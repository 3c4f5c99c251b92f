import type { ByteLogits, BytePredictor } from './byte-predictor.js';
import { type KernelMemory, kernelMemory } from './network/kernel-memory.js';

/** A trained language model that predicts bytes. Whoever reads a file needs the same. */
export interface TrainedModel {
  /** For messages: where it is. */
  readonly name: string;
  /** SHA-256 of all that its predictions depend on. */
  readonly identity: Uint8Array;
  /** CRC-32 of what it predicts of a fixed text here: engines that give other bits cannot read each other's files. */
  readonly check: number;
  /** Begins a file. */
  start(): ByteLogits;
}

const outputs = 256;

/** A trained model as it is: it learns nothing from what it reads. */
export class TrainedBytes implements BytePredictor {
  readonly #bytes: ByteLogits;
  readonly #memory: KernelMemory;
  readonly #frequencies: Int32Array;

  static async create(bytes: ByteLogits): Promise<TrainedBytes> {
    return new TrainedBytes(bytes, await kernelMemory(8 * outputs, 'webassembly'));
  }

  private constructor(bytes: ByteLogits, memory: KernelMemory) {
    this.#bytes = bytes;
    this.#memory = memory;
    this.#frequencies = memory.integers.subarray(outputs, 2 * outputs);
    this.#forward();
  }

  predict(): Int32Array {
    return this.#frequencies;
  }

  learn(byte: number): void {
    this.#bytes.read(byte);
    this.#forward();
  }

  #forward(): void {
    this.#memory.values.set(this.#bytes.logits);
    this.#memory.kernels.distribution(0, 4 * outputs, outputs);
  }
}
