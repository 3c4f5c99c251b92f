import { DecadeError } from '../../core/errors.js';
import type { Device, Scope } from '../device.js';
import type { GradientAdditions, GroupedSentence, HeadSentenceGradients } from '../grouped-attention.js';
import type { RowRanges } from '../layout.js';
import { showShape, type Tensor } from '../tensor.js';
import { attendByProducts, attendByProductsGradient, isLong, scratchFloats } from './head-products.js';

/** How values are divided into heads, and what a query sees. */
export interface HeadAttributes {
  readonly heads: number;
  /** Heads of keys and values, each of which heads / keyValueHeads heads of queries share (Ainslie et al. 2023). Default: `heads`. */
  readonly keyValueHeads?: number;
  /** `whole`: all rows of the memory; `causal`: the last query sees all, the one before it all but the last, and so on. */
  readonly sight: 'whole' | 'causal';
  /** What a query times a key is multiplied by. Default: 1 / √size (the paper); T5 has 1. */
  readonly scale?: number;
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
  /** As of `biasReach`. */
  readonly bias?: Tensor | undefined;
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
  const sentences = sentencesOf(call, output, logSums, weights?.offset ?? 0);
  // Rows of a list are not side by side.
  const groups = memoryRows === undefined ? device.groupedAttention : undefined;
  const grouped = sentences.filter((sentence) => groups?.isGrouped(device, sentence));
  const others = grouped.length === 0 ? sentences : sentences.filter((sentence) => !groups?.isGrouped(device, sentence));
  scope.arena.during(() => {
    groups?.attend(device, grouped, scope.empty([groups.scratchFloats(sentences, false)]).offset);
    const [longest, width] = [greatest(memory.lengths), roundUp8(size)];
    const [shared, alone] = [32 + 2 * longest * width + blockRows * longest, 32 + heads * (longest + width) + 2 * longest];
    const scratch = scope.empty([Math.max(shared, alone, scratchFloats(longest, false))]);
    for (const sentence of others) attendAlone(device, sentence, memoryRows !== undefined, scratch.offset);
  });
  return { outputs: weights === undefined ? { output } : { output, weights }, logSums };
}

function attendAlone(device: Device, sentence: OwnSentence, isChosen: boolean, scratch: number): void {
  if (!isChosen && isLong(device, sentence)) {
    attendByProducts(device, sentence, sentence.weights, scratch);
    return;
  }
  device.kernels.attendHeads(
    sentence.output,
    sentence.outputRow,
    sentence.query,
    sentence.queryRow,
    sentence.keys,
    sentence.values,
    sentence.memoryRow,
    sentence.memoryRows,
    sentence.queries,
    sentence.memoryCount,
    sentence.heads,
    sentence.keyValueHeads,
    sentence.size,
    sentence.scale,
    Number(sentence.causal),
    sentence.bias,
    sentence.biasRow,
    sentence.statistics,
    sentence.weights,
    sentence.rowKeys,
    sentence.rate,
    sentence.key,
    scratch,
  );
}

/** A sentence with the places of its first rows in the queries and in the memory. */
interface OwnSentence extends GroupedSentence {
  readonly memoryRows: number;
  readonly first: number;
  readonly memoryFirst: number;
}

/** Those with queries; `weights`: where the first one's weights go, and those of the others after them, or 0. */
function sentencesOf(call: HeadCall, output: Tensor, logSums: Tensor, weights = 0): OwnSentence[] {
  const { query, keys, values, queries, memory, memoryRows, bias, size, attributes } = call;
  const { heads, keyValueHeads = heads, sight, dropout, scale = 1 / Math.sqrt(size) } = attributes;
  const [queryRow, memoryRow, outputRow] = [rowBytes(query.tensor), rowBytes(keys.tensor), rowBytes(output)];
  let weightPlace = weights;
  return Array.from(queries.starts, (first, sentence) => {
    const ownWeights = weightPlace;
    if (weights !== 0) weightPlace += heads * (queries.lengths[sentence] as number) * (memory.lengths[sentence] as number) * 4;
    const memoryFirst = memory.starts[sentence] as number;
    const memoryOffset = memoryRows === undefined ? memoryFirst * memoryRow : 0;
    return {
      first,
      memoryFirst,
      weights: ownWeights,
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
      scale,
      causal: sight === 'causal',
      bias: distanceZero(bias, sight),
      biasRow: bias === undefined ? 0 : rowBytes(bias),
      statistics: logSums.offset + first * heads * 4,
      rowKeys: dropout === undefined ? 0 : dropout.rowKeys.offset + first * 4,
      rate: dropout?.rate ?? 0,
      key: dropout?.key ?? 0,
    };
  }).filter(({ queries: count }) => count > 0);
}

/** Where the gradients of the columns are added, or, where they have no values yet, written; they lie as the columns do. */
export interface HeadGradients {
  readonly isFresh: { readonly query: boolean; readonly memory: boolean };
  readonly query: Columns | undefined;
  readonly keys: Columns | undefined;
  readonly values: Columns | undefined;
  readonly bias?: Tensor | undefined;
}

