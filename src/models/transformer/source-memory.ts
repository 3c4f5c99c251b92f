import type { MultiHeadMemoryAttention } from '../../nn/multi-head-attention.js';
import type { RowRanges } from '../../tensor/layout.js';
import type { HeadOutputs } from '../../tensor/operations/multi-head.js';
import type { Runner } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { chosenRanges } from './batch.js';

/** What the decoder looks at of the source while it writes: keys and values for each of its layers, made once. */
export class SourceMemory {
  readonly #layers: readonly Tensor[];
  readonly #ranges: RowRanges;
  /** As they were written, without `</s>`. */
  readonly #lengths: readonly number[];

  constructor(layers: readonly Tensor[], ranges: RowRanges, sources: readonly { readonly length: number }[]) {
    this.#layers = layers;
    this.#ranges = ranges;
    this.#lengths = sources.map(({ length }) => length);
  }

  /** Rows that read on, each of its sentence: how attention looks from them, and the last layer's weights for each of their tokens. */
  lookFrom(runner: Runner, rows: RowRanges, sentences: Int32Array) {
    const { queries, sentenceOf } = groups(rows, sentences);
    const memories = chosenRanges(this.#ranges, sentenceOf);
    let looked: HeadOutputs | undefined;
    return {
      at: (layer: number, attention: MultiHeadMemoryAttention, input: Tensor): Tensor => {
        const isLast = layer === this.#layers.length - 1;
        const memory = this.#layers[layer] as Tensor;
        looked = attention.forward({ runner }, input, memory, { queries, rows: memories, keys: undefined, weights: isLast });
        return looked.output;
      },
      /** Mean over heads. */
      weights: (token: number): Float32Array => {
        if (looked?.weights === undefined) throw new Error('the decoder has not looked at the source yet');
        return this.#meanOverHeads(looked.weights, token, queries, memories, sentenceOf);
      },
    };
  }

  /** `weights`: [heads, queries, memory rows] of each range, one after another. */
  #meanOverHeads(weights: Tensor, token: number, queries: RowRanges, memories: RowRanges, sentenceOf: Int32Array): Float32Array {
    let pairsBefore = 0;
    let group = 0;
    for (; token >= (queries.starts[group] as number) + (queries.lengths[group] as number); group++) {
      pairsBefore += (queries.lengths[group] as number) * (memories.lengths[group] as number);
    }
    const pairs = queries.lengths.reduce((sum, count, index) => sum + count * (memories.lengths[index] as number), 0);
    const heads = weights.size / pairs;
    const [count, seen] = [queries.lengths[group] as number, memories.lengths[group] as number];
    const place = token - (queries.starts[group] as number);
    const values = weights.f32;
    const mean = new Float32Array(this.#lengths[sentenceOf[group] as number] as number);
    for (let head = 0; head < heads; head++) {
      const start = heads * pairsBefore + (head * count + place) * seen;
      mean.forEach((sum, position) => {
        mean[position] = sum + (values[start + position] as number) / heads;
      });
    }
    return mean;
  }
}

/** Neighbouring rows of one sentence, together: their keys are read once. */
function groups({ starts, rows }: RowRanges, sentences: Int32Array): { queries: RowRanges; sentenceOf: Int32Array } {
  const firsts = Array.from(sentences.keys()).filter((row) => row === 0 || sentences[row] !== sentences[row - 1]);
  const groupStarts = Int32Array.from(firsts, (row) => starts[row] as number);
  const groupLengths = groupStarts.map((start, group) => (groupStarts[group + 1] ?? rows) - start);
  return {
    queries: { starts: groupStarts, lengths: groupLengths, rows },
    sentenceOf: Int32Array.from(firsts, (row) => sentences[row] as number),
  };
}
