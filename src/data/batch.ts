import { DecadeError } from '../core/errors.js';
import type { SequenceLayout } from '../tensor/layout.js';
import { sequenceLayout } from '../tensor/layout.js';
import { beginId, endId } from '../text/tokenizer.js';

/**
 * A batch is made of pairs, numbered 0 .. sentences in the order they were given. Each side is packed by itself (see
 * `SequenceLayout`: time-major, no padding), its longest sentence in column 0, equal lengths in the order of the pairs.
 * So a pair usually has one column on the source side and another on the target side.
 */
export interface PackedSide {
  /** Lengths by column, and the row of every column at every step. */
  readonly layout: SequenceLayout;
  /** Which pair of the batch each column holds; the first of them where several share a source sentence: [columns]. */
  readonly sentences: Int32Array;
}

export interface PackedSource extends PackedSide {
  /** Token ids, packed: [layout.rows]. */
  readonly ids: Int32Array;
}

export interface PackedTarget extends PackedSide {
  /** What the decoder is given, `<s>` first, packed: [layout.rows]. */
  readonly inputIds: Int32Array;
  /** What it must predict at the same row, `</s>` last, packed: [layout.rows]. */
  readonly outputIds: Int32Array;
}

/** Source sentences alone, as an encoder takes them at inference. */
export interface SourceBatch {
  readonly sentences: number;
  readonly source: PackedSource;
  /** Key of each pair (its number in the corpus), which keys its dropout whatever batch it is in: [sentences]. */
  readonly sentenceKeys: Uint32Array;
  /** Source tokens in the batch, which is the number of source rows. */
  readonly sourceTokens: number;
}

/** Sentence pairs as a model trains on and scores them. */
export interface Batch extends SourceBatch {
  readonly target: PackedTarget;
  /** For each target column the source column that holds its source sentence: [sentences]. */
  readonly sourceColumnOfTarget: Int32Array;
  /** Target tokens in the batch, each sentence's `</s>` counted, which is the number of target rows. */
  readonly targetTokens: number;
}

export interface SourceSentence {
  /** Token ids, at least one. */
  source: ArrayLike<number>;
  /** Number of the sentence in its corpus. */
  key: number;
}

export interface IdPair extends SourceSentence {
  /** Token ids without `<s>` and `</s>`; may be empty, which asks for `</s>` at once. */
  target: ArrayLike<number>;
}

export interface BatchOptions {
  /** Feed each source sentence backwards, as in Sutskever, Vinyals and Le (2014), section 3.3. Default false. */
  reverseSource?: boolean;
}

/** The batch of these pairs, in this order. Throws `input` for an empty source sentence, naming its key. */
export function makeBatch(pairs: readonly IdPair[], options: BatchOptions = {}): Batch {
  const sources = makeSourceBatch(pairs, options);
  const columnOfSource = inverse(sources.source.sentences);
  return withTargets(pairs, sources, (sentence) => columnOfSource[sentence] as number);
}

/**
 * As `makeBatch`, but pairs with the same source sentence share its column, so that it is encoded once however many
 * hypotheses there are of it. For scoring: to dropout they would be one pair.
 */
export function makeScoringBatch(pairs: readonly IdPair[], options: BatchOptions = {}): Batch {
  const numbers = new Map<string, number>();
  const firsts: number[] = [];
  const sourceOfPair = pairs.map(({ source }, sentence) => {
    const written = Array.prototype.join.call(source);
    const number = numbers.get(written) ?? numbers.size;
    if (number === numbers.size) firsts.push(sentence);
    numbers.set(written, number);
    return number;
  });
  const { source, sourceTokens } = makeSourceBatch(
    firsts.map((sentence) => pairAt(pairs, sentence)),
    options,
  );
  const columnOfSource = inverse(source.sentences);
  const sources = {
    sentences: pairs.length,
    source: { ...source, sentences: source.sentences.map((number) => firsts[number] as number) },
    sentenceKeys: Uint32Array.from(pairs, ({ key }) => key),
    sourceTokens,
  };
  return withTargets(pairs, sources, (sentence) => columnOfSource[sourceOfPair[sentence] as number] as number);
}

function withTargets(pairs: readonly IdPair[], sources: SourceBatch, sourceColumn: (sentence: number) => number): Batch {
  const columns = columnsByLength(pairs.map((pair) => pair.target.length));
  const layout = sequenceLayout(columns.map((sentence) => pairAt(pairs, sentence).target.length + 1));
  const inputIds = new Int32Array(layout.rows);
  const outputIds = new Int32Array(layout.rows);
  for (let column = 0; column < columns.length; column++) {
    const { target } = pairAt(pairs, columns[column] as number);
    for (let step = 0; step <= target.length; step++) {
      const row = (layout.offsets[step] as number) + column;
      inputIds[row] = step === 0 ? beginId : (target[step - 1] as number);
      outputIds[row] = step === target.length ? endId : (target[step] as number);
    }
  }
  return {
    ...sources,
    target: { layout, sentences: columns, inputIds, outputIds },
    sourceColumnOfTarget: columns.map(sourceColumn),
    targetTokens: layout.rows,
  };
}

/** The batch of these source sentences, in this order. Throws `input` for an empty sentence, naming its key. */
export function makeSourceBatch(sentences: readonly SourceSentence[], options: BatchOptions = {}): SourceBatch {
  for (const { source, key } of sentences) {
    if (source.length === 0) {
      throw new DecadeError('input', {
        where: `batch, sentence ${key}`,
        received: 'an empty source sentence',
        allowed: 'at least one source token',
        next: 'drop empty pairs before making batches',
      });
    }
  }
  const columns = columnsByLength(sentences.map(({ source }) => source.length));
  const layout = sequenceLayout(columns.map((sentence) => pairAt(sentences, sentence).source.length));
  const ids = new Int32Array(layout.rows);
  for (let column = 0; column < columns.length; column++) {
    const { source } = pairAt(sentences, columns[column] as number);
    for (let step = 0; step < source.length; step++) {
      const position = options.reverseSource ? source.length - 1 - step : step;
      ids[(layout.offsets[step] as number) + column] = source[position] as number;
    }
  }
  return {
    sentences: sentences.length,
    source: { layout, sentences: columns, ids },
    sentenceKeys: Uint32Array.from(sentences, ({ key }) => key),
    sourceTokens: layout.rows,
  };
}

/** Sums the rows of each sentence, by its number: [sentences]. */
export function sumsOfSentences({ layout, sentences }: PackedSide, byRow: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(layout.sentences);
  for (let column = 0; column < layout.sentences; column++) {
    let total = 0;
    for (let step = 0; step < (layout.lengths[column] as number); step++) {
      total += byRow[(layout.offsets[step] as number) + column] as number;
    }
    sums[sentences[column] as number] = total;
  }
  return sums;
}

/** Sentence numbers by falling length; equal lengths keep their order. */
function columnsByLength(lengths: readonly number[]): Int32Array {
  return Int32Array.from(lengths.keys()).sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
}

function inverse(permutation: Int32Array): Int32Array {
  const positions = new Int32Array(permutation.length);
  for (let position = 0; position < permutation.length; position++) positions[permutation[position] as number] = position;
  return positions;
}

function pairAt<Sentence>(sentences: readonly Sentence[], position: number): Sentence {
  return sentences[position] as Sentence;
}
