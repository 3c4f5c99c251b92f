import type { IdPair } from '../../data/batch.js';
import { type RowRanges, rowRanges } from '../../tensor/layout.js';
import type { SpecialIds } from '../../text/tokenizer.js';
import { emptySource } from '../sources.js';

/** Sentences as a Transformer reads them: one after another, without padding (see `RowRanges`). */
export interface PackedTokens {
  readonly ranges: RowRanges;
  /** [ranges.rows] */
  readonly ids: Int32Array;
  /** Where each token stands in its sentence: [ranges.rows] */
  readonly positions: Int32Array;
}

/** Packs sentences; that of each begins at a position of its own where it goes on with something. */
export function packTokens(sentences: readonly (readonly number[])[], begins?: ArrayLike<number>): PackedTokens {
  const ranges = rowRanges(sentences.map(({ length }) => length));
  const positions = sentences.flatMap((ids, sentence) => ids.map((_, place) => (begins?.[sentence] ?? 0) + place));
  return { ranges, ids: Int32Array.from(sentences.flat()), positions: Int32Array.from(positions) };
}

/** What is read of each source, `end` behind it if there is one. Throws `input` for an empty sentence, naming its number. */
export function sourceIds(sentences: readonly { readonly source: ArrayLike<number> }[], end: number | undefined): number[][] {
  return sentences.map(({ source }, sentence) => {
    if (source.length === 0) throw emptySource(sentence);
    return end === undefined ? Array.from(source) : [...Array.from(source), end];
  });
}

/** What the network is given of each target: `<s>`, or what came before, first. */
export function givenIds(pairs: readonly IdPair[], { begin }: SpecialIds): number[][] {
  return pairs.map(({ before = begin, target, ends = true }) => [before, ...Array.from(target).slice(0, ends ? undefined : -1)]);
}

/** What it must predict from that: `</s>` last, where the target ends. */
export function nextIds(pairs: readonly IdPair[], { end }: SpecialIds): number[][] {
  return pairs.map(({ target, ends = true }) => [...Array.from(target), ...(ends ? [end] : [])]);
}

/** The first pair of each key, and for each pair the place of the one whose source it shares. */
export function distinctSources(pairs: readonly IdPair[]): { firsts: IdPair[]; sourceOf: Int32Array } {
  const places = new Map<number, number>();
  const firsts: IdPair[] = [];
  const sourceOf = Int32Array.from(pairs, (pair) => {
    const place = places.get(pair.key) ?? firsts.push(pair) - 1;
    places.set(pair.key, place);
    return place;
  });
  return { firsts, sourceOf };
}

/** These ranges, each as often and in the order in which they are named. */
export function chosenRanges({ starts, lengths, rows }: RowRanges, chosen: Int32Array): RowRanges {
  const of = (values: Int32Array) => chosen.map((range) => values[range] as number);
  return { starts: of(starts), lengths: of(lengths), rows };
}

/** What stands at the rows of each sentence. */
export function byRange({ starts, lengths }: RowRanges, values: Float32Array): Float32Array[] {
  return Array.from(starts, (start, sentence) => values.slice(start, start + (lengths[sentence] as number)));
}

/** Sentences of one set, each of which goes on with that of another, as rows of one set stacked on the other. */
export interface JoinedTokens extends Omit<PackedTokens, 'ids'> {
  /** Of each joined row, where it is among those of the first set followed by those of the second. */
  readonly order: Int32Array;
  /** The joined row of each row of the second set. */
  readonly seconds: Int32Array;
}

export function join(first: PackedTokens, second: PackedTokens): JoinedTokens {
  const ranges = rowRanges(first.ranges.lengths.map((length, sentence) => length + (second.ranges.lengths[sentence] as number)));
  const order = new Int32Array(ranges.rows);
  const seconds = new Int32Array(second.ranges.rows);
  ranges.starts.forEach((start, sentence) => {
    const length = first.ranges.lengths[sentence] as number;
    for (let place = 0; place < (ranges.lengths[sentence] as number); place++) {
      const isFirst = place < length;
      const row = isFirst ? (first.ranges.starts[sentence] as number) + place : (second.ranges.starts[sentence] as number) + place - length;
      order[start + place] = isFirst ? row : first.ranges.rows + row;
      if (!isFirst) seconds[row] = start + place;
    }
  });
  const stacked = [...first.positions, ...second.positions];
  return { ranges, positions: order.map((row) => stacked[row] as number), order, seconds };
}
