import { type MatrixProduct, type MatrixProvider, MatrixWrapper } from './matrix.js';

/**
 * A matrix provider that puts off products into certain results, the gradients of weights, which nothing waits for: a device
 * does them while it would wait. Their operands must stay as they are until then, as in an arena they do.
 */
export class DeferredProducts extends MatrixWrapper {
  readonly #results: ReadonlySet<number>;
  #deferred: MatrixProduct[] = [];

  /** `results`: byte offsets of the results that can wait. */
  constructor(provider: MatrixProvider, results: ReadonlySet<number>) {
    super(provider);
    this.#results = results;
  }

  override multiply(product: MatrixProduct): void {
    // The left operand is known again only to a product that follows at once.
    if (product.accumulate && this.#results.has(product.c)) this.#deferred.push({ ...product, sameA: false });
    else this.below.multiply(this.#deferred.length === 0 ? product : { ...product, sameA: false });
  }

  /** Hands over what was put off since the last call; running the result computes it. */
  take(): () => void {
    const products = this.#deferred;
    this.#deferred = [];
    return () => {
      for (const [index, product] of products.entries()) {
        const before = products[index - 1];
        this.below.multiply({ ...product, sameA: before !== undefined && hasSameA(product, before) });
      }
    };
  }
}

function hasSameA(product: MatrixProduct, before: MatrixProduct): boolean {
  return (['a', 'm', 'k', 'transposeA', 'strideA'] as const).every((key) => product[key] === before[key]);
}
