import type { LayeredModel } from '../../models/lstm/layered.js';
import { Gradients, ParameterStore } from '../../nn/parameters.js';
import { Optimizer } from '../../training/optimizer.js';
import type { OptimizerOptions } from '../../training/optimizer-options.js';
import type { Placement } from '../schedule/placement.js';

/**
 * What a device of a pipeline learns, and all that its memory holds of the model: its layers, of encoder and decoder, and of the
 * output layer the rows of its slice of the vocabulary, under the names that the whole has.
 */
export function ownParameters({ output, parametersOf }: LayeredModel, { layers, vocabulary }: Placement, device: number): ParameterStore {
  const own = new ParameterStore();
  for (const [layer, place] of layers.entries()) {
    if (place !== device) continue;
    for (const part of ['encoder', 'decoder'] as const) for (const parameter of parametersOf(part, layer)) own.add(parameter);
  }
  for (const { device: place, from, to } of vocabulary) {
    if (place !== device) continue;
    for (const { name, shape, rules } of [output.weight, output.bias]) own.declare(name, [to - from, ...shape.slice(1)], rules);
  }
  return own;
}

/** Room in which a device can compute at all. */
const leastStepBytes = 4 * 1024 ** 2;

/** Bytes that a device needs at least: what it learns, gradients, the optimizer's values, and a little to compute in. */
export function ownBytes(layered: LayeredModel, placement: Placement, device: number, optimizer: OptimizerOptions): number {
  const own = ownParameters(layered, placement, device);
  return 4 * own.count + Gradients.bytes(own) + Optimizer.bytes(optimizer, own) + leastStepBytes;
}
