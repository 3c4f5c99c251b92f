import type {
  GradientAdditions,
  GroupedAttention,
  GroupedSentence,
  HeadMachine,
  HeadSentence,
  HeadSentenceGradients,
} from '../grouped-attention.js';
import type { SmallProducts } from '../small-products.js';

/**
 * Attention of many heads of short sentences, some sentences at a time: what all their heads multiply is one call of `SmallProducts`, and
 * what lies between the products stays in the cache meanwhile. With fused multiply-adds a query has the same bits as by the kernel
 * (kernels/assembly/heads.ts): a sum is one chain, and what a query does not see counts 0 at its end. Where sight is causal, most of what
 * is not seen is not computed: queries and keys are taken in blocks as wide as a panel.
 */

export const groupedAttention: GroupedAttention = { isGrouped, scratchFloats, attend, attendGradient };

/** Floats of scores of all heads up to which a sentence is short: 4 heads of 64 queries and keys are 16,384. */
const mostScores = 32_768;
/** The longest sum over keys, as in kernels/assembly/heads.ts. */
const keyBlock = 256;
/** Bytes of scratch from which a group is full: it stays in a second-level cache of 256 KiB with what it reads. */
const fullGroup = 96 * 1024;
/** Scratch of the kernel between the products. */
const tileBytes = 64;

/** The widest panels that there are: room is made for them, so that a rehearsal without any products finds the same. */
const widestPanels = { panelColumns: 32 };

function isGrouped({ matrix: { small, precision } }: HeadMachine, sentence: HeadSentence): boolean {
  return small !== undefined && precision === 'f32' && sentence.size % small.panelColumns === 0 && isShort(sentence);
}

/** A query alone has the kernel, which reads each key once. */
function isShort({ queries, memoryCount, heads }: HeadSentence): boolean {
  return queries > 1 && memoryCount <= keyBlock && heads * queries * memoryCount <= mostScores;
}

function scratchFloats(sentences: readonly HeadSentence[], backward: boolean): number {
  const short = sentences.filter(isShort);
  if (short.length === 0) return 0;
  return (tileBytes + fullGroup + Math.max(...short.map((sentence) => placesOf(sentence, widestPanels, 0, backward).end))) / 4;
}

type Panels = Pick<SmallProducts, 'panelColumns'>;

/** Where a sentence's part of the scratch has what. */
interface Places {
  readonly scores: number;
  readonly gradients: number;
  readonly keys: number;
  readonly values: number;
  readonly end: number;
  readonly scoreRow: number;
}

function placesOf(
  { queries, memoryCount, heads, keyValueHeads, size }: HeadSentence,
  { panelColumns }: Panels,
  scores: number,
  backward: boolean,
): Places {
  const scoreRow = 4 * Math.ceil(memoryCount / panelColumns) * panelColumns;
  const scoreBytes = heads * queries * scoreRow;
  const panelBytes = keyValueHeads * size * scoreRow;
  const gradients = scores + scoreBytes;
  const keys = gradients + (backward ? scoreBytes : 0);
  const values = keys + panelBytes;
  return { scores, gradients, keys, values, end: values + (backward ? panelBytes : 0), scoreRow };
}

