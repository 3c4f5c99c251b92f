import { DecadeError } from '../../core/errors.js';
import type { Scope } from '../device.js';
import type { RowRanges } from '../layout.js';
import type { Tensor } from '../tensor.js';
import { attendByProducts, attendByProductsGradient, type HeadSentence, isLong, scratchFloats } from './head-products.js';

/** How values are divided into heads, and what a query sees. */
export interface HeadAttributes {
  readonly heads: number;
  /** Heads of keys and values, each of which heads / keyValueHeads heads of queries share (Ainslie et al. 2023). Default: `heads`. */
  readonly keyValueHeads?: number;
  /** `whole`: all rows of the memory; `causal`: the last query sees all, the one before it all but the last, and so on. */
  readonly sight: 'whole' | 'causal';
  /** Drops weights in training. */
  readonly dropout?: HeadDropout | undefined;
  /** Gives the weights, too, which are never all in memory otherwise. */
  readonly weights?: boolean;
}

export interface HeadDropout {
  /** Probability that a weight becomes 0, in [0, 1). */
  readonly rate: number;
  /** 32-bit key of this use: seed, step and layer. */
  readonly key: number;
  /** Int32[queries]: who the query is, so that what it drops does not depend on the batch around it. */
  readonly rowKeys: Tensor;
}

export type HeadOutputs = {
  /** [queries, heads * size] */
  readonly output: Tensor;
  /** Where asked for: [heads, queries, memory rows] of each sentence, one sentence after another. Not differentiable by itself. */
  readonly weights?: Tensor;
};

/** A matrix of which some columns are meant. */
export interface Columns {
  readonly tensor: Tensor;
  readonly from: number;
}

/** What both kinds of attention become: queries, keys and values as columns, and whose rows belong together. */
export interface HeadCall {
  readonly query: Columns;
  readonly keys: Columns;
  readonly values: Columns;
  /** Range i of the queries looks at range i of the memory. */
  readonly queries: RowRanges;
  readonly memory: RowRanges;
  /** Int32: the ranges of the memory are of this list, which says which rows are meant. */
  readonly memoryRows?: Tensor | undefined;
  /** Values of a head. */
  readonly size: number;
  readonly attributes: HeadAttributes;
}

/** Queries of which the probabilities exist at once; as in kernels/assembly/heads.ts. */
const blockRows = 32;

/** Softmax of queries times keys over the root of the size, times values, head by head (Vaswani et al. 2017, section 3.2). */
export function attend(scope: Scope, call: HeadCall): { outputs: HeadOutputs; logSums: Tensor } {
  const { query, memory, memoryRows, size, attributes } = call;
  const { heads } = attributes;
  const { device } = scope;
  const rows = query.tensor.dimension(0);
  const output = scope.kept([rows, heads * size]);
  const logSums = scope.kept([rows, heads]);
  const weights = attributes.weights === true ? scope.empty([weightCount(call)]) : undefined;
  const [longest, width] = [greatest(memory.lengths), roundUp8(size)];
  const scratch = scope.empty([Math.max(32 + 2 * longest * width + blockRows * longest, scratchFloats(longest, false))]);
  let weightPlace = weights?.offset ?? 0;
  for (const sentence of sentencesOf(call, output, logSums)) {
    const { queries, memoryCount } = sentence;
    if (memoryRows === undefined && isLong(device, sentence)) {
      attendByProducts(device, sentence, weightPlace, scratch.offset);
    } else {
      device.kernels.attendHeads(
        sentence.output,
        sentence.outputRow,
        sentence.query,
        sentence.queryRow,
        sentence.keys,
        sentence.values,
        sentence.memoryRow,
        sentence.memoryRows,
        queries,
        memoryCount,
        heads,
        sentence.keyValueHeads,
        size,
        1 / Math.sqrt(size),
        Number(sentence.causal),
        sentence.statistics,
        weightPlace,
        sentence.rowKeys,
        sentence.rate,
        sentence.key,
        scratch.offset,
      );
    }
    if (weights !== undefined) weightPlace += heads * queries * memoryCount * 4;
  }
  return { outputs: weights === undefined ? { output } : { output, weights }, logSums };
}

/** Those with queries, each with the place of its first row in the queries and in the memory. */
function sentencesOf(
  call: HeadCall,
  output: Tensor,
  logSums: Tensor,
): (HeadSentence & { memoryRows: number; first: number; memoryFirst: number })[] {
  const { query, keys, values, queries, memory, memoryRows, size, attributes } = call;
  const { heads, keyValueHeads = heads, sight, dropout } = attributes;
  const [queryRow, memoryRow, outputRow] = [rowBytes(query.tensor), rowBytes(keys.tensor), rowBytes(output)];
  return Array.from(queries.starts, (first, sentence) => {
    const memoryFirst = memory.starts[sentence] as number;
    const memoryOffset = memoryRows === undefined ? memoryFirst * memoryRow : 0;
    return {
      first,
      memoryFirst,
      query: place(query) + first * queryRow,
      queryRow,
      keys: place(keys) + memoryOffset,
      values: place(values) + memoryOffset,
      memoryRow,
      memoryRows: memoryRows === undefined ? 0 : memoryRows.offset + memoryFirst * 4,
      output: output.offset + first * outputRow,
      outputRow,
      queries: queries.lengths[sentence] as number,
      memoryCount: memory.lengths[sentence] as number,
      heads,
      keyValueHeads,
      size,
      causal: sight === 'causal',
      statistics: logSums.offset + first * heads * 4,
      rowKeys: dropout === undefined ? 0 : dropout.rowKeys.offset + first * 4,
      rate: dropout?.rate ?? 0,
      key: dropout?.key ?? 0,
    };
  }).filter(({ queries: count }) => count > 0);
}

