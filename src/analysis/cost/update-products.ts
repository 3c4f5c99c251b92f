import { createModel } from '../../models/create.js';
import type { ProductShape } from '../../tensor/matrix.js';
import { Memory } from '../../tensor/memory.js';
import { isOneStep, mostTokensOfStep, partsOf, stepBytes } from '../../training/step-memory.js';
import { type BenchShape, benchPairs, benchShape, benchShapeNames } from './bench-shapes.js';

/** Products of one shape in an update. */
export interface ShapeOfUpdate extends ProductShape {
  readonly count: number;
}

/** The networks whose products can be listed. */
export const updateNames: readonly string[] = benchShapeNames.filter((name) => name !== '2014');

/**
 * The products of one update of a network by shape, those that take most operations first.
 *
 * @throws DecadeError `usage` for an unknown name
 */
export function productsOfUpdate(name: string): ShapeOfUpdate[] {
  const shapes = new Map<string, ShapeOfUpdate>();
  for (const product of recordedProducts(benchShape(name))) {
    const key = Object.values(product).join(' ');
    shapes.set(key, { ...product, count: (shapes.get(key)?.count ?? 0) + 1 });
  }
  return [...shapes.values()].sort((left, right) => operationsOf(right) - operationsOf(left));
}

/** Additions and multiplications. */
export function operationsOf({ m, n, k, count }: ShapeOfUpdate): number {
  return 2 * m * n * k * count;
}

/** What the steps of one device ask for, which computes a large batch in parts. */
function recordedProducts(shape: BenchShape): ProductShape[] {
  const model = createModel(shape.model, { source: shape.sourceVocabulary, target: shape.targetVocabulary });
  const memory = new Memory({ shared: false });
  model.parameters.attach(memory, Object.fromEntries(Array.from(model.parameters, (parameter) => [parameter.name, 0])));
  const products: ProductShape[] = [];
  const rule = { consistency: 0 };
  const mostTokens = mostTokensOfStep(model, memory, rule);
  for (const pairs of partsOf(benchPairs(shape), (part) => isOneStep(model, part, mostTokens))) {
    stepBytes(model, memory, pairs, rule, ({ m, n, k, transposeA, transposeB, accumulate }, packed) => {
      products.push({ m, n, k, transposeA, transposeB, accumulate, packed });
    });
  }
  return products;
}
