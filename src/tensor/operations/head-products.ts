import type { Device } from '../device.js';
import type { HeadSentence, HeadSentenceGradients } from '../grouped-attention.js';

/**
 * Attention of many heads of one sentence by products of the matrix library, on columns where they are. Worth it for long sentences; the
 * kernel that does all at once (kernels/assembly/heads.ts) is for short ones. A sum over keys has stretches of `keyBlock`, as there:
 * with decade's own products a query has the same bits by either.
 */

/** Queries of which the probabilities exist at once. */
const blockRows = 64;
/** As in kernels/assembly/heads.ts. */
const keyBlock = 256;
/** From so many multiplications of a head's scores on: 25 queries that see 25 keys of 64 are 40,000. Below, the calls cost more. */
const leastMultiplications = 32_000;

/** Whether a sentence is worth the library's products; not with operands that are rounded. */
export function isLong({ matrix }: Device, { queries, memoryCount, causal, size }: HeadSentence): boolean {
  const unseen = causal ? (queries * (queries - 1)) / 2 : 0;
  return matrix.precision === 'f32' && (queries * memoryCount - unseen) * size >= leastMultiplications;
}

/** Floats of scratch, for memories of at most so many rows, a multiple of 8. */
export function scratchFloats(longest: number, backward: boolean): number {
  return 8 + (backward ? 2 : 1) * blockRows * longest;
}

/** `weights` [heads, queries, memoryCount] receives the probabilities unless it is 0. */
export function attendByProducts({ kernels, matrix }: Device, sentence: HeadSentence, weights: number, scratch: number): void {
  const { query, queryRow, keys, values, memoryRow, output, outputRow, queries, memoryCount, heads, size, causal } = sentence;
  const scoreRow = 4 * roundUp8(memoryCount);
  const scores = scratch + 32;
  for (let head = 0; head < heads; head++) {
    const shared = memoryColumn(sentence, head);
    for (let first = 0; first < queries; first += blockRows) {
      const count = Math.min(blockRows, queries - first);
      const seen = sightOf(sentence, first + count - 1);
      matrix.multiply({
        m: count,
        n: seen,
        k: size,
        a: query + first * queryRow + 4 * head * size,
        transposeA: false,
        strideA: queryRow / 4,
        b: keys + shared,
        transposeB: true,
        strideB: memoryRow / 4,
        c: scores,
        strideC: scoreRow / 4,
        accumulate: false,
      });
      kernels.headProbabilities(
        scores,
        scoreRow,
        first,
        count,
        queries,
        memoryCount,
        head,
        1,
        heads,
        sentence.scale,
        Number(causal),
        sentence.bias,
        sentence.biasRow,
        sentence.statistics,
        weights,
        sentence.rowKeys,
        sentence.rate,
        sentence.key,
        scratch,
      );
      for (let at = 0; at < seen; at += keyBlock) {
        matrix.multiply({
          m: count,
          n: size,
          k: Math.min(keyBlock, seen - at),
          a: scores + 4 * at,
          transposeA: false,
          strideA: scoreRow / 4,
          b: values + shared + at * memoryRow,
          transposeB: false,
          strideB: memoryRow / 4,
          c: output + first * outputRow + 4 * head * size,
          strideC: outputRow / 4,
          accumulate: at > 0,
        });
      }
    }
  }
}

export function attendByProductsGradient(
  { kernels, matrix }: Device,
  sentence: HeadSentence,
  gradients: HeadSentenceGradients,
  scratch: number,
): void {
  const { query, queryRow, keys, values, memoryRow, output, outputRow, queries, memoryCount, heads, size, causal } = sentence;
  const scoreRow = 4 * roundUp8(memoryCount);
  const scores = scratch + 32;
  const scoreGradients = scores + blockRows * scoreRow;
  for (let head = 0; head < heads; head++) {
    const shared = memoryColumn(sentence, head);
    for (let first = 0; first < queries; first += blockRows) {
      const count = Math.min(blockRows, queries - first);
      const seen = sightOf(sentence, first + count - 1);
      const [queryPlace, outputPlace] = [first * queryRow + 4 * head * size, first * outputRow + 4 * head * size];
      const byMemory = (a: number, rowBytes: number, b: number, c: number) =>
        matrix.multiply({
          m: count,
          n: seen,
          k: size,
          a,
          transposeA: false,
          strideA: rowBytes / 4,
          b,
          transposeB: true,
          strideB: memoryRow / 4,
          c,
          strideC: scoreRow / 4,
          accumulate: false,
        });
      byMemory(query + queryPlace, queryRow, keys + shared, scores);
      byMemory(gradients.output + outputPlace, outputRow, values + shared, scoreGradients);
      kernels.headGradients(
        scores,
        scoreGradients,
        scoreRow,
        first,
        count,
        queries,
        memoryCount,
        head,
        1,
        heads,
        size,
        gradients.output,
        output,
        outputRow,
        sentence.scale,
        Number(causal),
        sentence.bias,
        sentence.biasRow,
        gradients.bias,
        sentence.statistics,
        sentence.rowKeys,
        sentence.rate,
        sentence.key,
      );
      if (gradients.query !== 0) {
        matrix.multiply({
          m: count,
          n: size,
          k: seen,
          a: scoreGradients,
          transposeA: false,
          strideA: scoreRow / 4,
          b: keys + shared,
          transposeB: false,
          strideB: memoryRow / 4,
          c: gradients.query + queryPlace,
          strideC: queryRow / 4,
          accumulate: true,
        });
      }
      const toMemory = (a: number, b: number, rowBytes: number, c: number) =>
        matrix.multiply({
          m: seen,
          n: size,
          k: count,
          a,
          transposeA: true,
          strideA: scoreRow / 4,
          b,
          transposeB: false,
          strideB: rowBytes / 4,
          c,
          strideC: memoryRow / 4,
          accumulate: true,
        });
      if (gradients.values !== 0) toMemory(scores, gradients.output + outputPlace, outputRow, gradients.values + shared);
      if (gradients.keys !== 0) toMemory(scoreGradients, query + queryPlace, queryRow, gradients.keys + shared);
    }
  }
}

/** Bytes from the columns of the first head of keys and values to those that this head reads. */
function memoryColumn({ heads, keyValueHeads, size }: HeadSentence, head: number): number {
  return 4 * Math.floor(head / (heads / keyValueHeads)) * size;
}

/** How many rows of the memory a query sees. */
function sightOf({ causal, queries, memoryCount }: HeadSentence, query: number): number {
  return causal ? memoryCount + query + 1 - queries : memoryCount;
}

function roundUp8(count: number): number {
  return Math.ceil(count / 8) * 8;
}
