import type { IntegerKernels } from './integer-kernels.js';
import type { TransformerKernels } from './transformer-kernels.js';

/**
 * The exports of the kernel module (`assembly/`). Arguments named by a tensor are byte offsets; counts are elements;
 * matrices are contiguous and row-major; `0` stands for an absent tensor. No kernel allocates. Bounds are the
 * operation's business: a kernel trusts its arguments.
 */
export interface Kernels extends TransformerKernels, IntegerKernels {
  // --- matrix.ts: the portable matrix product -------------------------------------------------------------------

  /** Bytes of scratch that `matrixMultiply` or `matrixMultiplyPacked` needs for this product: at most 640 KiB. */
  matrixScratchBytes(m: number, n: number, k: number): number;
  /** C[m,n] = (accumulate ? C : 0) + op(A) op(B), strides in floats; see `MatrixProduct`. */
  matrixMultiply(
    m: number,
    n: number,
    k: number,
    a: number,
    transposeA: number,
    strideA: number,
    b: number,
    transposeB: number,
    strideB: number,
    c: number,
    strideC: number,
    accumulate: number,
    scratch: number,
  ): void;
  /** Bytes of a packed B[k,n]. */
  matrixPackedBytes(n: number, k: number): number;
  matrixPack(n: number, k: number, b: number, transposeB: number, strideB: number, packed: number): void;
  /** C[m,n] = (accumulate ? C : 0) + A B with a packed B; the same sums in the same order as matrixMultiply. */
  matrixMultiplyPacked(
    m: number,
    n: number,
    k: number,
    a: number,
    strideA: number,
    packed: number,
    c: number,
    strideC: number,
    accumulate: number,
    scratch: number,
  ): void;

  // --- elementwise.ts --------------------------------------------------------------------------------------------

  fill(y: number, value: number, count: number): void;
  /** Copies bytes; ranges may not overlap. */
  copy(y: number, x: number, bytes: number): void;
  /** y += x */
  add(y: number, x: number, count: number): void;
  /** y += factor x */
  addMultiple(y: number, x: number, factor: number, count: number): void;
  /** y = a + b */
  sum(y: number, a: number, b: number, count: number): void;
  /** y = tanh(x) */
  tanh(y: number, x: number, count: number): void;
  /** dx += dy (1 - y^2) */
  tanhGradient(dx: number, y: number, dy: number, count: number): void;
  /** Each row of y += bias[columns] */
  addBias(y: number, bias: number, rows: number, columns: number): void;
  /** sums[columns] += the sum of the rows of x */
  addColumnSums(sums: number, x: number, rows: number, columns: number): void;
  /** The sum of squares, accumulated in float64. */
  sumOfSquares(x: number, count: number): number;
  /** y += x, x = 0, in one pass: gives the sum of squares of the new y, accumulated in float64. */
  moveGradient(y: number, x: number, count: number): number;

  // --- rows.ts: rows chosen by 32-bit indices --------------------------------------------------------------------

  /** y[i] = x[indices[i]] for each of `rows` rows */
  gatherRows(y: number, x: number, indices: number, rows: number, columns: number): void;
  /** y[i] = a[aIndices[i]] + b[bIndices[i]] for each of `rows` rows */
  sumOfRows(y: number, a: number, aIndices: number, b: number, bIndices: number, rows: number, columns: number): void;
  /** y[i] = factor a[aIndices[i]] + b[bIndices[i]] for each of `rows` rows */
  scaledSumOfRows(y: number, a: number, aIndices: number, factor: number, b: number, bIndices: number, rows: number, columns: number): void;
  /** y[indices[i]] += x[i], in the order of i (deterministic when indices repeat) */
  scatterAddRows(y: number, x: number, indices: number, rows: number, columns: number): void;
  /** Columns [from, from + columns) of each row of y ([rows, width]) set to x ([rows, columns]) */
  copyColumnsIn(y: number, x: number, rows: number, columns: number, width: number, from: number): void;
  /** y += columns [from, from + columns) of each row of x ([rows, width]); y is [rows, columns] */
  addColumnsOut(y: number, x: number, rows: number, columns: number, width: number, from: number): void;
  /**
   * Gives each distinct id its slot in a compact table of touched rows. `slots` is Int32[vocabulary], -1 where
   * untouched; new ids are appended to `touched` (Int32), and their rows in `table` ([capacity, columns]) are cleared
   * first. Then table[slots[ids[i]]] += x[i] for each i in order. Returns the new number of touched rows.
   */
  addToTouchedRows(
    table: number,
    touched: number,
    touchedCount: number,
    slots: number,
    ids: number,
    x: number,
    rows: number,
    columns: number,
  ): number;

  // --- dropout.ts ------------------------------------------------------------------------------------------------

  /**
   * Inverted dropout: y = x * keep / (1 - rate), where keep is 0 with probability `rate`, a pure function of
   * (key, rowKeys[row], column). `rowKeys` is Uint32[rows]. y may be x. The gradient is the same call on dy.
   * The decision is (hash >>> 0) >= rate * 2^32 with hash = mix32(mix32(key ^ rowKeys[row]) + column * 0x9e3779b9),
   * mix32 as in core/random.ts.
   */
  dropout(y: number, x: number, rowKeys: number, rows: number, columns: number, rate: number, key: number): void;

