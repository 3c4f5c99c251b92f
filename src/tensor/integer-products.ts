import type { Device } from './device.js';
import { chooseIntegerLoop, type IntegerMultiply } from './kernels/integer-check.js';
import { integerTileBytes } from './kernels/integer-kernels.js';
import type { LoadedKernels } from './kernels/load.js';
import { type MatrixProvider, MatrixWrapper, type PackedMatrix, productOf, type RightMatrix, strideOfB, stridesOf } from './matrix.js';
import type { Block, Memory } from './memory.js';
import type { Tensor } from './tensor.js';

/** Longest sum that is exact in 32 bits: 2^31 / 127². */
const longestSum = 2 ** 17;

/**
 * A matrix provider that multiplies by some weights in 8-bit integers. Weights are rounded when they are packed (those of a model
 * that was packed in int8 are such integers already, and stay what they are), activations when they are multiplied, in 7 bits per row;
 * sums are exact. Everything else goes to the provider below. For weights that do not change: there is no gradient.
 */
export class IntegerProducts extends MatrixWrapper {
  readonly #weights: ReadonlySet<number>;
  readonly #memory: Memory;
  readonly #kernels: LoadedKernels;
  readonly #multiply: IntegerMultiply;
  readonly #packed = new Set<Block>();
  #scratch: Block | undefined;

  constructor(
    below: MatrixProvider,
    weights: Iterable<Tensor>,
    { memory, kernels, integerMultiply = kernels.integerMultiply }: Pick<Device, 'memory' | 'kernels' | 'integerMultiply'>,
  ) {
    super(below);
    this.#weights = new Set(Array.from(weights, ({ offset }) => offset));
    this.#memory = memory;
    this.#kernels = kernels;
    this.#multiply = integerMultiply;
  }

  override pack(right: RightMatrix): PackedMatrix {
    const { n, k, b, transposeB } = right;
    if (!this.#weights.has(b) || !transposeB || k > longestSum) return this.below.pack(right);
    const kernels = this.#kernels;
    chooseIntegerLoop(this.#memory, kernels);
    const block = this.#memory.allocate(kernels.integerPackedBytes(n, k));
    this.#packed.add(block);
    kernels.integerPack(n, k, b, strideOfB(right), block.offset);
    return {
      multiply: (product) => {
        const { m, a, c, accumulate } = product;
        const stride = stridesOf(productOf(right, product));
        const tile = this.#scratchOf(kernels.integerScratchBytes(m, k));
        const rows = tile + integerTileBytes;
        kernels.integerRows(m, k, a, stride.a, rows);
        this.#multiply(m, n, k, rows, block.offset, c, stride.c, Number(accumulate), tile);
      },
      release: () => {
        if (this.#packed.delete(block)) this.#memory.free(block);
      },
    };
  }

  /** The provider below stays as it is. */
  override dispose(): void {
    for (const block of this.#packed) this.#memory.free(block);
    this.#packed.clear();
    if (this.#scratch !== undefined) this.#memory.free(this.#scratch);
    this.#scratch = undefined;
  }

  #scratchOf(bytes: number): number {
    if (this.#scratch === undefined || this.#scratch.bytes < bytes) {
      if (this.#scratch !== undefined) this.#memory.free(this.#scratch);
      this.#scratch = undefined;
      this.#scratch = this.#memory.allocate(bytes);
    }
    return this.#scratch.offset;
  }
}
