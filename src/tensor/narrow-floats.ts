const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

/** The largest finite IEEE half. */
export const largestHalf = 65_504;

/** The nearest IEEE half (binary16) to a 32-bit float as its bits, ties to the even one; from 65,520 on infinity. */
export function halfOf(number: number): number {
  value[0] = number;
  const pattern = bits[0] as number;
  const sign = (pattern >>> 16) & 0x8000;
  const magnitude = pattern & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal: 13 bits less of the fraction, and an exponent with a bias of 15 for 127. A carry may reach infinity, as it should.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  // Subnormal: multiples of 2^-24. The sum with 0.5 leaves just those bits of the fraction, rounded.
  value[0] = Math.abs(number) + 0.5;
  return sign | ((bits[0] as number) - 0x3f000000);
}

/** The value of a half. */
export function valueOfHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The value of a bfloat16: the upper half of a 32-bit float. */
export function valueOfBfloat16(half: number): number {
  bits[0] = half << 16;
  return value[0] as number;
}
