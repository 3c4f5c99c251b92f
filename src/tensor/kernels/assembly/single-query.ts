// Attention of one query, as in every step of decoding, to rows where they lie: nothing is copied. Keys are transposed in registers, four
// by four values, so that a score is one chain over depth, as when many queries share panels (heads.ts): the bits are the same.
import { headProbabilities, roundUp8 } from './head-rows';
import { addArray, madd, zero } from './math';

/** The longest sum over keys; as in heads.ts. */
const keyBlock: usize = 256;

/**
 * As `attendHeads` for one query; a head has `size` values, a multiple of 4. Scratch, in floats, with m = memoryCount rounded up to a
 * multiple of 8: 32 + heads (m + size).
 */
export function attendQuery(
  output: usize,
  query: usize,
  keys: usize,
  values: usize,
  memoryRow: usize,
  memoryRows: usize,
  memoryCount: usize,
  heads: usize,
  keyValueHeads: usize,
  size: usize,
  scale: f64,
  bias: usize,
  biasRow: usize,
  statistics: usize,
  weights: usize,
  rowKeys: usize,
  rate: f64,
  key: u32,
  scratch: usize,
): void {
  const group = heads / keyValueHeads;
  const scores = scratch + 128;
  const scoreRow = roundUp8(memoryCount) << 2;
  scoresOfQuery(scores, scoreRow, query, keys, memoryRow, memoryRows, memoryCount, heads, group, size);
  headProbabilities(
    scores,
    scoreRow,
    0,
    1,
    1,
    memoryCount,
    0,
    heads,
    heads,
    scale,
    false,
    bias,
    biasRow,
    statistics,
    weights,
    rowKeys,
    rate,
    key,
    scratch,
  );
  const bytes = (heads * size) << 2;
  const partial = scores + heads * scoreRow;
  for (let first: usize = 0; first < memoryCount; first += keyBlock) {
    const end = min(first + keyBlock, memoryCount);
    const to = first == 0 ? output : partial;
    memory.fill(to, 0, bytes);
    addValues(to, scores, scoreRow, values, memoryRow, memoryRows, first, end, heads, group, size);
    if (first > 0) addArray(output, partial, heads * size);
  }
}

// @ts-ignore: decorator
@inline
function rowAt(from: usize, rowBytes: usize, rows: usize, index: usize): usize {
  return from + (rows == 0 ? index : <usize>load<u32>(rows + (index << 2))) * rowBytes;
}

/** The sums of four keys, and what four values of the query add to each. */
// @ts-ignore: decorator
@inline
function addFour(sums: v128, query: usize, key0: usize, key1: usize, key2: usize, key3: usize): v128 {
  const row0 = v128.load(key0);
  const row1 = v128.load(key1);
  const row2 = v128.load(key2);
  const row3 = v128.load(key3);
  const low01 = v128.shuffle<f32>(row0, row1, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(row0, row1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(row2, row3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(row2, row3, 2, 6, 3, 7);
  let sum = madd(v128.load32_splat(query), v128.shuffle<f64>(low01, low23, 0, 2), sums);
  sum = madd(v128.load32_splat(query, 4), v128.shuffle<f64>(low01, low23, 1, 3), sum);
  sum = madd(v128.load32_splat(query, 8), v128.shuffle<f64>(high01, high23, 0, 2), sum);
  return madd(v128.load32_splat(query, 12), v128.shuffle<f64>(high01, high23, 1, 3), sum);
}

function eightScores(
  to: usize,
  query: usize,
  bytes: usize,
  key0: usize,
  key1: usize,
  key2: usize,
  key3: usize,
  key4: usize,
  key5: usize,
  key6: usize,
  key7: usize,
): void {
  let low = zero();
  let high = zero();
  for (let at: usize = 0; at < bytes; at += 16) {
    low = addFour(low, query + at, key0 + at, key1 + at, key2 + at, key3 + at);
    high = addFour(high, query + at, key4 + at, key5 + at, key6 + at, key7 + at);
  }
  v128.store(to, low);
  v128.store(to, high, 16);
}

/** scores [heads][scoreRow bytes apart] = query . keys; up to seven after the last one are written, too. Rows are chosen unless `rows` is 0. */
function scoresOfQuery(
  scores: usize,
  scoreRow: usize,
  query: usize,
  keys: usize,
  rowBytes: usize,
  rows: usize,
  count: usize,
  heads: usize,
  group: usize,
  size: usize,
): void {
  const bytes = size << 2;
  const last = count - 1;
  for (let first: usize = 0; first < count; first += 8) {
    const key0 = rowAt(keys, rowBytes, rows, first);
    const key1 = rowAt(keys, rowBytes, rows, min(first + 1, last));
    const key2 = rowAt(keys, rowBytes, rows, min(first + 2, last));
    const key3 = rowAt(keys, rowBytes, rows, min(first + 3, last));
    const key4 = rowAt(keys, rowBytes, rows, min(first + 4, last));
    const key5 = rowAt(keys, rowBytes, rows, min(first + 5, last));
    const key6 = rowAt(keys, rowBytes, rows, min(first + 6, last));
    const key7 = rowAt(keys, rowBytes, rows, min(first + 7, last));
    let to = scores + (first << 2);
    let from = query;
    let offset: usize = 0;
    let left = group;
    for (let head: usize = 0; head < heads; head++) {
      eightScores(
        to,
        from,
        bytes,
        key0 + offset,
        key1 + offset,
        key2 + offset,
        key3 + offset,
        key4 + offset,
        key5 + offset,
        key6 + offset,
        key7 + offset,
      );
      to += scoreRow;
      from += bytes;
      if (--left == 0) {
        left = group;
        offset += bytes;
      }
    }
  }
}

/** output [heads * size] += sum_s weights[s] values[s], s from `first` to `end`, in their order. */
function addValues(
  output: usize,
  weights: usize,
  weightRow: usize,
  values: usize,
  rowBytes: usize,
  rows: usize,
  first: usize,
  end: usize,
  heads: usize,
  group: usize,
  size: usize,
): void {
  const bytes = size << 2;
  let index = first;
  for (; index + 4 <= end; index += 4) {
    const row0 = rowAt(values, rowBytes, rows, index);
    const row1 = rowAt(values, rowBytes, rows, index + 1);
    const row2 = rowAt(values, rowBytes, rows, index + 2);
    const row3 = rowAt(values, rowBytes, rows, index + 3);
    for (let head: usize = 0; head < heads; head++) {
      const own = weights + head * weightRow + (index << 2);
      const weight0 = v128.load32_splat(own);
      const weight1 = v128.load32_splat(own, 4);
      const weight2 = v128.load32_splat(own, 8);
      const weight3 = v128.load32_splat(own, 12);
      const begin = (head / group) * bytes;
      let to = output + head * bytes;
      for (let at = begin; at < begin + bytes; at += 16) {
        let sum = madd(weight0, v128.load(row0 + at), v128.load(to));
        sum = madd(weight1, v128.load(row1 + at), sum);
        sum = madd(weight2, v128.load(row2 + at), sum);
        v128.store(to, madd(weight3, v128.load(row3 + at), sum));
        to += 16;
      }
    }
  }
  for (; index < end; index++) {
    const row = rowAt(values, rowBytes, rows, index);
    for (let head: usize = 0; head < heads; head++) {
      const weight = v128.load32_splat(weights + head * weightRow + (index << 2));
      const begin = (head / group) * bytes;
      let to = output + head * bytes;
      for (let at = begin; at < begin + bytes; at += 16) {
        v128.store(to, madd(weight, v128.load(row + at), v128.load(to)));
        to += 16;
      }
    }
  }
}