  // --- lstm.ts: the point-wise part of an LSTM step --------------------------------------------------------------

  /**
   * gates [rows, 4H] holds the products on entry (order: input, forget, cell, output), the activated gates on return:
   * i = sigmoid, f = sigmoid, g = tanh, o = sigmoid of (gates + bias);
   * c = f cPrevious + i g; h = o tanh(c).  (Hochreiter & Schmidhuber 1997, with forget gates; PyTorch's order.)
   * `cellPrevious` may be 0 (zeros) and may be `cell`. tanhCell [rows, H] receives tanh(c) unless it is 0.
   */
  lstmForward(
    gates: number,
    bias: number,
    cellPrevious: number,
    cell: number,
    tanhCell: number,
    hidden: number,
    rows: number,
    hiddenSize: number,
  ): void;
  /**
   * On entry gates holds activated gates; on return the gradient of the pre-activations.
   * dh = outputGradient + hiddenGradient (either may be 0 = absent); cellGradient [rows,H] is the gradient of c on entry and that of
   * cPrevious on return.
   *   do = dh tanh(c) o(1-o);  dc += dh o (1 - tanh(c)^2);  di = dc g i(1-i);  df = dc cPrevious f(1-f);  dg = dc i (1-g^2);  dcPrevious = dc f
   * biasGradient [4H] += the sums of the columns of the new gates (0 = not wanted).
   */
  lstmBackward(
    gates: number,
    cellPrevious: number,
    tanhCell: number,
    outputGradient: number,
    hiddenGradient: number,
    cellGradient: number,
    biasGradient: number,
    rows: number,
    hiddenSize: number,
  ): void;

  // --- softmax.ts ------------------------------------------------------------------------------------------------

  /**
   * Per row of logits [rows, columns] (bias [columns] is added first; 0 = none), with target t, smoothing e and V = columns:
   *   loss = (1 - e) (-log p_t) + e mean_v(-log p_v)     (Szegedy et al. 2016, section 7, uniform prior)
   * losses [rows] receives the loss, logProbabilities [rows] (0 = not wanted) receives log p_t.
   * When gradientScale is not 0 the logits are replaced by gradientScale (p - (1 - e) onehot(t) - e / V), and the sums of
   * their columns are added to biasGradient [columns] (0 = not wanted).
   */
  softmaxCrossEntropy(
    logits: number,
    bias: number,
    targets: number,
    losses: number,
    logProbabilities: number,
    biasGradient: number,
    rows: number,
    columns: number,
    smoothing: number,
    gradientScale: number,
  ): void;
  /**
   * Of two predictions p and q of each row, from logits and twinLogits [rows, columns] (bias [columns] is added to both first):
   *   loss = (L(p) + L(q)) / 2 + consistency (KL(p || q) + KL(q || p)) / 4     (Liang et al. 2021, equation 4, halved)
   * with the loss L of `softmaxCrossEntropy`. logProbabilities [rows] receives the mean of log p_t and log q_t. When
   * gradientScale is not 0 both logits are replaced by their gradients, and the sums of the columns of both are added to biasGradient
   * [columns] (0 = not wanted).
   */
  consistentCrossEntropy(
    logits: number,
    twinLogits: number,
    bias: number,
    targets: number,
    losses: number,
    logProbabilities: number,
    biasGradient: number,
    rows: number,
    columns: number,
    smoothing: number,
    consistency: number,
    gradientScale: number,
  ): void;
  /**
   * Of a slice of the vocabulary: logits [rows, columns] (bias [columns] is added first) are replaced by terms
   * exp(z - m), m = max z of the row. sums [rows, 4] receives m, the sum of the terms, the sum of z (0 unless `withSum`)
   * and z at the target, 0 where that is negative: in another slice. targets: Int32[rows].
   */
  softmaxSliceSums(logits: number, bias: number, targets: number, sums: number, rows: number, columns: number, withSum: number): void;
  /**
   * terms [rows, columns] are replaced by terms factors[row] - shift, less atTarget at the target where that is not
   * negative; the sums of their columns are added to biasGradient [columns].
   */
  softmaxSliceGradient(
    terms: number,
    targets: number,
    factors: number,
    biasGradient: number,
    rows: number,
    columns: number,
    atTarget: number,
    shift: number,
  ): void;
  /** logits [rows, columns] -> log softmax(logits + bias), in place; bias may be 0. */
  logSoftmax(logits: number, bias: number, rows: number, columns: number): void;
  /** y = log(mean(exp(y), exp(x))...) is built from these two: y = exp(x); then y = log(y * factor) */
  exp(y: number, x: number, count: number): void;
  logScaled(y: number, x: number, factor: number, count: number): void;

  // --- search.ts -------------------------------------------------------------------------------------------------

