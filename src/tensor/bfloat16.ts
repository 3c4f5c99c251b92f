const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

/** The nearest bfloat16 to a 32-bit float: its upper half, ties to the even one. Not for NaN. */
export function roundToBfloat16(number: number): number {
  value[0] = number;
  const pattern = bits[0] as number;
  bits[0] = (pattern + 0x7fff + ((pattern >>> 16) & 1)) & 0xffff0000;
  return value[0] as number;
}
