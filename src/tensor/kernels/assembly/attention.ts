import { addMultiple, dot, hyperbolicTangent, laneSum, loadPartial, madd, scalarExponential, storePartial, zero } from './math';

/** Address of the row of `array` that is the s-th of a query's memory. */
// @ts-ignore: decorator
@inline
function memoryRow(array: usize, rowIndices: usize, s: usize, bytes: usize): usize {
  return array + <usize>load<u32>(rowIndices + (s << 2)) * bytes;
}

function softmaxInPlace(weights: usize, count: usize): void {
  let maximum: f32 = -Infinity;
  for (let s: usize = 0; s < count; s++) maximum = max(maximum, load<f32>(weights + (s << 2)));
  let total: f32 = 0;
  for (let s: usize = 0; s < count; s++) {
    const term = scalarExponential(load<f32>(weights + (s << 2)) - maximum);
    store<f32>(weights + (s << 2), term);
    total += term;
  }
  const factor: f32 = 1 / total;
  for (let s: usize = 0; s < count; s++) store<f32>(weights + (s << 2), load<f32>(weights + (s << 2)) * factor);
}

/** context = sum_s weights_s values[s] */
function weightedSum(context: usize, weights: usize, values: usize, rowIndices: usize, count: usize, size: usize): void {
  memory.fill(context, 0, size << 2);
  for (let s: usize = 0; s < count; s++) {
    addMultiple(context, memoryRow(values, rowIndices, s, size << 2), load<f32>(weights + (s << 2)), size);
  }
}

/**
 * Through context and softmax: adds to the values' gradient and leaves the gradient of each score in `scores`:
 * dw_s = dcontext . values[s];  dscore_s = w_s (dw_s - sum_t w_t dw_t)
 */
function scoreGradients(
  scores: usize,
  valueGradient: usize,
  contextGradient: usize,
  weights: usize,
  values: usize,
  rowIndices: usize,
  count: usize,
  size: usize,
): void {
  let mean: f32 = 0;
  for (let s: usize = 0; s < count; s++) {
    const weight = load<f32>(weights + (s << 2));
    const gradient = dot(contextGradient, memoryRow(values, rowIndices, s, size << 2), size);
    store<f32>(scores + (s << 2), gradient);
    mean += weight * gradient;
    if (valueGradient != 0) addMultiple(memoryRow(valueGradient, rowIndices, s, size << 2), contextGradient, weight, size);
  }
  for (let s: usize = 0; s < count; s++) {
    store<f32>(scores + (s << 2), load<f32>(weights + (s << 2)) * (load<f32>(scores + (s << 2)) - mean));
  }
}

export function dotAttention(
  context: usize,
  weights: usize,
  query: usize,
  keys: usize,
  values: usize,
  queryStart: usize,
  queryLength: usize,
  memoryRows: usize,
  weightStart: usize,
  queries: usize,
  keySize: usize,
  valueSize: usize,
): void {
  const keyBytes = keySize << 2;
  const valueBytes = valueSize << 2;
  for (let q: usize = 0; q < queries; q++) {
    const rowIndices = memoryRows + (<usize>load<u32>(queryStart + (q << 2)) << 2);
    const count = <usize>load<u32>(queryLength + (q << 2));
    const queryWeights = weights + (<usize>load<u32>(weightStart + (q << 2)) << 2);
    for (let s: usize = 0; s < count; s++) {
      store<f32>(queryWeights + (s << 2), dot(query + q * keyBytes, memoryRow(keys, rowIndices, s, keyBytes), keySize));
    }
    softmaxInPlace(queryWeights, count);
    weightedSum(context + q * valueBytes, queryWeights, values, rowIndices, count, valueSize);
  }
}

export function dotAttentionGradient(
  queryGradient: usize,
  keyGradient: usize,
  valueGradient: usize,
  contextGradient: usize,
  weights: usize,
  query: usize,
  keys: usize,
  values: usize,
  queryStart: usize,
  queryLength: usize,
  memoryRows: usize,
  weightStart: usize,
  queries: usize,
  keySize: usize,
  valueSize: usize,
  scratch: usize,
): void {
  const keyBytes = keySize << 2;
  const valueBytes = valueSize << 2;
  for (let q: usize = 0; q < queries; q++) {
    const rowIndices = memoryRows + (<usize>load<u32>(queryStart + (q << 2)) << 2);
    const count = <usize>load<u32>(queryLength + (q << 2));
    const queryWeights = weights + (<usize>load<u32>(weightStart + (q << 2)) << 2);
    scoreGradients(scratch, valueGradient, contextGradient + q * valueBytes, queryWeights, values, rowIndices, count, valueSize);
    for (let s: usize = 0; s < count; s++) {
      const gradient = load<f32>(scratch + (s << 2));
      if (queryGradient != 0) addMultiple(queryGradient + q * keyBytes, memoryRow(keys, rowIndices, s, keyBytes), gradient, keySize);
      if (keyGradient != 0) addMultiple(memoryRow(keyGradient, rowIndices, s, keyBytes), query + q * keyBytes, gradient, keySize);
    }
  }
}

