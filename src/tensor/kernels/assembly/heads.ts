// Attention of many heads, a sentence and a head at a time. Keys (and backward values) are turned once a head into panels of eight,
//
//     panel of keys  [size][8]
//
// so that scores are sums of broadcast queries times vectors of eight keys. Probabilities exist for `blockRows` queries at once; with
// what belongs to a head of a short sentence they stay in the first-level cache. Backward they are computed again from the logarithm of
// their sum. A sum is one chain over depth, whatever the number of queries and of keys that are not seen, so a query's result is the
// same bits alone, in a batch, and over cached keys. One query alone has a way of its own to the same bits (single-query.ts).
import { headGradients, headProbabilities, roundUp8, sightOf } from './head-rows';
import { packAcross } from './packing';
import { zero } from './math';
import { attendQuery } from './single-query';
import { multiplyRows } from './tiles';

/** As in ../../operations/multi-head.ts, which makes room for as many. */
const blockRows: usize = 32;
const tileBytes: usize = 128;

/** The longest sum over keys before the output is read and written again: as a product with a library's kernels sums them. */
const keyBlock: usize = 256;

/**
 * Rows of a head side by side, `width` floats each of which those from `size` on are 0, and rows of 0 up to a multiple of eight.
 * They are chosen by index unless `rows` is 0.
 */
function gatherHead(to: usize, from: usize, rowBytes: usize, rows: usize, count: usize, size: usize, width: usize): void {
  const bytes = size << 2;
  const toBytes = width << 2;
  const end = roundUp8(count) * toBytes;
  for (let at = count * toBytes; at < end; at += 16) v128.store(to + at, zero());
  for (let index: usize = 0; index < count; index++) {
    const row = rows == 0 ? index : <usize>load<u32>(rows + (index << 2));
    const target = to + index * toBytes;
    const source = from + row * rowBytes;
    if (width != size) {
      memory.copy(target, source, bytes);
      memory.fill(target + bytes, 0, toBytes - bytes);
    } else {
      for (let at: usize = 0; at < bytes; at += 16) v128.store(target + at, v128.load(source + at));
    }
  }
}

/** Gathered rows as panels [size][8]. */
function packPanels(panels: usize, gathered: usize, count: usize, size: usize, width: usize): void {
  const rowBytes = width << 2;
  for (let row: usize = 0; row < count; row += 8) {
    const panel = panels + row * (size << 2);
    const from = gathered + row * rowBytes;
    packAcross(panel, 32, from, rowBytes, 4, size);
    packAcross(panel + 16, 32, from + 4 * rowBytes, rowBytes, 4, size);
  }
}