/** Where the gradients of the columns are added; they lie as the columns do. */
export interface HeadGradients {
  readonly query: Columns | undefined;
  readonly keys: Columns | undefined;
  readonly values: Columns | undefined;
}

export function attendGradient(
  scope: Scope,
  call: HeadCall,
  { output, logSums, dOutput }: { output: Tensor; logSums: Tensor; dOutput: Tensor },
  gradients: HeadGradients,
): void {
  const { memory, size } = call;
  const { device } = scope;
  const [longest, width] = [greatest(memory.lengths), roundUp8(size)];
  const shortScratch = 32 + 3 * longest * width + 2 * blockRows * (longest + width);
  const scratch = scope.empty([Math.max(shortScratch, scratchFloats(longest, true))]);
  const at = (columns: Columns | undefined, bytes: number) => (columns === undefined ? 0 : place(columns) + bytes);
  for (const sentence of sentencesOf(call, output, logSums)) {
    const { first, memoryFirst, queryRow, memoryRow, outputRow, queries, memoryCount } = sentence;
    const own = {
      query: at(gradients.query, first * queryRow),
      keys: at(gradients.keys, memoryFirst * memoryRow),
      values: at(gradients.values, memoryFirst * memoryRow),
      output: dOutput.offset + first * outputRow,
    };
    if (isLong(device, sentence)) {
      attendByProductsGradient(device, sentence, own, scratch.offset);
      continue;
    }
    device.kernels.attendHeadsGradient(
      own.query,
      queryRow,
      own.keys,
      own.values,
      memoryRow,
      own.output,
      sentence.output,
      outputRow,
      sentence.query,
      sentence.keys,
      sentence.values,
      queries,
      memoryCount,
      sentence.heads,
      sentence.keyValueHeads,
      size,
      1 / Math.sqrt(size),
      Number(sentence.causal),
      sentence.statistics,
      sentence.rowKeys,
      sentence.rate,
      sentence.key,
      scratch.offset,
    );
  }
}

/** Throws unless heads divide, ranges lie within their rows, and every query sees something. */
export function checkHeads(
  operation: string,
  columns: number,
  share: number,
  rows: { queries: number; memory: number },
  call: HeadRanges,
): void {
  const { heads, keyValueHeads = heads, sight, dropout } = call.attributes;
  const refuse = (what: string, received: string, allowed: string) => {
    throw new DecadeError('shape', { where: `${operation}: ${what}`, received, allowed });
  };
  if (heads % keyValueHeads !== 0) refuse('keyValueHeads', `${keyValueHeads} for ${heads} heads`, 'a divisor of heads');
  if (columns % share !== 0) refuse('heads', `${columns} columns`, `a multiple of ${share}`);
  if (dropout !== undefined && !(dropout.rate >= 0 && dropout.rate < 1)) refuse('dropout', `rate ${dropout.rate}`, 'a rate in [0, 1)');
  if (dropout !== undefined && dropout.rowKeys.size !== rows.queries) {
    refuse('dropout', `${dropout.rowKeys.size} row keys`, `one for each of ${rows.queries} queries`);
  }
  const { queries, memory } = call;
  if (queries.starts.length !== memory.starts.length || queries.rows > rows.queries || memory.rows > rows.memory) {
    refuse(
      'ranges',
      `${queries.starts.length} of ${queries.rows} queries, ${memory.starts.length} of ${memory.rows} memory rows`,
      `as many of each, within ${rows.queries} queries and ${rows.memory} memory rows`,
    );
  }
  queries.lengths.forEach((count, sentence) => {
    const seen = memory.lengths[sentence] as number;
    if (count > 0 && (seen < 1 || (sight === 'causal' && seen < count))) {
      refuse(
        `sentence ${sentence}`,
        `${count} queries over ${seen} rows`,
        sight === 'causal' ? 'a row for each query' : 'at least one row',
      );
    }
  });
}

type HeadRanges = Pick<HeadCall, 'queries' | 'memory' | 'attributes'>;

function weightCount({ queries, memory, attributes: { heads } }: HeadCall): number {
  return queries.lengths.reduce((sum, count, sentence) => sum + heads * count * (memory.lengths[sentence] as number), 0);
}

function place({ tensor, from }: Columns): number {
  return tensor.offset + from * 4;
}

function rowBytes(tensor: Tensor): number {
  return tensor.dimension(1) * 4;
}

function roundUp8(count: number): number {
  return Math.ceil(count / 8) * 8;
}

function greatest(lengths: Int32Array): number {
  return roundUp8(lengths.reduce((longest, length) => Math.max(longest, length), 0));
}
