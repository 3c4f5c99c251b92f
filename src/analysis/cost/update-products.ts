import { DecadeError, nearestName } from '../../core/errors.js';
import { createModel } from '../../models/create.js';
import type { ProductShape } from '../../tensor/matrix.js';
import { Memory } from '../../tensor/memory.js';
import { stepBytes } from '../../training/step-memory.js';
import { type BenchShape, benchPairs, benchShapes, modelOptionsOf } from './bench-shapes.js';
import { transformerProducts, transformerShapes } from './transformer-products.js';

/** Products of one shape in an update. */
export interface ShapeOfUpdate extends ProductShape {
  readonly count: number;
}

const { small, base, deep, paper } = benchShapes;
const lstmShapes: Readonly<Record<string, BenchShape>> = { small, base, deep, paper };

/** The networks whose products can be listed. */
export const updateNames: readonly string[] = [...Object.keys(lstmShapes), ...Object.keys(transformerShapes)];

/**
 * The products of one update of a network by shape, those that take most operations first.
 *
 * @throws DecadeError `usage` for an unknown name
 */
export function productsOfUpdate(name: string): ShapeOfUpdate[] {
  const products = Object.hasOwn(lstmShapes, name) ? recordedProducts(lstmShapes[name] as BenchShape) : transformerProducts(name);
  if (products === undefined) {
    const nearest = nearestName(name, updateNames);
    throw new DecadeError('usage', {
      where: '--config',
      received: name,
      allowed: updateNames.join(', '),
      ...(nearest === undefined ? {} : { next: `did you mean ${nearest}?` }),
    });
  }
  const shapes = new Map<string, ShapeOfUpdate>();
  for (const product of products) {
    const key = Object.values(product).join(' ');
    shapes.set(key, { ...product, count: (shapes.get(key)?.count ?? 0) + 1 });
  }
  return [...shapes.values()].sort((left, right) => operationsOf(right) - operationsOf(left));
}

/** Additions and multiplications. */
export function operationsOf({ m, n, k, count }: ShapeOfUpdate): number {
  return 2 * m * n * k * count;
}

/** What a step of the model itself asks for. */
function recordedProducts(shape: BenchShape): ProductShape[] {
  const model = createModel(modelOptionsOf(shape), { source: shape.sourceVocabulary, target: shape.targetVocabulary });
  const memory = new Memory({ shared: false });
  model.parameters.attach(memory, Object.fromEntries(Array.from(model.parameters, (parameter) => [parameter.name, 0])));
  const products: ProductShape[] = [];
  stepBytes(model, memory, benchPairs(shape), ({ m, n, k, transposeA, transposeB, accumulate }, packed) => {
    products.push({ m, n, k, transposeA, transposeB, accumulate, packed });
  });
  return products;
}
