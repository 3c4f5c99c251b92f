import type { Tokenizers } from '../checkpoint/run.js';
import type { Files } from '../core/files.js';
import { type CorpusSource, describeSource, readPairs } from '../data/sources.js';
import { trainTokenizer } from '../text/train-tokenizer.js';
import { type TokenizersOptions, tokenizerOptionsOf } from './configuration.js';

export interface TrainTokenizersOptions {
  readonly files: Files;
  readonly source: CorpusSource;
  readonly options: TokenizersOptions;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (lines: number) => void;
}

/** Trains both sides' tokenizers on a corpus, read once when they share one and once a side otherwise. */
export async function trainTokenizers(request: TrainTokenizersOptions): Promise<Tokenizers> {
  const { options } = request;
  const where = describeSource(request.source);
  if (options.shared) {
    const shared = await trainTokenizer(lines(request, ['source', 'target']), tokenizerOptionsOf(options, 'source'), where);
    return { source: shared, target: shared };
  }
  return {
    source: await trainTokenizer(lines(request, ['source']), tokenizerOptionsOf(options, 'source'), where),
    target: await trainTokenizer(lines(request, ['target']), tokenizerOptionsOf(options, 'target'), where),
  };
}

async function* lines(request: TrainTokenizersOptions, sides: readonly ('source' | 'target')[]): AsyncGenerator<string> {
  let read = 0;
  for await (const pair of readPairs(request.files, request.source)) {
    if (read++ % 1_000 === 0) {
      request.signal?.throwIfAborted();
      request.onProgress?.(read - 1);
    }
    if ('unusable' in pair) continue;
    for (const side of sides) yield pair[side];
  }
}
