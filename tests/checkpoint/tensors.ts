import { Memory } from '../../src/tensor/memory.js';
import { type NamedValues, PlacedValues } from '../../src/tensor/named-values.js';
import { Tensor } from '../../src/tensor/tensor.js';

/** A shape, and its values if they matter. */
export type Described = readonly [shape: readonly number[], values?: readonly number[]];

/** Tensors in a memory of their own. */
export function tensorsOf(described: Readonly<Record<string, Described>>): PlacedValues {
  const memory = new Memory({ shared: false });
  return new PlacedValues(
    Object.entries(described).map(([name, [shape, values]]) => {
      const size = shape.reduce((product, dimension) => product * dimension, 1);
      const tensor = new Tensor(memory, memory.allocate(size * 4).offset, shape);
      tensor.f32.fill(Number.NaN);
      return [name, [values === undefined ? tensor : tensor.set(values)]];
    }),
  );
}

export async function valuesOf(values: NamedValues): Promise<Record<string, number[]>> {
  const read = async (name: string, shape: readonly number[]) => {
    const target = new Float32Array(shape.reduce((product, dimension) => product * dimension, 1));
    await values.read(name, 0, target);
    return [name, Array.from(target)] as const;
  };
  return Object.fromEntries(await Promise.all(Array.from(values.shapes, ([name, shape]) => read(name, shape))));
}
