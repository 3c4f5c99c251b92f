import { type IdPair, predictedTokens } from '../../data/batch.js';
import { type SequenceLayout, sequenceLayout } from '../../tensor/layout.js';
import { ownSpecialIds, type SpecialIds } from '../../text/tokenizer.js';
import { emptySource } from '../sources.js';

/**
 * Sentences as LSTMs read them (see `SequenceLayout`: time-major, no padding), numbered in the order they were given. The longest
 * is in column 0, equal lengths are in their order. Source and target are packed each by itself, so a pair usually has one column
 * on one side and another on the other.
 */
export interface PackedSide {
  /** Lengths by column, and the row of every column at every step. */
  readonly layout: SequenceLayout;
  /** Which sentence each column holds; the first of them where several share a source sentence: [columns]. */
  readonly sentences: Int32Array;
}

export interface PackedSource extends PackedSide {
  /** Token ids, packed: [layout.rows]. */
  readonly ids: Int32Array;
}

export interface PackedTarget extends PackedSide {
  /** What the decoder is given, `<s>` or what came before first, packed: [layout.rows]. */
  readonly inputIds: Int32Array;
  /** What it must predict at the same row, `</s>` last where the target ends, packed: [layout.rows]. */
  readonly outputIds: Int32Array;
}

/** Sentence pairs, packed. */
export interface PackedBatch {
  readonly source: PackedSource;
  readonly target: PackedTarget;
  /** For each target column the source column that holds its source sentence: [pairs]. */
  readonly sourceColumnOfTarget: Int32Array;
  /** Of each pair: [pairs]. */
  readonly sentenceKeys: Uint32Array;
}

/**
 * Packs pairs, those with the same key with one source column. `reverseSource` feeds each source sentence backwards, as in
 * Sutskever, Vinyals and Le (2014), section 3.3. Throws `input` for an empty source sentence, naming its key.
 */
export function packBatch(pairs: readonly IdPair[], reverseSource: boolean, special: SpecialIds = ownSpecialIds): PackedBatch {
  const empty = pairs.find(({ source }) => source.length === 0);
  if (empty !== undefined) throw emptySource(empty.key);
  const sourceOfKey = new Map<number, number>();
  const firsts: number[] = [];
  for (const [pair, { key }] of pairs.entries()) {
    if (sourceOfKey.has(key)) continue;
    sourceOfKey.set(key, firsts.length);
    firsts.push(pair);
  }
  const packed = packSources(
    firsts.map((pair) => (pairs[pair] as IdPair).source),
    reverseSource,
  );
  const columnOfSource = inverse(packed.sentences);
  const target = packTargets(pairs, special);
  const sourceColumn = (pair: number) => columnOfSource[sourceOfKey.get((pairs[pair] as IdPair).key) as number] as number;
  return {
    source: { ...packed, sentences: packed.sentences.map((number) => firsts[number] as number) },
    target,
    sourceColumnOfTarget: target.sentences.map(sourceColumn),
    sentenceKeys: Uint32Array.from(pairs, ({ key }) => key),
  };
}

/** Throws `input` for an empty sentence, naming its place. */
export function packSources(sources: readonly ArrayLike<number>[], reverseSource: boolean): PackedSource {
  const empty = sources.findIndex(({ length }) => length === 0);
  if (empty >= 0) throw emptySource(empty);
  const side = packedSide(sources);
  const ids = packedIds(side, (sentence, step) => {
    const source = sources[sentence] as ArrayLike<number>;
    return source[reverseSource ? source.length - 1 - step : step] as number;
  });
  return { ...side, ids };
}

/** The target side of pairs, whatever their sources. */
export function packTargets(
  pairs: readonly Pick<IdPair, 'target' | 'before' | 'ends'>[],
  { begin, end }: SpecialIds = ownSpecialIds,
): PackedTarget {
  const side = packedSide(pairs.map((pair) => ({ length: predictedTokens(pair) })));
  const idAt = (sentence: number, position: number) => pairs[sentence]?.target[position];
  return {
    ...side,
    inputIds: packedIds(side, (sentence, step) => (step === 0 ? (pairs[sentence]?.before ?? begin) : (idAt(sentence, step - 1) as number))),
    outputIds: packedIds(side, (sentence, step) => idAt(sentence, step) ?? end),
  };
}

/** Where sentences of these lengths, each at least 1, stand. */
export function packedSide(lengths: readonly { readonly length: number }[]): PackedSide {
  const lengthOf = (sentence: number) => lengths[sentence]?.length as number;
  const sentences = Int32Array.from(lengths.keys()).sort((a, b) => lengthOf(b) - lengthOf(a) || a - b);
  return { sentences, layout: sequenceLayout(sentences.map(lengthOf)) };
}

/** The ids of every sentence at every step: [layout.rows]. */
export function packedIds({ layout, sentences }: PackedSide, idAt: (sentence: number, step: number) => number): Int32Array {
  const ids = new Int32Array(layout.rows);
  for (let column = 0; column < sentences.length; column++) {
    const sentence = sentences[column] as number;
    for (let step = 0; step < (layout.lengths[column] as number); step++) {
      ids[(layout.offsets[step] as number) + column] = idAt(sentence, step);
    }
  }
  return ids;
}

/** What stands at the rows of every sentence, by its number. */
export function bySentence<Values extends Float32Array | Float64Array>({ layout, sentences }: PackedSide, byRow: Values): Values[] {
  const values = new Array<Values>(sentences.length);
  for (let column = 0; column < sentences.length; column++) {
    const ofSentence = byRow.slice(0, layout.lengths[column]) as Values;
    for (let step = 0; step < ofSentence.length; step++) ofSentence[step] = byRow[(layout.offsets[step] as number) + column] as number;
    values[sentences[column] as number] = ofSentence;
  }
  return values;
}

/** The column of each sentence. */
export function inverse(sentences: Int32Array): Int32Array {
  const columns = new Int32Array(sentences.length);
  for (let column = 0; column < sentences.length; column++) columns[sentences[column] as number] = column;
  return columns;
}
