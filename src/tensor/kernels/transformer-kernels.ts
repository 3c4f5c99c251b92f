/** The kernels of Transformers; as for all, see `Kernels`. Strides of rows are in bytes. */
export interface TransformerKernels {
  // --- normalisation.ts ------------------------------------------------------------------------------------------

  /**
   * Per row: s = x + residual (0 = none, then s is x; else `sum` receives it); y = (s - mean) / deviation gain + bias, where
   * deviation^2 = mean((s - mean)^2) + epsilon and mean is 0 unless `centred`. gain and bias [columns] may be 0 (none).
   * statistics [rows, 2] receives mean and 1 / deviation, or where they are `known` has them, and x is the sum.
   */
  normalise(
    y: number,
    sum: number,
    x: number,
    residual: number,
    gain: number,
    bias: number,
    statistics: number,
    rows: number,
    columns: number,
    epsilon: number,
    centred: number,
    known: number,
  ): void;
  /**
   * With n the normalised values, g = dy gain and ds the gradient of the sum (dy and ds may be 0 = none):
   *   (g - mean(g) - n mean(g n)) / deviation + ds     (without mean(g) unless `centred`)
   * is written to dx and dResidual (each may be 0), or added where `adds`, `addsResidual`. dGain += sum dy n; dBias += sum dy. x is the sum.
   */
  normaliseGradient(
    dx: number,
    dResidual: number,
    dGain: number,
    dBias: number,
    dy: number,
    ds: number,
    x: number,
    gain: number,
    statistics: number,
    rows: number,
    columns: number,
    centred: number,
    adds: number,
    addsResidual: number,
  ): void;

  // --- activations.ts; kinds: 0 relu, 1 gelu, 2 gelu by tanh, 3 swish ---------------------------------------------

  /** x += bias [columns] (0 = none); y = activation(x). y may be x. */
  activate(y: number, x: number, bias: number, rows: number, columns: number, kind: number): void;
  /** dx = dy activation'(x), whose column sums are added to biasGradient (0 = not wanted). dx may be x or dy; of relu x may be its result. */
  activateGradient(dx: number, x: number, dy: number, biasGradient: number, rows: number, columns: number, kind: number): void;
  /** y [rows, columns] = activation(a) b of kind 2 or 3, where a row of x [rows, 2 columns] is (a, b). */
  gate(y: number, x: number, rows: number, columns: number, kind: number): void;
  /** x is replaced by its gradient. */
  gateGradient(x: number, dy: number, rows: number, columns: number, kind: number): void;

  // --- rotary.ts -------------------------------------------------------------------------------------------------

  /**
   * The first `heads` heads of each row of x [rows, columns], `size` wide, are turned by the angles of its position: a row of turns has
   * size / 2 cosines, then as many sines. Pairs are (0, 1), (2, 3) ... where `adjacent`, else (0, size / 2), (1, size / 2 + 1) ...
   * `back` turns the other way. The rest of a row is copied. With `adds` all is added to y, else y is written.
   */
  rotate(
    y: number,
    x: number,
    turns: number,
    positions: number,
    rows: number,
    columns: number,
    heads: number,
    size: number,
    adjacent: number,
    back: number,
    adds: number,
  ): void;

  // --- heads.ts --------------------------------------------------------------------------------------------------

  /**
   * For each query q of a sentence and each head h, with s over the rows of its memory that q sees (all, or where `causal` the first
   * memoryCount - queries + q + 1):
   *   weights = softmax_s(scale (query . keys[s] + b)); output = sum_s weights_s values[s]     (Vaswani et al. 2017, equation 1)
   * b is 0, or where `bias` is not 0 the value of head h for the distance of s from the query, of which the place in its memory is
   * memoryCount - queries + q: `bias` is the address of that of head 0 and distance 0, those of a head lie by their distances, `biasRow` bytes
   * from those of the next.
   * Head h has columns [h size, (h + 1) size) of query and output, and of keys and values those of h / (heads / keyValueHeads). The
   * rows of the memory are memoryRows[s] (Int32), or s where that is 0. statistics [queries, heads] receives the
   * logarithm of the sum of exponentials, `weights` [heads, queries, memoryCount] (0 = not wanted) the weights. Where rowKeys
   * (Uint32[queries]) is not 0 the weights are dropped as by `dropout`, its key mix32(key + h * 0x9e3779b9), its column s.
   * Scratch, in floats, with m = memoryCount and d = size rounded up to multiples of 8: 32 + 2 m d + 32 m, and at least
   * 32 + heads (m + d) + 2 m.
   */
  attendHeads(
    output: number,
    outputRow: number,
    query: number,
    queryRow: number,
    keys: number,
    values: number,
    memoryRow: number,
    memoryRows: number,
    queries: number,
    memoryCount: number,
    heads: number,
    keyValueHeads: number,
    size: number,
    scale: number,
    causal: number,
    bias: number,
    biasRow: number,
    statistics: number,
    weights: number,
    rowKeys: number,
    rate: number,
    key: number,
    scratch: number,
  ): void;
  /**
   * Adds to the gradients of query (rows `queryRow` apart), keys and values (`memoryRow` apart), and of the bias; each may be 0. Scratch, in floats:
   * 32 + 3 m d + 64 d + 64 m.
   */
  attendHeadsGradient(
    queryGradient: number,
    queryRow: number,
    keyGradient: number,
    valueGradient: number,
    memoryRow: number,
    outputGradient: number,
    output: number,
    outputRow: number,
    query: number,
    keys: number,
    values: number,
    queries: number,
    memoryCount: number,
    heads: number,
    keyValueHeads: number,
    size: number,
    scale: number,
    causal: number,
    bias: number,
    biasRow: number,
    biasGradient: number,
    statistics: number,
    rowKeys: number,
    rate: number,
    key: number,
    scratch: number,
  ): void;

  // --- head-rows.ts: the same between products of a library ------------------------------------------------------

  /**
   * Scores of queries `first` to `first + count` of `headCount` heads from `head` on, rows of [headCount, count, any] `scoreRow` bytes apart, become their weights, dropped
   * ones included, with zeros for what is not seen, up to what the last one sees, rounded up to a multiple of 8. The rest as of
   * `attendHeads`. Scratch: 32 bytes.
   */
  headProbabilities(
    scores: number,
    scoreRow: number,
    first: number,
    count: number,
    queries: number,
    memoryCount: number,
    head: number,
    headCount: number,
    heads: number,
    scale: number,
    causal: number,
    bias: number,
    biasRow: number,
    statistics: number,
    weights: number,
    rowKeys: number,
    rate: number,
    key: number,
    scratch: number,
  ): void;
  /** The same scores become weights again, and the gradients of the weights those of the scores. */
  headGradients(
    scores: number,
    gradients: number,
    scoreRow: number,
    first: number,
    count: number,
    queries: number,
    memoryCount: number,
    head: number,
    headCount: number,
    heads: number,
    size: number,
    outputGradient: number,
    output: number,
    outputRow: number,
    scale: number,
    causal: number,
    bias: number,
    biasRow: number,
    biasGradient: number,
    statistics: number,
    rowKeys: number,
    rate: number,
    key: number,
  ): void;
}
