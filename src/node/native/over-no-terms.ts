import { type MatrixProduct, stridesOf } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';

/** C = 0, or C += 0: of a product over no terms oneDNN leaves C as it is, or divides by their number and ends the process. */
export function multiplyOverNoTerms({ f32 }: Memory, product: MatrixProduct): void {
  const { m, n, c, accumulate } = product;
  if (accumulate) return;
  const stride = stridesOf(product).c;
  for (let row = 0; row < m; row++) f32.fill(0, c / 4 + row * stride, c / 4 + row * stride + n);
}