  /**
   * logits [rows, columns] += bias (0 = none); normalisers [rows, 2] receives each row's maximum and the logarithm of
   * sum(exp(logit - maximum)), so that log softmax = logit - maximum - logarithm. maxima [rows, ceil(columns / 128)] receives
   * the greatest of every 128 columns.
   */
  addBiasAndNormalise(logits: number, bias: number, rows: number, columns: number, normalisers: number, maxima: number): void;
  /**
   * The rows of logits [rows, columns] in groups, that of g being starts[g] .. starts[g + 1] (Int32[groups + 1]). For each
   * the places[g] (Int32, at most `capacity`, at least 1) greatest totals = scores[row] + log softmax (scores: float64[rows];
   * normalisers and maxima as `addBiasAndNormalise` gave them, though logits may have become -Infinity since), in falling order, equal
   * ones by row, then by column; never -Infinity. From g capacity on: totals (float64), values (the log softmax), rows and
   * indices (Int32); counts [groups] (Int32) receives how many there are.
   */
  bestExtensions(
    logits: number,
    normalisers: number,
    maxima: number,
    scores: number,
    columns: number,
    groups: number,
    starts: number,
    places: number,
    capacity: number,
    totals: number,
    values: number,
    rows: number,
    indices: number,
    counts: number,
  ): void;

  // --- attention.ts: over packed rows; see tensor/layout.ts ------------------------------------------------------
  // Query row q attends to the memory rows memoryRows[queryStart[q] .. queryStart[q] + queryLength[q]) (byte offsets of Int32
  // arrays), each an index of a row of keys and values. weights is ragged: query q's weights start at weightStart[q].

  /** weights = softmax_s(query . keys[s]); context = sum_s weights_s values[s]  (Luong et al. 2015, eq. 7-8, dot) */
  dotAttention(
    context: number,
    weights: number,
    query: number,
    keys: number,
    values: number,
    queryStart: number,
    queryLength: number,
    memoryRows: number,
    weightStart: number,
    queries: number,
    keySize: number,
    valueSize: number,
  ): void;
  /** Adds to the gradients of query, keys and values (any may be 0 = not wanted). `scratch` holds max(queryLength) floats. */
  dotAttentionGradient(
    queryGradient: number,
    keyGradient: number,
    valueGradient: number,
    contextGradient: number,
    weights: number,
    query: number,
    keys: number,
    values: number,
    queryStart: number,
    queryLength: number,
    memoryRows: number,
    weightStart: number,
    queries: number,
    keySize: number,
    valueSize: number,
    scratch: number,
  ): void;
  /** weights = softmax_s(v . tanh(query + keys[s])); context as above  (Bahdanau et al. 2015, section 3.1 and A.1.2) */
  additiveAttention(
    context: number,
    weights: number,
    query: number,
    keys: number,
    values: number,
    vector: number,
    queryStart: number,
    queryLength: number,
    memoryRows: number,
    weightStart: number,
    queries: number,
    keySize: number,
    valueSize: number,
  ): void;
  additiveAttentionGradient(
    queryGradient: number,
    keyGradient: number,
    valueGradient: number,
    vectorGradient: number,
    contextGradient: number,
    weights: number,
    query: number,
    keys: number,
    values: number,
    vector: number,
    queryStart: number,
    queryLength: number,
    memoryRows: number,
    weightStart: number,
    queries: number,
    keySize: number,
    valueSize: number,
    scratch: number,
  ): void;

  // --- optimizers.ts ---------------------------------------------------------------------------------------------

  /** value -= rate * factor * gradient; gradient = 0.  `factor` is the clipping factor. */
  sgdUpdate(value: number, gradient: number, count: number, rate: number, factor: number): void;
  /** As sgdUpdate for a compact table of touched rows; clears only the used rows and resets their slots to -1. */
  sgdUpdateRows(
    value: number,
    table: number,
    touched: number,
    touchedCount: number,
    slots: number,
    columns: number,
    rate: number,
    factor: number,
  ): void;
  /**
   * Adam (Kingma & Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2):
   *   g = factor gradient; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
   *   value -= rate (m correction1) / (sqrt(v correction2) + epsilon) + rate decay value; gradient = 0
   * with correction1 = 1/(1-b1^t), correction2 = 1/(1-b2^t), computed by the caller.
   */
  adamUpdate(
    value: number,
    gradient: number,
    first: number,
    second: number,
    count: number,
    rate: number,
    factor: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    correction1: number,
    correction2: number,
    decay: number,
  ): void;
  /** Adds the compact rows to a dense gradient and resets the slots (dense Adam over an embedding). */
  scatterTouchedRows(dense: number, table: number, touched: number, touchedCount: number, slots: number, columns: number): void;
  /** adamUpdate on the touched rows only (`lazy: true`); resets the slots. */
  adamUpdateRows(
    value: number,
    table: number,
    touched: number,
    touchedCount: number,
    slots: number,
    first: number,
    second: number,
    columns: number,
    rate: number,
    factor: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    correction1: number,
    correction2: number,
    decay: number,
  ): void;
}
