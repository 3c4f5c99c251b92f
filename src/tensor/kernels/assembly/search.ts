import { laneMaximum, scalarLogarithm } from './math';
import { sumExponentialsOfRow } from './softmax';

/** Bytes of a row whose greatest value is noted, so that ranking need not read them again: 128 columns. */
const stretchBytes: usize = 512;

/** row += bias (0 = none); gives the greatest sum, and that of every stretch in `maxima`. */
function addAndMaximum(row: usize, bias: usize, bytes: usize, maxima: usize): f32 {
  let greatest: f32 = -Infinity;
  let noted = maxima;
  for (let start: usize = 0; start < bytes; start += stretchBytes) {
    const end = min(start + stretchBytes, bytes);
    const wide = start + ((end - start) & ~31);
    let maximum0 = f32x4.splat(-Infinity);
    let maximum1 = maximum0;
    let at = start;
    if (bias == 0) {
      for (; at < wide; at += 32) {
        maximum0 = f32x4.pmax(v128.load(row + at), maximum0);
        maximum1 = f32x4.pmax(v128.load(row + at, 16), maximum1);
      }
    } else {
      for (; at < wide; at += 32) {
        const x0 = f32x4.add(v128.load(row + at), v128.load(bias + at));
        const x1 = f32x4.add(v128.load(row + at, 16), v128.load(bias + at, 16));
        v128.store(row + at, x0);
        v128.store(row + at, x1, 16);
        maximum0 = f32x4.pmax(x0, maximum0);
        maximum1 = f32x4.pmax(x1, maximum1);
      }
    }
    let maximum = laneMaximum(f32x4.max(maximum0, maximum1));
    for (; at < end; at += 4) {
      const x = load<f32>(row + at) + (bias == 0 ? <f32>0 : load<f32>(bias + at));
      if (bias != 0) store<f32>(row + at, x);
      maximum = max(maximum, x);
    }
    store<f32>(noted, maximum);
    noted += 4;
    greatest = max(greatest, maximum);
  }
  return greatest;
}

export function addBiasAndNormalise(logits: usize, bias: usize, rows: usize, columns: usize, normalisers: usize, maxima: usize): void {
  const bytes = columns << 2;
  const noted = ((bytes + stretchBytes - 1) / stretchBytes) << 2;
  for (let index: usize = 0; index < rows; index++) {
    const row = logits + index * bytes;
    const maximum = addAndMaximum(row, bias, bytes, maxima + index * noted);
    store<f32>(normalisers + (index << 3), maximum);
    store<f32>(normalisers + (index << 3), scalarLogarithm(sumExponentialsOfRow(row, 0, bytes, maximum)), 4);
  }
}

/** Where the best of one group stand: totals (f64), values (f32), rows and columns, all in falling order of total. */
let totalsOfGroup: usize = 0;
let valuesOfGroup: usize = 0;
let rowsOfGroup: usize = 0;
let columnsOfGroup: usize = 0;

/** Inserts after its equals; the last of `k` falls out. */
function insert(count: usize, k: usize, total: f64, value: f32, row: usize, column: usize): void {
  let place = count < k ? count : k - 1;
  while (place > 0 && load<f64>(totalsOfGroup + ((place - 1) << 3)) < total) {
    store<f64>(totalsOfGroup + (place << 3), load<f64>(totalsOfGroup + ((place - 1) << 3)));
    store<f32>(valuesOfGroup + (place << 2), load<f32>(valuesOfGroup + ((place - 1) << 2)));
    store<u32>(rowsOfGroup + (place << 2), load<u32>(rowsOfGroup + ((place - 1) << 2)));
    store<u32>(columnsOfGroup + (place << 2), load<u32>(columnsOfGroup + ((place - 1) << 2)));
    place--;
  }
  store<f64>(totalsOfGroup + (place << 3), total);
  store<f32>(valuesOfGroup + (place << 2), value);
  store<u32>(rowsOfGroup + (place << 2), <u32>row);
  store<u32>(columnsOfGroup + (place << 2), <u32>column);
}

/** A logit of this row that is not greater has a total of less than `worst`, however it is rounded. */
// @ts-ignore: decorator
@inline
function thresholdOf(worst: f64, score: f64, maximum: f64, logTotal: f64): f32 {
  const slack = 1e-6 * (abs(worst) + abs(score) + abs(maximum) + abs(logTotal));
  return <f32>(worst - score + logTotal + maximum - slack);
}

export function bestExtensions(
  logits: usize,
  normalisers: usize,
  maxima: usize,
  scores: usize,
  columns: usize,
  groups: usize,
  starts: usize,
  places: usize,
  capacity: usize,
  totals: usize,
  values: usize,
  rows: usize,
  indices: usize,
  counts: usize,
): void {
  const bytes = columns << 2;
  const noted = ((bytes + stretchBytes - 1) / stretchBytes) << 2;
  for (let group: usize = 0; group < groups; group++) {
    totalsOfGroup = totals + ((group * capacity) << 3);
    valuesOfGroup = values + ((group * capacity) << 2);
    rowsOfGroup = rows + ((group * capacity) << 2);
    columnsOfGroup = indices + ((group * capacity) << 2);
    const k = <usize>load<u32>(places + (group << 2));
    const end = <usize>load<u32>(starts + (group << 2), 4);
    const last = totalsOfGroup + ((k - 1) << 3);
    let count: usize = 0;
    let worst: f64 = -Infinity;
    for (let index = <usize>load<u32>(starts + (group << 2)); index < end; index++) {
      const row = logits + index * bytes;
      const maximum = load<f32>(normalisers + (index << 3));
      const logTotal = load<f32>(normalisers + (index << 3), 4);
      const score = load<f64>(scores + (index << 3));
      // Few logits pass what the worst of the best so far asks for: stretches and then sixteen at a time are only compared with that.
      let threshold: f32 = count < k ? -Infinity : thresholdOf(worst, score, maximum, logTotal);
      let stretch = maxima + index * noted;
      for (let start: usize = 0; start < bytes; start += stretchBytes) {
        const greatest = load<f32>(stretch);
        stretch += 4;
        if (!(greatest > threshold)) continue;
        const end = min(start + stretchBytes, bytes);
        let at = start;
        while (at < end) {
          if (end - at >= 64) {
            const thresholds = f32x4.splat(threshold);
            const first = v128.or(f32x4.gt(v128.load(row + at), thresholds), f32x4.gt(v128.load(row + at, 16), thresholds));
            const second = v128.or(f32x4.gt(v128.load(row + at, 32), thresholds), f32x4.gt(v128.load(row + at, 48), thresholds));
            if (!v128.any_true(v128.or(first, second))) {
              at += 64;
              continue;
            }
          }
          const stop = min(at + 64, end);
          for (; at < stop; at += 4) {
            const logit = load<f32>(row + at);
            if (!(logit > threshold)) continue;
            const value = logit - maximum - logTotal;
            const total = score + <f64>value;
            if (!(total > worst)) continue;
            insert(count, k, total, value, index, at >> 2);
            if (count < k) count++;
            if (count == k) {
              worst = load<f64>(last);
              threshold = thresholdOf(worst, score, maximum, logTotal);
            }
          }
        }
      }
    }
    store<u32>(counts + (group << 2), <u32>count);
  }
}
