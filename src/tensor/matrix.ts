/** What the operands of a product are rounded to before they are multiplied; sums and results are always f32. */
export const precisions = ['f32', 'bf16'] as const;
export type Precision = (typeof precisions)[number];

/**
 * The one question the engine asks of a matrix library. All matrices are contiguous, row-major 32-bit floats at byte
 * offsets of one WebAssembly memory.
 */
export interface MatrixProduct {
  /** Rows of C, columns of C, and the length that is summed over. */
  m: number;
  n: number;
  k: number;
  /** Byte offset of A: [m, k], or [k, m] when `transposeA`. */
  a: number;
  transposeA: boolean;
  /** Byte offset of B: [k, n], or [n, k] when `transposeB`. */
  b: number;
  transposeB: boolean;
  /** Byte offset of C: [m, n]. */
  c: number;
  /** C += A B instead of C = A B. */
  accumulate: boolean;
  /** A is that of the product before, transposed or not, and unchanged since: what was made of it may be used again. */
  sameA?: boolean;
}

/** A matrix B in the layout a provider likes best, for many products while B does not change. */
export interface PackedMatrix {
  readonly n: number;
  readonly k: number;
  /** C = A B, or C += A B. A is [m, k] at byte offset `a`, not transposed. */
  multiply(m: number, a: number, c: number, accumulate: boolean): void;
  /** Ends the packed copy; its room is used again by the next `pack` of the same size. */
  release(): void;
}

/** A matrix library bound to one memory and used by one thread. Products round as the library does. */
export interface MatrixProvider {
  /** `webassembly`, `avx512`, `avx2`, `openblas`, `mkl`, `accelerate`, `onednn`. */
  readonly name: string;
  /** How packed weights are kept, where the library knows several ways: products round differently by it. */
  readonly packing?: string | undefined;
  /** With bf16, every matrix is converted at each product, so weights are best packed whenever they are used. */
  readonly precision: Precision;
  /** What `doctor` shows: library file, version, variant. */
  readonly description: string;
  multiply(product: MatrixProduct): void;
  /** Packs B ([k, n], or [n, k] when `transposeB`) for repeated products. Worth it from about five products on. */
  pack(n: number, k: number, b: number, transposeB: boolean): PackedMatrix;
  /** Bytes the provider holds outside the WebAssembly memory (packed weights, scratch). */
  readonly externalBytes: number;
  dispose(): void;
}

/**
 * A provider in front of another one. What a wrapper does not change goes through to the provider below, so that none can forget
 * anything; disposing is the provider's own.
 */
export class MatrixWrapper implements MatrixProvider {
  protected readonly below: MatrixProvider;

  constructor(below: MatrixProvider) {
    this.below = below;
  }

  get name(): string {
    return this.below.name;
  }
  get packing(): string | undefined {
    return this.below.packing;
  }
  get precision(): Precision {
    return this.below.precision;
  }
  get description(): string {
    return this.below.description;
  }
  get externalBytes(): number {
    return this.below.externalBytes;
  }

  multiply(product: MatrixProduct): void {
    this.below.multiply(product);
  }

  pack(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
    return this.below.pack(n, k, b, transposeB);
  }

  dispose(): void {
    this.below.dispose();
  }
}

/** The library and its packing, in the form that choosing one takes: `onednn/blocks`. The same again gives the same bits. */
export function matrixIdentity({ name, packing }: Pick<MatrixProvider, 'name' | 'packing'>): string {
  return packing === undefined ? name : `${name}/${packing}`;
}
