/** The largest integer of a weight: the range is symmetrical, so that a weight and its negation are equally exact. */
const largest = 127;

/**
 * Matrices in 8-bit integers, each row with a scale of its own: value = integer × scale, with scale = max |row| / 127. Rows are
 * outputs, whose sizes differ widely, and a scale of a row can be taken out of its sums.
 */
export function scalesOf(values: Float32Array, columns: number): Float32Array {
  return Float32Array.from({ length: columns === 0 ? 0 : values.length / columns }, (_, row) => {
    let most = 0;
    for (const value of values.subarray(row * columns, (row + 1) * columns)) most = Math.max(most, Math.abs(value));
    return most / largest;
  });
}

/** The integers of rows; `scales` are theirs. */
export function quantised(values: Float32Array, scales: Float32Array): Int8Array {
  const columns = values.length / scales.length;
  const integers = new Int8Array(values.length);
  for (const [row, scale] of scales.entries()) {
    if (scale === 0) continue;
    for (let at = row * columns; at < (row + 1) * columns; at++) {
      integers[at] = Math.max(-largest, Math.min(largest, Math.round((values[at] as number) / scale)));
    }
  }
  return integers;
}
