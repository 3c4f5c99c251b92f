import { DecadeError } from '../core/errors.js';
import type { Memory } from './memory.js';

export type Shape = readonly number[];
/** `f32`: values; `i32`: token ids, row indices and 32-bit keys. */
export type DataType = 'f32' | 'i32';

/** Shape, type and place of values: contiguous and row-major in one memory. Owns nothing; an arena or a model does. */
export class Tensor {
  readonly memory: Memory;
  /** Byte offset of the first value. */
  readonly offset: number;
  readonly shape: Shape;
  readonly dataType: DataType;
  /** Number of values. */
  readonly size: number;
  /** The tensor that this is a view of, from which a tape knows where its gradient belongs. */
  readonly base: Tensor | undefined;

  constructor(memory: Memory, offset: number, shape: Shape, dataType: DataType = 'f32', base?: Tensor) {
    this.memory = memory;
    this.offset = offset;
    this.shape = shape;
    this.dataType = dataType;
    this.base = base;
    this.size = shape.reduce((product, dimension) => product * dimension, 1);
  }

  get bytes(): number {
    return this.size * 4;
  }

  /** Size of one dimension; negative counts from the end. */
  dimension(index: number): number {
    const size = this.shape.at(index);
    if (size === undefined) {
      throw new DecadeError('shape', { where: 'tensor', received: `dimension ${index} of shape ${showShape(this.shape)}` });
    }
    return size;
  }

  /** A view: the same values under another shape of the same size. */
  reshape(shape: Shape): Tensor {
    const reshaped = new Tensor(this.memory, this.offset, shape, this.dataType, this);
    if (reshaped.size !== this.size) {
      throw new DecadeError('shape', {
        where: 'reshape',
        received: `${showShape(shape)} (${reshaped.size} values)`,
        allowed: `a shape of ${this.size} values, as ${showShape(this.shape)}`,
      });
    }
    return reshaped;
  }

  /** A view: rows [start, end) of the leading dimension. */
  rows(start: number, end: number): Tensor {
    const count = this.dimension(0);
    if (start < 0 || end < start || end > count) {
      throw new DecadeError('shape', { where: 'rows', received: `[${start}, ${end})`, allowed: `a range within [0, ${count})` });
    }
    const rowSize = count === 0 ? 0 : this.size / count;
    return new Tensor(this.memory, this.offset + start * rowSize * 4, [end - start, ...this.shape.slice(1)], this.dataType, this);
  }

  /** A live view of the values; valid until the memory grows, so use it at once. */
  get f32(): Float32Array {
    return this.memory.f32.subarray(this.offset / 4, this.offset / 4 + this.size);
  }
  get i32(): Int32Array {
    return this.memory.i32.subarray(this.offset / 4, this.offset / 4 + this.size);
  }

  /** A copy of the values outside the memory. */
  toArray(): number[] {
    return Array.from(this.dataType === 'f32' ? this.f32 : this.i32);
  }

  set(values: ArrayLike<number>): this {
    if (values.length !== this.size) {
      throw new DecadeError('shape', {
        where: 'set',
        received: `${values.length} values`,
        allowed: `${this.size} values for ${showShape(this.shape)}`,
      });
    }
    (this.dataType === 'f32' ? this.f32 : this.i32).set(values);
    return this;
  }
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