export function attendGradient(
  scope: Scope,
  call: HeadCall,
  { output, logSums, dOutput }: { output: Tensor; logSums: Tensor; dOutput: Tensor },
  gradients: HeadGradients,
): void {
  const { memory, size, attributes } = call;
  const { heads, keyValueHeads = heads } = attributes;
  const { device } = scope;
  const at = (columns: Columns | undefined, bytes: number) => (columns === undefined ? 0 : place(columns) + bytes);
  const sentences = sentencesOf(call, output, logSums).map((sentence) => ({
    sentence,
    gradients: {
      query: at(gradients.query, sentence.first * sentence.queryRow),
      keys: at(gradients.keys, sentence.memoryFirst * sentence.memoryRow),
      values: at(gradients.values, sentence.memoryFirst * sentence.memoryRow),
      output: dOutput.offset + sentence.first * sentence.outputRow,
      bias: distanceZero(gradients.bias, attributes.sight),
    },
  }));
  const groups = device.groupedAttention;
  const grouped = sentences.filter(({ sentence }) => groups?.isGrouped(device, sentence));
  const others = grouped.length === 0 ? sentences : sentences.filter(({ sentence }) => !groups?.isGrouped(device, sentence));
  const all = sentences.map(({ sentence }) => sentence);
  // Where products of groups give every row once, they write it: what is to be added to would have to be read, and cleared before.
  const isWritten = others.length === 0 && keyValueHeads === heads;
  const adds = {
    query: !(gradients.isFresh.query && isWritten && covers(call.queries, call.query.tensor)),
    memory: !(gradients.isFresh.memory && isWritten && covers(memory, call.keys.tensor) && sentences.length === memory.starts.length),
  };
  for (const tensor of clearedBefore(gradients, adds)) device.kernels.fill(tensor.offset, 0, tensor.size);
  scope.arena.during(() => {
    groups?.attendGradient(device, grouped, adds, scope.empty([groups.scratchFloats(all, true)]).offset);
    const [longest, width] = [greatest(memory.lengths), roundUp8(size)];
    const shortScratch = 32 + 3 * longest * width + 2 * blockRows * (longest + width);
    const scratch = scope.empty([Math.max(shortScratch, scratchFloats(longest, true))]);
    for (const { sentence, gradients: own } of others) attendAloneGradient(device, sentence, own, scratch.offset);
  });
}

/** Gradients that have no values yet, and that something will be added to. */
function clearedBefore({ query, keys, isFresh }: HeadGradients, adds: GradientAdditions): Set<Tensor> {
  const cleared = new Set<Tensor>();
  if (isFresh.query && adds.query && query !== undefined) cleared.add(query.tensor);
  if (isFresh.memory && adds.memory && keys !== undefined) cleared.add(keys.tensor);
  return cleared;
}

/** Whether these are all rows, one after another. */
function covers({ starts, lengths }: RowRanges, tensor: Tensor): boolean {
  let next = 0;
  return (
    starts.every((start, index) => {
      const follows = start === next;
      next += lengths[index] as number;
      return follows;
    }) && next === tensor.dimension(0)
  );
}

function attendAloneGradient(device: Device, sentence: OwnSentence, own: HeadSentenceGradients, scratch: number): void {
  if (isLong(device, sentence)) {
    attendByProductsGradient(device, sentence, own, scratch);
    return;
  }
  device.kernels.attendHeadsGradient(
    own.query,
    sentence.queryRow,
    own.keys,
    own.values,
    sentence.memoryRow,
    own.output,
    sentence.output,
    sentence.outputRow,
    sentence.query,
    sentence.keys,
    sentence.values,
    sentence.queries,
    sentence.memoryCount,
    sentence.heads,
    sentence.keyValueHeads,
    sentence.size,
    sentence.scale,
    Number(sentence.causal),
    sentence.bias,
    sentence.biasRow,
    own.bias,
    sentence.statistics,
    sentence.rowKeys,
    sentence.rate,
    sentence.key,
    scratch,
  );
}

/**
 * The longest memory over which a bias reaches. It says for each head what is added to a score, before that is scaled, by how far the key
 * lies behind the query: [heads, reach], distances from 1 - reach to 0, where sight is causal, else [heads, 2 reach - 1], up to reach - 1.
 * So what a query at any place adds to the scores of its memory is one stretch of a row, and there is no matrix of biases.
 */
export function biasReach(bias: Tensor, sight: HeadAttributes['sight']): number {
  return sight === 'causal' ? bias.dimension(1) : (bias.dimension(1) + 1) / 2;
}

/** The address of head 0 and distance 0, or 0. */
function distanceZero(bias: Tensor | undefined, sight: HeadAttributes['sight']): number {
  return bias === undefined ? 0 : bias.offset + 4 * (biasReach(bias, sight) - 1);
}

/** Throws unless heads divide, ranges lie within their rows, every query sees something, and a bias reaches over every memory. */
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
  const { queries, memory, bias } = call;
  const longest = memory.lengths.reduce((most, length) => Math.max(most, length), 0);
  if (bias !== undefined && (bias.dimension(0) !== heads || !(biasReach(bias, sight) >= longest))) {
    const columns = sight === 'causal' ? longest : Math.max(1, 2 * longest - 1);
    refuse('bias', showShape(bias.shape), `[${heads}, at least ${columns}]`);
  }
  if (queries.starts.length !== memory.starts.length || queries.rows > rows.queries || memory.rows > rows.memory) {
    refuse(
      'ranges',
      `${queries.starts.length} of ${queries.rows} queries, ${memory.starts.length} of ${memory.rows} memory rows`,
      `as many of each, within ${rows.queries} queries and ${rows.memory} memory rows`,
    );
  }
  queries.lengths.forEach((count, sentence) => {
    const seen = memory.lengths[sentence] as number;
    // Places of queries, by which they see and are biased, are counted from the end of the memory.
    const isPlaced = sight === 'causal' || bias !== undefined;
    if (count > 0 && (seen < 1 || (isPlaced && seen < count))) {
      refuse(`sentence ${sentence}`, `${count} queries over ${seen} rows`, isPlaced ? 'a row for each query' : 'at least one row');
    }
  });
}

type HeadRanges = Pick<HeadCall, 'queries' | 'memory' | 'bias' | 'attributes'>;

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
