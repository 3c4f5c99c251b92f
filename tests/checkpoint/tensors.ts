import type { NamedTensors } from '../../src/checkpoint/safetensors.js';
import { Memory } from '../../src/tensor/memory.js';
import { Tensor } from '../../src/tensor/tensor.js';

/** A shape, and its values if they matter. */
export type Described = readonly [shape: readonly number[], values?: readonly number[]];

/** Tensors in a memory of their own. */
export function tensorsOf(described: Readonly<Record<string, Described>>): NamedTensors {
  const memory = new Memory({ shared: false });
  return new Map(
    Object.entries(described).map(([name, [shape, values]]) => {
      const size = shape.reduce((product, dimension) => product * dimension, 1);
      const tensor = new Tensor(memory, memory.allocate(size * 4).offset, shape);
      tensor.f32.fill(Number.NaN);
      return [name, values === undefined ? tensor : tensor.set(values)];
    }),
  );
}

export function valuesOf(tensors: NamedTensors): Record<string, number[]> {
  return Object.fromEntries(Array.from(tensors, ([name, tensor]) => [name, tensor.toArray()]));
}
