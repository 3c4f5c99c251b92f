// Rows of scores of a head, a row for each query: what happens between the products, whoever computes those.
import { mix } from './dropout';
import { addArray, dot, logarithm } from './math';
import { droppedGradientOfRow, dropRow, golden, greatestScore, plainGradientOfRow, probabilitiesOfRow, sumOfTerms } from './probabilities';

// @ts-ignore: decorator
@inline
export function roundUp8(count: usize): usize {
  return (count + 7) & ~7;
}

/** How many rows of the memory a query sees. */
// @ts-ignore: decorator
@inline
export function sightOf(query: usize, queries: usize, memoryCount: usize, causal: bool): usize {
  return causal ? memoryCount + query + 1 - queries : memoryCount;
}

/** What a head adds to the scores of a query, from the first row of the memory on: distances begin at minus the query's place. */
// @ts-ignore: decorator
@inline
function lineOf(bias: usize, biasRow: usize, head: usize, query: usize, queries: usize, memoryCount: usize): usize {
  return bias + head * biasRow - ((memoryCount - queries + query) << 2);
}

/** Of queries `first` to `first + count` of some heads, [headCount, count, scoreRow bytes]: scores become what their values are weighted by, and 0 up to the end of what the last sees. */
export function headProbabilities(
  scores: usize,
  scoreRow: usize,
  first: usize,
  count: usize,
  queries: usize,
  memoryCount: usize,
  head: usize,
  headCount: usize,
  heads: usize,
  scale: f64,
  causal: bool,
  bias: usize,
  biasRow: usize,
  statistics: usize,
  weights: usize,
  rowKeys: usize,
  rate: f64,
  key: u32,
  scratch: usize,
): void {
  for (let index: usize = 0; index < headCount; index++) {
    probabilitiesOfHead(
      scores + index * count * scoreRow,
      scoreRow,
      first,
      count,
      queries,
      memoryCount,
      head + index,
      heads,
      scale,
      causal,
      bias,
      biasRow,
      statistics,
      weights,
      rowKeys,
      rate,
      key,
      scratch,
    );
  }
}

function probabilitiesOfHead(
  scores: usize,
  scoreRow: usize,
  first: usize,
  count: usize,
  queries: usize,
  memoryCount: usize,
  head: usize,
  heads: usize,
  scale: f64,
  causal: bool,
  bias: usize,
  biasRow: usize,
  statistics: usize,
  weights: usize,
  rowKeys: usize,
  rate: f64,
  key: u32,
  scratch: usize,
): void {
  const seen = roundUp8(sightOf(first + count - 1, queries, memoryCount, causal));
  const headKey = mix(key + <u32>head * golden);
  const threshold = <u32>Math.ceil(rate * 4294967296.0);
  const factor = <f32>(1.0 / (1.0 - rate));
  for (let row: usize = 0; row < count; row += 4) {
    const rows = min<usize>(4, count - row);
    const from = first + row;
    for (let index: usize = 0; index < rows; index++) {
      const at = from + index;
      const probabilities = scores + (row + index) * scoreRow;
      const visible = sightOf(at, queries, memoryCount, causal);
      if (bias != 0) addArray(probabilities, lineOf(bias, biasRow, head, at, queries, memoryCount), visible);
      probabilitiesOfRow(probabilities, visible, seen, <f32>scale);
      store<f32>(scratch + (index << 2), greatestScore);
      store<f32>(scratch + (index << 2), sumOfTerms, 16);
      if (weights != 0) {
        const weightRow = weights + (((head * queries + at) * memoryCount) << 2);
        memory.copy(weightRow, probabilities, visible << 2);
        memory.fill(weightRow + (visible << 2), 0, (memoryCount - visible) << 2);
      }
      if (rowKeys != 0) dropRow(probabilities, visible, mix(headKey ^ load<u32>(rowKeys + (at << 2))), threshold, factor);
    }
    // The logarithms of four sums take no longer than that of one.
    v128.store(scratch, f32x4.add(v128.load(scratch), logarithm(v128.load(scratch, 16))));
    for (let index: usize = 0; index < rows; index++) {
      store<f32>(statistics + (((from + index) * heads + head) << 2), load<f32>(scratch + (index << 2)));
    }
  }
}

/**
 * Of the same: with the gradients of what their values are weighted by, scores become that again, and gradients those of the scores.
 * Both are 0 up to the end of what the last query sees.
 */
export function headGradients(
  scores: usize,
  gradients: usize,
  scoreRow: usize,
  first: usize,
  count: usize,
  queries: usize,
  memoryCount: usize,
  head: usize,
  headCount: usize,
  heads: usize,
  size: usize,
  outputGradient: usize,
  output: usize,
  outputRow: usize,
  scale: f64,
  causal: bool,
  bias: usize,
  biasRow: usize,
  biasGradient: usize,
  statistics: usize,
  rowKeys: usize,
  rate: f64,
  key: u32,
): void {
  for (let index: usize = 0; index < headCount; index++) {
    const offset = index * count * scoreRow;
    gradientsOfHead(
      scores + offset,
      gradients + offset,
      scoreRow,
      first,
      count,
      queries,
      memoryCount,
      head + index,
      heads,
      size,
      outputGradient,
      output,
      outputRow,
      scale,
      causal,
      bias,
      biasRow,
      biasGradient,
      statistics,
      rowKeys,
      rate,
      key,
    );
  }
}

function gradientsOfHead(
  scores: usize,
  gradients: usize,
  scoreRow: usize,
  first: usize,
  count: usize,
  queries: usize,
  memoryCount: usize,
  head: usize,
  heads: usize,
  size: usize,
  outputGradient: usize,
  output: usize,
  outputRow: usize,
  scale: f64,
  causal: bool,
  bias: usize,
  biasRow: usize,
  biasGradient: usize,
  statistics: usize,
  rowKeys: usize,
  rate: f64,
  key: u32,
): void {
  const seen = roundUp8(sightOf(first + count - 1, queries, memoryCount, causal));
  const headKey = mix(key + <u32>head * golden);
  const threshold = <u32>Math.ceil(rate * 4294967296.0);
  const factor = <f32>(1.0 / (1.0 - rate));
  const headOffset = (head * size) << 2;
  for (let row: usize = 0; row < count; row++) {
    const at = first + row;
    const place = at * outputRow + headOffset;
    const visible = sightOf(at, queries, memoryCount, causal);
    const delta = dot(outputGradient + place, output + place, size);
    const logSum = load<f32>(statistics + ((at * heads + head) << 2));
    const s = scores + row * scoreRow;
    const g = gradients + row * scoreRow;
    if (bias != 0) addArray(s, lineOf(bias, biasRow, head, at, queries, memoryCount), visible);
    if (rowKeys == 0) plainGradientOfRow(s, g, visible, seen, <f32>scale, logSum, delta);
    else {
      const hash = mix(headKey ^ load<u32>(rowKeys + (at << 2)));
      droppedGradientOfRow(s, g, visible, seen, <f32>scale, logSum, delta, hash, threshold, factor);
    }
    if (biasGradient != 0) addArray(lineOf(biasGradient, biasRow, head, at, queries, memoryCount), g, visible);
  }
}
