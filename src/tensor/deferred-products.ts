import type { MatrixProduct, MatrixProvider } from './matrix.js';

/**
 * A matrix provider that puts off products into certain results, the gradients of weights, which nothing waits for: a device
 * does them while it would wait. Their operands must stay as they are until then, as in an arena they do.
 */
export class DeferredProducts {
  /** Computes at once what is not put off. */
  readonly matrix: MatrixProvider;
  readonly #provider: MatrixProvider;
  #deferred: MatrixProduct[] = [];

  /** `results`: byte offsets of the results that can wait. */
  constructor(provider: MatrixProvider, results: ReadonlySet<number>) {
    this.#provider = provider;
    this.matrix = {
      name: provider.name,
      precision: provider.precision,
      description: provider.description,
      get externalBytes() {
        return provider.externalBytes;
      },
      multiply: (product) => {
        // The left operand is known again only to a product that follows at once.
        if (product.accumulate && results.has(product.c)) this.#deferred.push({ ...product, sameA: false });
        else provider.multiply(this.#deferred.length === 0 ? product : { ...product, sameA: false });
      },
      pack: (n, k, b, transposeB) => provider.pack(n, k, b, transposeB),
      dispose: () => provider.dispose(),
    };
  }

  /** Hands over what was put off since the last call; running the result computes it. */
  take(): () => void {
    const products = this.#deferred;
    this.#deferred = [];
    return () => {
      for (const [index, product] of products.entries()) {
        const before = products[index - 1];
        const sameA = before?.a === product.a && before.m === product.m && before.k === product.k;
        this.#provider.multiply({ ...product, sameA });
      }
    };
  }
}