function attend({ kernels, matrix: { small } }: HeadMachine, sentences: readonly GroupedSentence[], scratch: number): void {
  if (small === undefined) return;
  for (const group of groupsOf(sentences, small, scratch + tileBytes, false)) {
    for (const { sentence, places } of group) {
      const { query, queryRow, keys, memoryRow } = sentence;
      transposed(small, sentence, keys, memoryRow, places.keys);
      addScores(small, sentence, query, queryRow, places.keys, places.scores, places.scoreRow);
    }
    small.run();
    for (const { sentence, places } of group) {
      const { queries, memoryCount, heads, values, memoryRow, output, outputRow } = sentence;
      const { scores, scoreRow } = places;
      kernels.headProbabilities(
        scores,
        scoreRow,
        0,
        queries,
        queries,
        memoryCount,
        0,
        heads,
        heads,
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
      addQuerySums(
        small,
        sentence,
        { scores, scoreRow },
        { at: values, row: memoryRow },
        { at: output, row: outputRow, accumulate: false },
      );
    }
    small.run();
  }
}

function attendGradient(
  { kernels, matrix: { small } }: HeadMachine,
  sentences: readonly { readonly sentence: HeadSentence; readonly gradients: HeadSentenceGradients }[],
  adds: GradientAdditions,
  scratch: number,
): void {
  if (small === undefined) return;
  const gradientsOf = new Map(sentences.map(({ sentence, gradients }) => [sentence, gradients]));
  const all = sentences.map(({ sentence }) => sentence);
  for (const group of groupsOf(all, small, scratch + tileBytes, true)) {
    for (const { sentence, places } of group) {
      const { query, queryRow, keys, values, memoryRow, outputRow } = sentence;
      transposed(small, sentence, keys, memoryRow, places.keys);
      transposed(small, sentence, values, memoryRow, places.values);
      addScores(small, sentence, query, queryRow, places.keys, places.scores, places.scoreRow);
      const dOutput = gradientsOf.get(sentence)?.output ?? 0;
      addScores(small, sentence, dOutput, outputRow, places.values, places.gradients, places.scoreRow);
    }
    small.run();
    for (const { sentence, places } of group) {
      const { query, queryRow, queries, keys, memoryRow, memoryCount, output, outputRow, heads, size } = sentence;
      const { scores, gradients, scoreRow } = places;
      const given = gradientsOf.get(sentence);
      if (given === undefined) continue;
      kernels.headGradients(
        scores,
        gradients,
        scoreRow,
        0,
        queries,
        queries,
        memoryCount,
        0,
        heads,
        heads,
        size,
        given.output,
        output,
        outputRow,
        sentence.scale,
        Number(sentence.causal),
        sentence.bias,
        sentence.biasRow,
        given.bias,
        sentence.statistics,
        sentence.rowKeys,
        sentence.rate,
        sentence.key,
      );
      const ofScores = { scores: gradients, scoreRow };
      if (given.query !== 0) {
        addQuerySums(small, sentence, ofScores, { at: keys, row: memoryRow }, { at: given.query, row: queryRow, accumulate: adds.query });
      }
      if (given.values !== 0) {
        addMemorySums(small, sentence, { scores, scoreRow }, { at: given.output, row: outputRow }, given.values, adds.memory);
      }
      if (given.keys !== 0) addMemorySums(small, sentence, ofScores, { at: query, row: queryRow }, given.keys, adds.memory);
    }
    small.run();
  }
}

/** Sentences with their places, until the scratch is full. */
function* groupsOf<Sentence extends HeadSentence>(
  sentences: readonly Sentence[],
  small: SmallProducts,
  scratch: number,
  backward: boolean,
): Generator<{ readonly sentence: Sentence; readonly places: Places }[]> {
  let group: { sentence: Sentence; places: Places }[] = [];
  let next = scratch;
  for (const sentence of sentences) {
    const places = placesOf(sentence, small, next, backward);
    group.push({ sentence, places });
    next = places.end;
    if (next - scratch < fullGroup) continue;
    yield group;
    group = [];
    next = scratch;
  }
  if (group.length > 0) yield group;
}

/** Columns of a memory as panels of all heads. */
function transposed(
  small: SmallProducts,
  { memoryCount, keyValueHeads, size }: HeadSentence,
  from: number,
  rowBytes: number,
  to: number,
): void {
  small.transpose(to, from, memoryCount, keyValueHeads * size, rowBytes);
}

/** What rows of queries, or of the output's gradient, have in common with rows of the memory: [heads, queries, scoreRow]. */
function addScores(
  small: SmallProducts,
  sentence: HeadSentence,
  a: number,
  rowOfA: number,
  panels: number,
  scores: number,
  scoreRow: number,
): void {
  const { queries, keyValueHeads, size } = sentence;
  const { panelColumns } = small;
  const panelRow = 4 * panelColumns;
  const scoreBytes = queries * scoreRow;
  eachSharedHead(sentence, (head, shared, repeats, step) => {
    for (const { first, count, seen } of queryBlocks(sentence, panelColumns)) {
      small.add({
        rows: count,
        terms: size,
        columns: Math.ceil(seen / panelColumns) * panelColumns,
        a: a + first * rowOfA + 4 * size * head,
        rowOfA,
        termOfA: 4,
        b: panels + shared * size * panelRow,
        termOfB: panelRow,
        panelOfB: keyValueHeads * size * panelRow,
        c: scores + head * scoreBytes + first * scoreRow,
        rowOfC: scoreRow,
        accumulate: false,
        repeats,
        nextA: 4 * size,
        nextB: step * size * panelRow,
        nextC: scoreBytes,
      });
    }
  });
}

/** Queries, and how many rows of the memory the last of them sees. */
function* queryBlocks(
  { queries, memoryCount, causal }: HeadSentence,
  size: number,
): Generator<{ readonly first: number; readonly count: number; readonly seen: number }> {
  const step = causal ? size : queries;
  for (let first = 0; first < queries; first += step) {
    const count = Math.min(step, queries - first);
    yield { first, count, seen: causal ? memoryCount - queries + first + count : memoryCount };
  }
}

/** Rows of the memory, and the first query that sees one of them. */
function* memoryBlocks(
  { queries, memoryCount, causal }: HeadSentence,
  size: number,
): Generator<{ readonly first: number; readonly count: number; readonly firstQuery: number }> {
  const step = causal ? size : memoryCount;
  for (let first = 0; first < memoryCount; first += step) {
    const firstQuery = causal ? Math.max(0, first - (memoryCount - queries)) : 0;
    yield { first, count: Math.min(step, memoryCount - first), firstQuery };
  }
}

interface Scores {
  readonly scores: number;
  readonly scoreRow: number;
}

/** For each query the sum of rows of the memory, weighted by its scores. */
function addQuerySums(
  small: SmallProducts,
  sentence: HeadSentence,
  { scores, scoreRow }: Scores,
  memory: { readonly at: number; readonly row: number },
  result: { readonly at: number; readonly row: number; readonly accumulate: boolean },
): void {
  const { queries, size } = sentence;
  eachSharedHead(sentence, (head, shared, repeats, step) => {
    for (const { first, count, seen } of queryBlocks(sentence, small.panelColumns)) {
      small.add({
        rows: count,
        terms: seen,
        columns: size,
        a: scores + (head * queries + first) * scoreRow,
        rowOfA: scoreRow,
        termOfA: 4,
        b: memory.at + 4 * size * shared,
        termOfB: memory.row,
        panelOfB: 4 * small.panelColumns,
        c: result.at + first * result.row + 4 * size * head,
        rowOfC: result.row,
        accumulate: result.accumulate,
        repeats,
        nextA: queries * scoreRow,
        nextB: 4 * size * step,
        nextC: 4 * size,
      });
    }
  });
}

/** For each row of the memory the sum of rows of the queries, or of the output's gradient, weighted by its scores. */
function addMemorySums(
  small: SmallProducts,
  sentence: HeadSentence,
  { scores, scoreRow }: Scores,
  rows: { readonly at: number; readonly row: number },
  gradient: number,
  accumulate: boolean,
): void {
  const { queries, memoryRow, size } = sentence;
  eachSharedHead(sentence, (head, shared, repeats, step) => {
    for (const { first, count, firstQuery } of memoryBlocks(sentence, small.panelColumns)) {
      small.add({
        rows: count,
        terms: queries - firstQuery,
        columns: size,
        a: scores + (head * queries + firstQuery) * scoreRow + 4 * first,
        rowOfA: 4,
        termOfA: scoreRow,
        b: rows.at + firstQuery * rows.row + 4 * size * head,
        termOfB: rows.row,
        panelOfB: 4 * small.panelColumns,
        c: gradient + first * memoryRow + 4 * size * shared,
        rowOfC: memoryRow,
        accumulate,
        repeats,
        nextA: queries * scoreRow,
        nextB: 4 * size,
        nextC: 4 * size * step,
      });
    }
  });
}

/** All heads at once, each with its own of the memory's; or those that share one. `step`: heads of the memory from one to the next. */
function eachSharedHead(
  { heads, keyValueHeads }: HeadSentence,
  add: (head: number, shared: number, repeats: number, step: number) => void,
): void {
  const sharing = heads / keyValueHeads;
  if (sharing === 1) add(0, 0, heads, 1);
  else for (let shared = 0; shared < keyValueHeads; shared++) add(shared * sharing, shared, sharing, 0);
}
