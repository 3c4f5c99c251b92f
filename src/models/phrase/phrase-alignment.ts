/** Bits per target word: a source position below 7, or 7 for none. Seven of them are a number that a float holds. */
const bits = 3;
const none = 7;

/** Which source word, counted from the first of the phrase, each target word of a phrase is due to, as one number. */
export function alignmentCode(sourceOf: Int32Array, sourceStart: number, targetStart: number, targetEnd: number): number {
  let code = 0;
  for (let target = targetEnd - 1; target >= targetStart; target--) {
    const source = sourceOf[target] as number;
    code = (code << bits) | (source < 0 ? none : source - sourceStart);
  }
  return code;
}

/** The source position of each target word, -1 for none. */
export function alignmentOf(code: number, targetWords: number): Int8Array {
  return Int8Array.from({ length: targetWords }, (_, target) => {
    const source = (code >>> (bits * target)) & none;
    return source === none ? -1 : source;
  });
}
