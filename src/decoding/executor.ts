import type { DecodingMemory } from '../models/model.js';
import type { Hypothesis } from './search-rows.js';
import type { TargetScore, ScoringPair } from './score-batch.js';
import type { SearchControl, SearchOptions, SearchSentence } from './search.js';

/** What a caller may say about a batch that is under way, on whatever device. */
export interface DecodingControl extends Pick<SearchControl, 'onProgress'> {
  readonly signal?: AbortSignal | undefined;
}

/** What searches and scores batches, as many at the same time as it has devices. */
export interface BatchDecoder {
  /** Batches that are worked on at the same time; more wait. */
  readonly devices: number;
  /** What a search holds on the device that it is on. */
  readonly memory: DecodingMemory;
  /** As `search`. */
  search(sentences: readonly SearchSentence[], options: SearchOptions, control?: DecodingControl): Promise<Hypothesis[][]>;
  /** The log-probability of every pair of one batch, in their order. */
  score(pairs: readonly ScoringPair[], control?: Pick<DecodingControl, 'signal'>): Promise<TargetScore[]>;
}

/**
 * Where one model, or several that vote, are searched and scored with: this thread's device, or many. Whoever makes batches
 * sees no more than this, and which device a batch is handed to changes no result but by rounding.
 */
export interface DecodingExecutor {
  /**
   * What is best used when so many rows are to be computed (tokens, those of a search counted once for every hypothesis).
   * Starts devices when there is enough for them to do; `signal` ends the waiting for them.
   */
  decoderFor(rows: number, signal?: AbortSignal): Promise<BatchDecoder>;
  /** Ends its devices and gives back what they made of the weights. The model is its owner's to release. */
  dispose(): Promise<void>;
}

/**
 * Does `work` on every item, `concurrency` at a time, begun in their order. After a failure nothing new is begun; it is thrown
 * when all that was begun has ended, so that nobody is left using what the caller then releases. `stop` is called at once.
 */
export async function inTurn<Item>(
  items: Iterable<Item>,
  concurrency: number,
  work: (item: Item) => Promise<void>,
  stop: (reason: unknown) => void = () => {},
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const worker = async () => {
    while (failures.length === 0) {
      const next = iterator.next();
      if (next.done) return;
      try {
        await work(next.value);
      } catch (reason) {
        failures.push(reason);
        stop(reason);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (failures.length > 0) throw failures[0];
}
