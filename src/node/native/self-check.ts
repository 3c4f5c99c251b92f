import { randomKey, uniform } from '../../core/random.js';
import { roundToBfloat16 } from '../../tensor/bfloat16.js';
import type { MatrixProduct, MatrixProvider } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';

const sizes: readonly (readonly [m: number, n: number, k: number])[] = [
  [1, 1, 1],
  [3, 17, 5],
  [2, 65, 300],
  [17, 64, 80],
  [9, 130, 33],
];
const guard = 16;
const guardValue = 12345;

/**
 * Multiplies matrices of several sizes in every way and compares with a plain product in float64. Gives what was wrong,
 * or undefined: a library that is broken, or that was built for other sizes of integers, must not train models.
 */
export function selfCheck(memory: Memory, provider: MatrixProvider): string | undefined {
  const largest = Math.max(...sizes.map(([m, n, k]) => m * k + n * k + m * n));
  const block = memory.allocate(4 * (largest + 4 * guard));
  try {
    for (const [m, n, k] of sizes) {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          for (const accumulate of [false, true]) {
            const a = block.offset;
            const b = a + 4 * (m * k + guard);
            const c = b + 4 * (n * k + guard);
            const product = { m, n, k, a, transposeA, b, transposeB, c, accumulate };
            const wrong =
              checkProduct(memory, provider, product, () => provider.multiply(product)) ??
              (transposeA ? undefined : checkProduct(memory, provider, product, () => multiplyPacked(provider, product)));
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

function multiplyPacked(provider: MatrixProvider, { m, n, k, a, b, transposeB, c, accumulate }: MatrixProduct): void {
  const packed = provider.pack(n, k, b, transposeB);
  packed.multiply(m, a, c, accumulate);
  packed.release();
}

function checkProduct(memory: Memory, { precision }: MatrixProvider, product: MatrixProduct, multiply: () => void): string | undefined {
  // With its operands rounded in advance, a product in bfloat16 is as exact as any: products of two fit into a f32.
  const operand = precision === 'bf16' ? roundToBfloat16 : (value: number) => value;
  const { m, n, k, a, transposeA, b, transposeB, c, accumulate } = product;
  const before = memory.f32;
  const key = randomKey(1, 'initialise', m, n, k);
  const end = c / 4 + m * n;
  for (let at = a / 4; at < c / 4; at++) before[at] = uniform(key, at - a / 4) - 0.5;
  // Without `accumulate` the old contents must not matter, whatever they are.
  for (let at = c / 4; at < end; at++) before[at] = accumulate ? uniform(key, at) - 0.5 : Number.NaN;
  before.fill(guardValue, c / 4 - guard, c / 4);
  before.fill(guardValue, end, end + guard);
  const old = before.slice(c / 4, end);
  multiply();
  const f32 = memory.f32;
  const name = `a product of ${m} x ${n} x ${k}${transposeA ? ', A transposed' : ''}${transposeB ? ', B transposed' : ''}`;
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = accumulate ? (old[row * n + column] as number) : 0;
      let magnitude = Math.abs(sum);
      for (let at = 0; at < k; at++) {
        const left = operand(f32[a / 4 + (transposeA ? at * m + row : row * k + at)] as number);
        const right = operand(f32[b / 4 + (transposeB ? column * k + at : at * n + column)] as number);
        sum += left * right;
        magnitude += Math.abs(left * right);
      }
      const received = f32[c / 4 + row * n + column] as number;
      // |error| <= (k + 1) u sum |a| |b| for any order of summation (Higham, Accuracy and Stability, 3.5), u = 2^-24.
      if (!(Math.abs(received - sum) <= (k + 2) * 2 ** -24 * magnitude)) return `${name} gave ${received} instead of ${sum}`;
    }
  }
  for (let at = 0; at < guard; at++) {
    if (f32[c / 4 - guard + at] !== guardValue || f32[end + at] !== guardValue) return `${name} wrote outside of its result`;
  }
  return undefined;
}