/** v . tanh(query + key) */
function additiveScore(vector: usize, query: usize, key: usize, size: usize): f32 {
  const bytes = size << 2;
  const whole = bytes & ~15;
  let total = zero();
  let at: usize = 0;
  for (; at < whole; at += 16) {
    total = madd(v128.load(vector + at), hyperbolicTangent(f32x4.add(v128.load(query + at), v128.load(key + at))), total);
  }
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    const joined = f32x4.add(loadPartial(query + at, lanes), loadPartial(key + at, lanes));
    total = madd(loadPartial(vector + at, lanes), hyperbolicTangent(joined), total);
  }
  return laneSum(total);
}

export function additiveAttention(
  context: usize,
  weights: usize,
  query: usize,
  keys: usize,
  values: usize,
  vector: usize,
  queryStart: usize,
  queryLength: usize,
  memoryRows: usize,
  weightStart: usize,
  queries: usize,
  keySize: usize,
  valueSize: usize,
): void {
  const keyBytes = keySize << 2;
  const valueBytes = valueSize << 2;
  for (let q: usize = 0; q < queries; q++) {
    const rowIndices = memoryRows + (<usize>load<u32>(queryStart + (q << 2)) << 2);
    const count = <usize>load<u32>(queryLength + (q << 2));
    const queryWeights = weights + (<usize>load<u32>(weightStart + (q << 2)) << 2);
    for (let s: usize = 0; s < count; s++) {
      const key = memoryRow(keys, rowIndices, s, keyBytes);
      store<f32>(queryWeights + (s << 2), additiveScore(vector, query + q * keyBytes, key, keySize));
    }
    softmaxInPlace(queryWeights, count);
    weightedSum(context + q * valueBytes, queryWeights, values, rowIndices, count, valueSize);
  }
}

// @ts-ignore: decorator
@inline
function addTo(array: usize, at: usize, value: v128, lanes: usize): void {
  if (array == 0) return;
  if (lanes == 4) v128.store(array + at, f32x4.add(v128.load(array + at), value));
  else storePartial(array + at, f32x4.add(loadPartial(array + at, lanes), value), lanes);
}

/** With t = tanh(query + key): dv += g t;  dquery, dkey += g v (1 - t^2) */
function additiveScoreGradient(
  queryGradient: usize,
  keyGradient: usize,
  vectorGradient: usize,
  vector: usize,
  query: usize,
  key: usize,
  size: usize,
  gradient: f32,
): void {
  const bytes = size << 2;
  const whole = bytes & ~15;
  const gradients = f32x4.splat(gradient);
  const one = f32x4.splat(1);
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const squashed = hyperbolicTangent(f32x4.add(v128.load(query + at), v128.load(key + at)));
    const inner = f32x4.mul(f32x4.mul(gradients, v128.load(vector + at)), f32x4.sub(one, f32x4.mul(squashed, squashed)));
    addTo(vectorGradient, at, f32x4.mul(gradients, squashed), 4);
    addTo(queryGradient, at, inner, 4);
    addTo(keyGradient, at, inner, 4);
  }
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    const squashed = hyperbolicTangent(f32x4.add(loadPartial(query + at, lanes), loadPartial(key + at, lanes)));
    const inner = f32x4.mul(f32x4.mul(gradients, loadPartial(vector + at, lanes)), f32x4.sub(one, f32x4.mul(squashed, squashed)));
    addTo(vectorGradient, at, f32x4.mul(gradients, squashed), lanes);
    addTo(queryGradient, at, inner, lanes);
    addTo(keyGradient, at, inner, lanes);
  }
}

export function additiveAttentionGradient(
  queryGradient: usize,
  keyGradient: usize,
  valueGradient: usize,
  vectorGradient: usize,
  contextGradient: usize,
  weights: usize,
  query: usize,
  keys: usize,
  values: usize,
  vector: usize,
  queryStart: usize,
  queryLength: usize,
  memoryRows: usize,
  weightStart: usize,
  queries: usize,
  keySize: usize,
  valueSize: usize,
  scratch: usize,
): void {
  const keyBytes = keySize << 2;
  const valueBytes = valueSize << 2;
  for (let q: usize = 0; q < queries; q++) {
    const rowIndices = memoryRows + (<usize>load<u32>(queryStart + (q << 2)) << 2);
    const count = <usize>load<u32>(queryLength + (q << 2));
    const queryWeights = weights + (<usize>load<u32>(weightStart + (q << 2)) << 2);
    scoreGradients(scratch, valueGradient, contextGradient + q * valueBytes, queryWeights, values, rowIndices, count, valueSize);
    for (let s: usize = 0; s < count; s++) {
      additiveScoreGradient(
        queryGradient == 0 ? 0 : queryGradient + q * keyBytes,
        keyGradient == 0 ? 0 : memoryRow(keyGradient, rowIndices, s, keyBytes),
        vectorGradient,
        vector,
        query + q * keyBytes,
        memoryRow(keys, rowIndices, s, keyBytes),
        keySize,
        load<f32>(scratch + (s << 2)),
      );
    }
  }
}