export function attendHeads(
  output: usize,
  outputRow: usize,
  query: usize,
  queryRow: usize,
  keys: usize,
  values: usize,
  memoryRow: usize,
  memoryRows: usize,
  queries: usize,
  memoryCount: usize,
  heads: usize,
  keyValueHeads: usize,
  size: usize,
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
  const width = roundUp8(size);
  const columns = roundUp8(memoryCount);
  const group = heads / keyValueHeads;
  if (queries == 1 && (size & 3) == 0) {
    attendQuery(
      output,
      query,
      keys,
      values,
      memoryRow,
      memoryRows,
      memoryCount,
      heads,
      keyValueHeads,
      size,
      scale,
      bias,
      biasRow,
      statistics,
      weights,
      rowKeys,
      rate,
      key,
      scratch,
    );
    return;
  }
  const gathered = scratch + tileBytes;
  const panels = gathered + ((columns * width) << 2);
  const scores = panels + ((columns * width) << 2);
  const scoreRow = columns << 2;
  for (let shared: usize = 0; shared < keyValueHeads; shared++) {
    const offset = (shared * size) << 2;
    gatherHead(gathered, keys + offset, memoryRow, memoryRows, memoryCount, size, width);
    packPanels(panels, gathered, memoryCount, size, width);
    gatherHead(gathered, values + offset, memoryRow, memoryRows, memoryCount, size, width);
    for (let head = shared * group; head < (shared + 1) * group; head++) {
      const headOffset = (head * size) << 2;
      for (let first: usize = 0; first < queries; first += blockRows) {
        const count = min(blockRows, queries - first);
        for (let row: usize = 0; row < count; row += 4) {
          const rows = min<usize>(4, count - row);
          const from = first + row;
          const target = scores + row * scoreRow;
          const sight = sightOf(from + rows - 1, queries, memoryCount, causal);
          const a = query + from * queryRow + headOffset;
          multiplyRows(false, rows, roundUp8(sight), size, a, queryRow, panels, size << 5, 32, target, scoreRow, scratch, false);
          headProbabilities(
            target,
            scoreRow,
            from,
            rows,
            queries,
            memoryCount,
            head,
            1,
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
          const c = output + from * outputRow + headOffset;
          for (let at: usize = 0; at < sight; at += keyBlock) {
            const depths = min(keyBlock, sight - at);
            const b = gathered + at * (width << 2);
            multiplyRows(false, rows, size, depths, target + (at << 2), scoreRow, b, 32, width << 2, c, outputRow, scratch, at > 0);
          }
        }
      }
    }
  }
}

export function attendHeadsGradient(
  queryGradient: usize,
  queryRow: usize,
  keyGradient: usize,
  valueGradient: usize,
  memoryRow: usize,
  outputGradient: usize,
  output: usize,
  outputRow: usize,
  query: usize,
  keys: usize,
  values: usize,
  queries: usize,
  memoryCount: usize,
  heads: usize,
  keyValueHeads: usize,
  size: usize,
  scale: f64,
  causal: bool,
  bias: usize,
  biasRow: usize,
  biasGradient: usize,
  statistics: usize,
  rowKeys: usize,
  rate: f64,
  key: u32,
  scratch: usize,
): void {
  const width = roundUp8(size);
  const columns = roundUp8(memoryCount);
  const group = heads / keyValueHeads;
  const memoryBytes = (columns * width) << 2;
  const gathered = scratch + tileBytes;
  const keyPanels = gathered + memoryBytes;
  const valuePanels = keyPanels + memoryBytes;
  const queryBlock = valuePanels + memoryBytes;
  const gradientBlock = queryBlock + ((blockRows * width) << 2);
  const scores = gradientBlock + ((blockRows * width) << 2);
  const scoreRow = columns << 2;
  const gradients = scores + blockRows * scoreRow;
  const widthBytes = width << 2;
  for (let shared: usize = 0; shared < keyValueHeads; shared++) {
    const offset = (shared * size) << 2;
    gatherHead(gathered, values + offset, memoryRow, 0, memoryCount, size, width);
    packPanels(valuePanels, gathered, memoryCount, size, width);
    gatherHead(gathered, keys + offset, memoryRow, 0, memoryCount, size, width);
    packPanels(keyPanels, gathered, memoryCount, size, width);
    for (let head = shared * group; head < (shared + 1) * group; head++) {
      const headOffset = (head * size) << 2;
      for (let first: usize = 0; first < queries; first += blockRows) {
        const count = min(blockRows, queries - first);
        const lastSight = sightOf(first + count - 1, queries, memoryCount, causal);
        gatherHead(queryBlock, query + first * queryRow + headOffset, queryRow, 0, count, size, width);
        gatherHead(gradientBlock, outputGradient + first * outputRow + headOffset, outputRow, 0, count, size, width);
        for (let row: usize = 0; row < count; row += 4) {
          const rows = min<usize>(4, count - row);
          const from = first + row;
          const target = scores + row * scoreRow;
          const gradient = gradients + row * scoreRow;
          const sight = sightOf(from + rows - 1, queries, memoryCount, causal);
          const wide = roundUp8(sight);
          multiplyRows(
            false,
            rows,
            wide,
            size,
            queryBlock + row * widthBytes,
            widthBytes,
            keyPanels,
            size << 5,
            32,
            target,
            scoreRow,
            scratch,
            false,
          );
          multiplyRows(
            false,
            rows,
            wide,
            size,
            gradientBlock + row * widthBytes,
            widthBytes,
            valuePanels,
            size << 5,
            32,
            gradient,
            scoreRow,
            scratch,
            false,
          );
          headGradients(
            target,
            gradient,
            scoreRow,
            from,
            rows,
            queries,
            memoryCount,
            head,
            1,
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
          if (queryGradient != 0) {
            const c = queryGradient + from * queryRow + headOffset;
            multiplyRows(false, rows, size, sight, gradient, scoreRow, gathered, 32, widthBytes, c, queryRow, scratch, true);
          }
        }
        for (let row: usize = 0; row < lastSight; row += 4) {
          const rows = min<usize>(4, lastSight - row);
          // The first query of the block that sees any of these rows.
          const before = memoryCount - queries + first;
          const unseeing = causal && row > before ? row - before : 0;
          const depths = count - unseeing;
          const at = unseeing * scoreRow + (row << 2);
          if (valueGradient != 0) {
            const c = valueGradient + row * memoryRow + offset;
            const b = gradientBlock + unseeing * widthBytes;
            multiplyRows(true, rows, size, depths, scores + at, scoreRow, b, 32, widthBytes, c, memoryRow, scratch, true);
          }
          if (keyGradient != 0) {
            const c = keyGradient + row * memoryRow + offset;
            const b = queryBlock + unseeing * widthBytes;
            multiplyRows(true, rows, size, depths, gradients + at, scoreRow, b, 32, widthBytes, c, memoryRow, scratch, true);
          }
        }
      }
    }
  }
}
