import { DecadeError } from '../core/errors.js';
import type { Memory } from './memory.js';
import type { SmallProducts } from './small-products.js';

/** What the operands of a product are rounded to before they are multiplied; sums and results are always f32. */
export const precisions = ['f32', 'bf16'] as const;
export type Precision = (typeof precisions)[number];

/** The right operand of a product, B. */
export interface RightMatrix {
  /** Columns of B, and the length that is summed over. */
  readonly n: number;
  readonly k: number;
  /** Byte offset of B: [k, n], or [n, k] when `transposeB`. */
  readonly b: number;
  readonly transposeB: boolean;
  /** Floats from one row in memory to the next, its leading dimension. Default: as many as a row has. */
  readonly strideB?: number;
}

/**
 * The one question the engine asks of a matrix library: C = A B. All matrices are row-major 32-bit floats at byte offsets of one
 * WebAssembly memory; with a stride, rows may be those of a larger matrix, whose other columns are neither read nor written.
 */
export interface MatrixProduct extends RightMatrix {
  /** Rows of C. */
  readonly m: number;
  /** Byte offset of A: [m, k], or [k, m] when `transposeA`. */
  readonly a: number;
  readonly transposeA: boolean;
  readonly strideA?: number;
  /** Byte offset of C: [m, n]. */
  readonly c: number;
  readonly strideC?: number;
  /** C += A B instead of C = A B. */
  readonly accumulate: boolean;
  /** A is that of the product before, transposed or not, and unchanged since: what was made of it may be used again. */
  readonly sameA?: boolean;
}

/** What a packed B is multiplied by, [m, k], and where the product goes. */
export type PackedProduct = Pick<MatrixProduct, 'm' | 'a' | 'strideA' | 'c' | 'strideC' | 'accumulate'>;

/** A product without its operands, to measure with. */
export interface ProductShape extends Pick<MatrixProduct, 'm' | 'n' | 'k' | 'transposeA' | 'transposeB' | 'accumulate'> {
  /** Of a packed B. */
  readonly packed: boolean;
}

/** A matrix B in the layout a provider likes best, for many products while B does not change. */
export interface PackedMatrix {
  /** C = A B, or C += A B. */
  multiply(product: PackedProduct): void;
  /** Ends the packed copy; its room is used again by the next `pack` of the same size. */
  release(): void;
}

/** A B that stays where it is. */
export function inPlace(right: RightMatrix, multiply: (product: MatrixProduct) => void): PackedMatrix {
  return { multiply: (product) => multiply(productOf(right, product)), release: () => {} };
}

/** A product with a packed B, as one of two matrices. */
export function productOf(right: RightMatrix, product: PackedProduct): MatrixProduct {
  return { ...right, ...product, transposeA: false };
}

/**
 * The three strides of a product, at least 1. Every provider asks here, so that every one refuses the same.
 *
 * @throws DecadeError `shape` where a size is no count, or where rows would overlap
 */
export function stridesOf(product: MatrixProduct): { readonly a: number; readonly b: number; readonly c: number } {
  const { m, n, k, transposeA } = product;
  checkCount('m', m);
  return { a: strideOf('strideA', product.strideA, transposeA ? m : k), b: strideOfB(product), c: strideOf('strideC', product.strideC, n) };
}

/** A product over no terms, C = 0 or C += 0, which not every library makes: oneDNN leaves C as it is, or divides by their number and ends the process. */
export function multiplyOverNoTerms({ f32 }: Pick<Memory, 'f32'>, product: MatrixProduct): void {
  const { m, n, c, accumulate } = product;
  if (accumulate) return;
  const stride = stridesOf(product).c;
  for (let start = c / 4, row = 0; row < m; row++, start += stride) f32.fill(0, start, start + n);
}

/** That of B alone. */
export function strideOfB({ n, k, transposeB, strideB }: RightMatrix): number {
  checkCount('n', n);
  checkCount('k', k);
  return strideOf('strideB', strideB, transposeB ? k : n);
}

function checkCount(name: string, count: number): void {
  if (!Number.isInteger(count) || count < 0) refuse(name, count, 'a whole number of rows, columns or terms');
}

function strideOf(name: string, stride: number | undefined, columns: number): number {
  const least = Math.max(1, columns);
  if (stride === undefined) return least;
  if (!Number.isInteger(stride) || stride < least) refuse(name, stride, `a whole number from ${least} on, the columns of a row`);
  return stride;
}

function refuse(what: string, received: number, allowed: string): never {
  throw new DecadeError('shape', { where: `matrix product: ${what}`, received: String(received), allowed });
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
  /** Packs B for repeated products. Worth it from a few products on: three of many rows, five of few. */
  pack(right: RightMatrix): PackedMatrix;
  /** Many small products in one call, where that is faster than calls of `multiply`. */
  readonly small?: SmallProducts | undefined;
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
  get small(): SmallProducts | undefined {
    return this.below.small;
  }
  get externalBytes(): number {
    return this.below.externalBytes;
  }

  multiply(product: MatrixProduct): void {
    this.below.multiply(product);
  }

  pack(right: RightMatrix): PackedMatrix {
    return this.below.pack(right);
  }

  dispose(): void {
    this.below.dispose();
  }
}

/** The library and its packing, in the form that choosing one takes: `onednn/avx2`. The same again gives the same bits. */
export function matrixIdentity({ name, packing }: Pick<MatrixProvider, 'name' | 'packing'>): string {
  return packing === undefined ? name : `${name}/${packing}`;
}
