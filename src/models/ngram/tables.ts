import type { ParameterStore } from '../../nn/parameters.js';
import type { NgramOptions } from './options.js';

/**
 * The n-grams of one order, sorted by their tokens from the first to the last: an n-gram is known by its place among them. All are
 * 32-bit floats, like the parameters of any model; ids and places are whole numbers, which a float holds up to 2^24.
 */
export interface NgramTable {
  /** The last token of each; undefined for unigrams, of which there is one for every token in the order of their ids. */
  readonly tokens: Float32Array | undefined;
  /** Of the last token given those before it: natural logarithms, interpolated with all lower orders. */
  readonly logProbabilities: Float32Array;
  /** Its place one order lower without its first token; undefined for unigrams. */
  readonly shorter: Float32Array | undefined;
  /** What precedes the lower order's log-probability of a token that never followed it; undefined for the highest order. */
  readonly backOffs: Float32Array | undefined;
  /** Where the n-grams that extend it by a token begin, one order higher, and after the last where they end; undefined as above. */
  readonly extensions: Float32Array | undefined;
}

/** Most n-grams of one order. */
export const mostNgrams = 2 ** 24;

/** SRILM and KenLM write this for what never occurs: 10^-99. */
export const impossible = -99 * Math.LN10;

/** The columns of all tables, by `tableName`: before a model has them in its memory. */
export type NgramTables = ReadonlyMap<string, Int32Array | Float32Array>;

/** Bytes of the tables of so many n-grams of each order. */
export function tableBytes(ngrams: readonly number[]): number {
  return 4 * Array.from(tableShapes(ngrams).values()).reduce((sum, size) => sum + size, 0);
}

/** Names and sizes of all tables. */
export function tableShapes(ngrams: readonly number[]): ReadonlyMap<string, number> {
  return new Map(
    ngrams.flatMap((count, index) => {
      const order = index + 1;
      const sizes: Partial<Record<Column, number>> = {
        ...(order > 1 && { tokens: count }),
        logProbabilities: count,
        ...(order > 1 && { shorter: count }),
        ...(order < ngrams.length && { backOffs: count, extensions: count + 1 }),
      };
      return Object.entries(sizes).map(([column, size]): [string, number] => [tableName(order, column as Column), size]);
    }),
  );
}

type Column = keyof NgramTable;

/** `2-grams.logProbabilities` */
export function tableName(order: number, column: Column): string {
  return `${order}-grams.${column}`;
}

/** Declares the tables as parameters. Before they are filled, every token is equally likely. */
export function declareTables(store: ParameterStore, { ngrams = [] }: NgramOptions): void {
  const zeros = store.section({ side: 'target', initial: { kind: 'constant', value: 0 } });
  const uniform = { kind: 'constant', value: -Math.log(ngrams[0] ?? 1) } as const;
  for (const [name, size] of tableShapes(ngrams)) {
    zeros.declare(name, [size], name === tableName(1, 'logProbabilities') ? { initial: uniform } : {});
  }
}

/** The tables of a store, where its memory has them now. */
export function tablesOf(store: ParameterStore, order: number): NgramTable[] {
  return Array.from({ length: order }, (_, index) => {
    const column = (name: Column) => store.get(tableName(index + 1, name))?.value.f32;
    const logProbabilities = column('logProbabilities');
    if (logProbabilities === undefined) throw new Error('a model whose n-grams have not been counted');
    return {
      tokens: column('tokens'),
      logProbabilities,
      shorter: column('shorter'),
      backOffs: column('backOffs'),
      extensions: column('extensions'),
    };
  });
}
