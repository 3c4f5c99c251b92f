import type { NamedValues } from '../../src/tensor/named-values.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { Memory } from '../../src/tensor/memory.js';
import { Tensor } from '../../src/tensor/tensor.js';
import type { Executor } from '../../src/training/executor.js';

/** Copies of all values, by name. */
export async function copied(values: NamedValues): Promise<Map<string, Float32Array>> {
  const copies = new Map<string, Float32Array>();
  for (const [name, shape] of values.shapes) {
    const copy = new Float32Array(shape.reduce((product, dimension) => product * dimension, 1));
    await values.read(name, 0, copy);
    copies.set(name, copy);
  }
  return copies;
}

/** Copies of the parameters as they are now. */
export async function parametersOf(executor: Executor): Promise<Map<string, Float32Array>> {
  return copied((await executor.collect()).parameters);
}

/** Values that stay as they are now, whatever becomes of the executor. */
export async function kept(values: NamedValues): Promise<PlacedValues> {
  const memory = new Memory({ shared: false });
  const copies = await copied(values);
  return new PlacedValues(
    Array.from(values.shapes, ([name, shape]) => {
      const tensor = new Tensor(memory, memory.allocate(4 * (copies.get(name)?.length ?? 0)).offset, shape);
      return [name, [tensor.set(copies.get(name) ?? [])]];
    }),
  );
}
