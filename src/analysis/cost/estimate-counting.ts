import { idBytes } from '../../data/corpus-cache.js';
import { createModel } from '../../models/create.js';
import type { Configuration } from '../../training/configuration.js';
import { type CorpusEstimate, type ModelEstimate, vocabulariesOf } from './estimate.js';
import { corpusBytes, mebibytes, runtimeMiB } from './peak-memory.js';

/** What it takes to train a model that is counted. */
export interface CountingEstimate extends Pick<ModelEstimate, 'parameters' | 'parts'> {
  /** Different n-grams of each order, about. */
  readonly ngrams: readonly number[];
  /** Its tables. */
  readonly tablesMiB: number;
  /** What counting and smoothing hold besides. */
  readonly countingMiB: number;
  readonly corpusMiB: number;
  /** Node.js and libraries. */
  readonly runtimeMiB: number;
  readonly totalMiB: number;
}

/**
 * Bytes of a stretch of text that is counted, sorted and put into a file (of n-grams of order 8), and bytes for every n-gram while it
 * is smoothed and its tables are moved, measured on up to 7 million n-grams until garbage is collected.
 */
const countingBytes = { stretch: 100 * 1024 ** 2, ngram: 80 } as const;

/** Of a corpus whose n-grams were estimated with it. */
export function estimateCounting(configuration: Configuration, corpus: CorpusEstimate): CountingEstimate {
  const { model } = configuration;
  const { vocabularies = vocabulariesOf(configuration), ngrams: [, ...longer] = [] } = corpus;
  const ngrams = [vocabularies.target, ...longer];
  if (model.kind !== 'ngram') throw new Error('a model that is not made of n-grams');
  const { parameters: store } = createModel({ ...model, ngrams }, vocabularies);
  const orders = new Map<string, number>();
  for (const { name, size } of store) {
    const [order = ''] = name.split('.');
    orders.set(order, (orders.get(order) ?? 0) + size);
  }
  const all = ngrams.reduce((sum, count) => sum + count, 0);
  const tokens = corpus.pairs * corpus.targetTokensPerPair;
  const parts = {
    tablesMiB: mebibytes(4 * store.count),
    countingMiB: mebibytes(countingBytes.stretch + countingBytes.ngram * all),
    corpusMiB: mebibytes(corpusBytes({ pairs: corpus.pairs, tokens }, idBytes(vocabularies.target))),
    runtimeMiB: runtimeMiB.alone,
  };
  return {
    parameters: store.count,
    parts: Array.from(orders, ([name, parameters]) => ({ name, parameters })),
    ngrams,
    ...parts,
    totalMiB: Object.values(parts).reduce((sum, size) => sum + size, 0),
  };
}
