/** Takes n-grams in ascending order: `tokens[at]` and those after it, each id one higher; 0 where a shorter one has ended. */
export type TakeNgram = (tokens: Int32Array, at: number, count: number) => void;

/**
 * The windows of `order` tokens at so many first places of a text, in ascending order and equal ones counted. A window that begins
 * with 0 is left out.
 *
 * @param tokens  ids, each one higher, below `limit`; at least order - 1 more than `places`
 */
export function countWindows(tokens: Int32Array, places: number, order: number, limit: number, take: TakeNgram): void {
  const filled = new Int32Array(places);
  let windows = 0;
  for (let place = 0; place < places; place++) if (tokens[place] !== 0) filled[windows++] = place;
  const sorted = sortedWindows(tokens, filled.subarray(0, windows), order, limit);
  for (let index = 0; index < windows; ) {
    const first = sorted[index] as number;
    let next = index + 1;
    while (next < windows && isSame(tokens, first, sorted[next] as number, order)) next++;
    take(tokens, first, next - index);
    index = next;
  }
}

/**
 * Places in the ascending order of the `order` tokens that stand at each, equal ones in the order given: a radix sort whose digits are
 * whole tokens, from the last to the first.
 *
 * @param tokens  below `limit`
 * @param places  is written to
 */
export function sortedWindows(tokens: Int32Array, places: Int32Array, order: number, limit: number): Int32Array {
  let sorted = places;
  let other: Int32Array = new Int32Array(places.length);
  const begins = new Int32Array(limit + 1);
  for (let column = order - 1; column >= 0; column--) {
    begins.fill(0);
    for (let index = 0; index < sorted.length; index++) counted(begins, (tokens[(sorted[index] as number) + column] as number) + 1);
    for (let token = 0; token < limit; token++) begins[token + 1] = (begins[token + 1] as number) + (begins[token] as number);
    for (let index = 0; index < sorted.length; index++) {
      const place = sorted[index] as number;
      other[counted(begins, tokens[place + column] as number)] = place;
    }
    [sorted, other] = [other, sorted];
  }
  return sorted;
}

/** Adds one, and gives what was there. */
function counted(counts: Int32Array, index: number): number {
  const before = counts[index] as number;
  counts[index] = before + 1;
  return before;
}

export function isSame(tokens: Int32Array, one: number, two: number, length: number): boolean {
  for (let column = 0; column < length; column++) if (tokens[one + column] !== tokens[two + column]) return false;
  return true;
}
