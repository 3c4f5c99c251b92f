import type { MatrixProduct, MatrixProvider, PackedMatrix } from './matrix.js';
import type { Tensor } from './tensor.js';

/**
 * A matrix provider for many small products with the same weights, as in decoding: packs each weight matrix when it is
 * first multiplied by and uses the packed copy from then on. The weights must not change until `dispose`, which gives
 * the copies back and leaves the provider below as it is.
 */
export class PackedWeights implements MatrixProvider {
  readonly name: string;
  readonly description: string;
  readonly #provider: MatrixProvider;
  /** Byte offsets of the matrices that may be packed. */
  readonly #weights: ReadonlySet<number>;
  readonly #packed = new Map<string, PackedMatrix>();

  constructor(provider: MatrixProvider, weights: Iterable<Tensor>) {
    this.name = provider.name;
    this.description = provider.description;
    this.#provider = provider;
    this.#weights = new Set(Array.from(weights, ({ offset }) => offset));
  }

  get externalBytes(): number {
    return this.#provider.externalBytes;
  }

  multiply(product: MatrixProduct): void {
    const { m, n, k, a, transposeA, b, transposeB, c, accumulate } = product;
    if (transposeA || !this.#weights.has(b)) this.#provider.multiply(product);
    else this.#packedCopy(n, k, b, transposeB).multiply(m, a, c, accumulate);
  }

  pack(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
    return this.#provider.pack(n, k, b, transposeB);
  }

  dispose(): void {
    for (const packed of this.#packed.values()) packed.release();
    this.#packed.clear();
  }

  #packedCopy(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
    const key = `${b} ${n} ${k} ${transposeB}`;
    const known = this.#packed.get(key);
    if (known !== undefined) return known;
    const packed = this.#provider.pack(n, k, b, transposeB);
    this.#packed.set(key, packed);
    return packed;
  }
}
