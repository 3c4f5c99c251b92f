import type { GroupedAttention } from './grouped-attention.js';
import type { IntegerMultiply } from './kernels/integer-check.js';
import type { LoadedKernels } from './kernels/load.js';
import type { KnownProducts } from './known-products.js';
import type { MatrixProvider } from './matrix.js';
import { type Memory, MeasuredRoom, type Room } from './memory.js';
import { type DataType, type Shape, Tensor } from './tensor.js';

/** What computes: one thread's kernels and matrix library on one memory. */
export interface Device {
  readonly memory: Memory;
  readonly kernels: LoadedKernels;
  readonly matrix: MatrixProvider;
  /** The kernel of this name in the platform's own instructions. Default: the portable one. */
  readonly integerMultiply?: IntegerMultiply | undefined;
  /** Where the matrix library has small products. */
  readonly groupedAttention?: GroupedAttention | undefined;
  /** Where parameters do not change while the device is used: what it keeps of their products. */
  readonly known?: KnownProducts | undefined;
}

/** Where an operation allocates what it returns and what it needs meanwhile. */
export class Scope {
  readonly device: Device;
  readonly arena: Room;

  constructor(device: Device, arena: Room) {
    this.device = device;
    this.arena = arena;
  }

  /** A tensor with unspecified values, which ends when the arena is reset. */
  empty(shape: Shape, dataType: DataType = 'f32'): Tensor {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    return new Tensor(this.device.memory, this.arena.allocate(size * 4), shape, dataType);
  }

  /**
   * As `empty`, for what an operation gives and does not read again: a tape knows when it has been read for the last time, and makes its
   * room that of another.
   */
  output(shape: Shape): Tensor {
    return this.empty(shape);
  }

  /** As `empty`, for what an operation gives or saves and reads again for its gradient, but nobody after that. */
  kept(shape: Shape): Tensor {
    return this.empty(shape);
  }

  zeros(shape: Shape): Tensor {
    const tensor = this.empty(shape);
    this.device.kernels.fill(tensor.offset, 0, tensor.size);
    return tensor;
  }

  /** Integers (ids, row indices, keys) copied to the device. */
  integers(values: ArrayLike<number>): Tensor {
    const tensor = this.empty([values.length], 'i32');
    return this.arena instanceof MeasuredRoom ? tensor : tensor.set(values);
  }
}
