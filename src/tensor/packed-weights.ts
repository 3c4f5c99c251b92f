import { type MatrixProduct, type MatrixProvider, MatrixWrapper, type PackedMatrix, type RightMatrix } from './matrix.js';
import type { Tensor } from './tensor.js';

/**
 * A matrix provider for many products with the same weights, as in decoding, or in an update with bf16: packs each weight
 * matrix when it is first multiplied by and uses the packed copy from then on. Before weights change, `forget` gives the
 * copies back. The provider below stays as it is, also after `dispose`.
 */
export class PackedWeights extends MatrixWrapper {
  /** Byte offsets of the matrices that may be packed. */
  readonly #weights: ReadonlySet<number>;
  readonly #packed = new Map<string, PackedMatrix>();

  constructor(provider: MatrixProvider, weights: Iterable<Tensor>) {
    super(provider);
    this.#weights = new Set(Array.from(weights, ({ offset }) => offset));
  }

  override multiply(product: MatrixProduct): void {
    if (product.transposeA || !this.#weights.has(product.b)) this.below.multiply(product);
    else this.#packedCopy(product).multiply(product);
  }

  override pack(right: RightMatrix): PackedMatrix {
    if (!this.#weights.has(right.b)) return this.below.pack(right);
    return { multiply: this.#packedCopy(right).multiply, release: () => {} };
  }

  forget(): void {
    for (const packed of this.#packed.values()) packed.release();
    this.#packed.clear();
  }

  override dispose(): void {
    this.forget();
  }

  #packedCopy(right: RightMatrix): PackedMatrix {
    const { n, k, b, transposeB, strideB } = right;
    const key = `${b} ${n} ${k} ${transposeB} ${strideB}`;
    const known = this.#packed.get(key);
    if (known !== undefined) return known;
    const packed = this.below.pack(right);
    this.#packed.set(key, packed);
    return packed;
  }
}
