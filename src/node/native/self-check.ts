import { randomKey, uniform } from '../../core/random.js';
import { roundToBfloat16 } from '../../tensor/bfloat16.js';
import type { MatrixProduct, MatrixProvider } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import type { SmallProducts } from '../../tensor/small-products.js';

/** Sizes, and how many columns of larger matrices lie beside the operands and the result. */
const sizes: readonly (readonly [m: number, n: number, k: number, beside: number])[] = [
  [1, 1, 1, 0],
  [3, 17, 5, 3],
  [2, 65, 300, 0],
  [17, 64, 80, 0],
  [9, 130, 33, 7],
];
const guard = 16;
const guardValue = 12345;

/**
 * Multiplies matrices of several sizes in every way and compares with a plain product in float64. Gives what was wrong,
 * or undefined: a library that is broken, or that was built for other sizes of integers, must not train models.
 */
export function selfCheck(memory: Memory, provider: MatrixProvider): string | undefined {
  const largest = Math.max(...sizes.map(([m, n, k, beside]) => Math.max(m, n, k) * (m + n + k + 3 * beside)));
  const block = memory.allocate(4 * (largest + 4 * guard));
  const truths = [false, true];
  try {
    for (const [m, n, k, beside] of sizes) {
      for (const transposeA of truths) {
        for (const transposeB of truths) {
          for (const accumulate of truths) {
            const strides = { strideA: (transposeA ? m : k) + beside, strideB: (transposeB ? k : n) + beside, strideC: n + beside };
            const a = block.offset;
            const b = a + 4 * ((transposeA ? k : m) * strides.strideA + guard);
            const c = b + 4 * ((transposeB ? n : k) * strides.strideB + guard);
            const product = { m, n, k, a, transposeA, b, transposeB, c, accumulate, ...strides };
            const { small } = provider;
            const isSmall = small !== undefined && !transposeB && n % small.panelColumns === 0;
            const wrong =
              checkProduct(memory, provider, product, () => provider.multiply(product)) ??
              (transposeA ? undefined : checkProduct(memory, provider, product, () => multiplyPacked(provider, product))) ??
              (isSmall ? checkProduct(memory, provider, product, () => multiplySmall(small, product)) : undefined);
            if (wrong !== undefined) return wrong;
          }
        }
      }
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    memory.free(block);
  }
}

function multiplyPacked(provider: MatrixProvider, product: MatrixProduct): void {
  const packed = provider.pack(product);
  packed.multiply(product);
  packed.release();
}

function multiplySmall(small: SmallProducts, product: Required<Omit<MatrixProduct, 'sameA'>>): void {
  const { m, n, k, a, transposeA, strideA, b, strideB, c, strideC, accumulate } = product;
  const [rowOfA, termOfA] = transposeA ? [4, 4 * strideA] : [4 * strideA, 4];
  const right = { b, termOfB: 4 * strideB, panelOfB: 4 * small.panelColumns };
  const result = { c, rowOfC: 4 * strideC, accumulate };
  small.add({ rows: m, terms: k, columns: n, a, rowOfA, termOfA, ...right, ...result, repeats: 1, nextA: 0, nextB: 0, nextC: 0 });
  small.run();
}

function checkProduct(
  memory: Memory,
  { precision }: MatrixProvider,
  product: Required<Omit<MatrixProduct, 'sameA'>>,
  multiply: () => void,
): string | undefined {
  // With its operands rounded in advance, a product in bfloat16 is as exact as any: products of two fit into a f32.
  const operand = precision === 'bf16' ? roundToBfloat16 : (value: number) => value;
  const { m, n, k, a, transposeA, strideA, b, transposeB, strideB, c, strideC, accumulate } = product;
  const before = memory.f32;
  const key = randomKey(1, 'initialise', m, n, k);
  const [start, end] = [c / 4, c / 4 + m * strideC];
  for (let at = a / 4; at < start; at++) before[at] = uniform(key, at - a / 4) - 0.5;
  before.fill(guardValue, start - guard, end + guard);
  for (let row = 0; row < m; row++) {
    // Without `accumulate` the old contents must not matter, whatever they are.
    for (let at = start + row * strideC; at < start + row * strideC + n; at++)
      before[at] = accumulate ? uniform(key, at) - 0.5 : Number.NaN;
  }
  const old = before.slice(start, end);
  multiply();
  const f32 = memory.f32;
  const name = `a product of ${m} x ${n} x ${k}${transposeA ? ', A transposed' : ''}${transposeB ? ', B transposed' : ''}`;
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = accumulate ? (old[row * strideC + column] as number) : 0;
      let magnitude = Math.abs(sum);
      for (let at = 0; at < k; at++) {
        const left = operand(f32[a / 4 + (transposeA ? at * strideA + row : row * strideA + at)] as number);
        const right = operand(f32[b / 4 + (transposeB ? column * strideB + at : at * strideB + column)] as number);
        sum += left * right;
        magnitude += Math.abs(left * right);
      }
      const received = f32[start + row * strideC + column] as number;
      // |error| <= (k + 1) u sum |a| |b| for any order of summation (Higham, Accuracy and Stability, 3.5), u = 2^-24.
      if (!(Math.abs(received - sum) <= (k + 2) * 2 ** -24 * magnitude)) return `${name} gave ${received} instead of ${sum}`;
    }
  }
  for (let at = start - guard; at < end + guard; at++) {
    const isResult = at >= start && at < end && (at - start) % strideC < n;
    if (!isResult && f32[at] !== guardValue) return `${name} wrote outside of its result`;
  }
  return undefined;
}
