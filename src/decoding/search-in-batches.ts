import { searchLimits, sharedBatches } from './batches.js';
import { type DecodingControl, type DecodingExecutor, inTurn } from './executor.js';
import type { BatchLimits } from './options.js';
import { longestTranslation, rowsPerSentence, type SearchOptions, type SearchProgress, type SearchSentence } from './search.js';
import type { Hypothesis } from './search-rows.js';

export interface BatchedSearch {
  readonly sentences: readonly SearchSentence[];
  readonly options: SearchOptions;
  readonly batch: BatchLimits;
  readonly signal: AbortSignal;
  /** Called when a batch has failed, so that `signal` ends the others. */
  readonly stop: (reason: unknown) => void;
  /** How far a batch of so many sentences is. */
  readonly onProgress: (progress: SearchProgress & { readonly sentences: number }) => void;
  /** Takes what was found for the sentences at these positions, in their order. */
  readonly take: (positions: readonly number[], found: readonly (readonly Hypothesis[])[]) => Promise<void>;
}

/** Searches any number of sentences: batches of like length, on all devices. */
export async function searchInBatches(executor: DecodingExecutor, search: BatchedSearch): Promise<void> {
  const { sentences, options, batch, signal, stop, onProgress, take } = search;
  const rows = rowsPerSentence(options);
  // A text without a source is as long as what it begins with, and costs what it becomes.
  const lengths = sentences.map(({ source, prefix = [] }) => (options.continuation === undefined ? source.length : prefix.length + 1));
  const work = sentences.map((sentence) =>
    options.continuation === undefined ? sentence.source.length : longestTranslation(sentence, options),
  );
  const decoder = await executor.decoderFor(rows * work.reduce((sum, length) => sum + length, 0), signal);
  signal.throwIfAborted();
  const limits = searchLimits(batch, decoder.memory, sentences, options);
  const searchBatch = async (positions: readonly number[]) => {
    const control: DecodingControl = { signal, onProgress: (progress) => onProgress({ ...progress, sentences: positions.length }) };
    const found = await decoder.search(
      positions.map((position) => sentences[position] as SearchSentence),
      options,
      control,
    );
    await take(positions, found);
  };
  await inTurn(sharedBatches(lengths, limits, decoder.devices, rows), decoder.devices, searchBatch, stop);
}
