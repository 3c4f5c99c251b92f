import type { TrainableModel } from '../models/model.js';
import { makeBatch } from '../data/batch.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import { Inference } from '../tensor/tape.js';
import type { DecadeError } from '../core/errors.js';
import { batchesByLength, dividedLimits } from './batches.js';
import { turns } from './event-loop.js';
import { type DecodingExecutor, inTurn } from './executor.js';
import { type BatchLimits, resolveDecodingOptions } from './options.js';
import { encodeLine } from './source-line.js';
import type { TranslationTokenizers } from './translation-model.js';

/** How likely a model finds a target sentence, given its source sentence. */
export interface Score {
  /** Log-probability of each target token given those before, in nats, that of `</s>` last. */
  readonly tokenLogProbabilities: Float32Array;
  /** Their sum. */
  readonly logProbability: number;
}

export interface ScoringPair {
  /** Source ids, at least one. */
  readonly source: ArrayLike<number>;
  /** Target ids without `<s>` and `</s>`. */
  readonly target: ArrayLike<number>;
}

export interface ScoreOptions {
  readonly signal?: AbortSignal | undefined;
  /** Tokens are those of the longer side here. */
  readonly batch?: Partial<BatchLimits>;
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

/** The log-probability of every pair, in their order: batches of like length, on all devices. */
export async function score(
  executor: DecodingExecutor,
  pairs: readonly ScoringPair[],
  { batch: limits = {}, signal, onProgress }: ScoreOptions = {},
): Promise<Score[]> {
  const scores = new Array<Score>(pairs.length);
  const lengths = pairs.map(({ source, target }) => Math.max(source.length, target.length + 1));
  const decoder = await executor.decoderFor(lengths.reduce((sum, length) => sum + length, 0));
  const { batch } = resolveDecodingOptions({ batch: limits });
  const turn = turns();
  let done = 0;
  await inTurn(batchesByLength(lengths, dividedLimits(batch, pairs.length, decoder.devices)), decoder.devices, async (positions) => {
    await turn();
    signal?.throwIfAborted();
    const found = await decoder.score(
      positions.map((position) => pairs[position] as ScoringPair),
      { signal },
    );
    for (const [index, position] of positions.entries()) scores[position] = found[index] as Score;
    done += positions.length;
    onProgress?.({ done, total: pairs.length });
  });
  return scores;
}

/** The log-probability of every pair of a batch, in their order. */
export function scoreBatch(model: TrainableModel, device: Device, pairs: readonly ScoringPair[]): Score[] {
  const scores = new Array<Score>(pairs.length);
  const batch = makeBatch(
    pairs.map((pair, key) => ({ ...pair, key })),
    model.batchOptions,
  );
  const arena = new Arena(device.memory);
  try {
    const pass = { runner: new Inference(new Scope(device, arena)) };
    const values = model.loss(pass, batch, { smoothing: 0, gradientScale: 0 }).logProbabilities.f32;
    const { layout, sentences } = batch.target;
    for (let column = 0; column < layout.sentences; column++) {
      const tokenLogProbabilities = new Float32Array(layout.lengths[column] as number);
      let sum = 0;
      for (let step = 0; step < tokenLogProbabilities.length; step++) {
        const value = values[(layout.offsets[step] as number) + column] as number;
        tokenLogProbabilities[step] = value;
        sum += value;
      }
      scores[sentences[column] as number] = { tokenLogProbabilities, logProbability: sum };
    }
  } finally {
    arena.dispose();
  }
  return scores;
}

export interface LineScore extends Score {
  /** From 1 on. */
  readonly line: number;
  /** Set when a side was too long and was cut: the score is that of the rest. */
  readonly warning: DecadeError | undefined;
}

/**
 * The log-probability of every pair of lines, in their order. A pair with an empty source has none of the model's: 0
 * (certain) when its target is empty too, as an empty line translates to an empty line, else -Infinity.
 */
export async function scoreLines(
  { sourceTokenizer, targetTokenizer }: TranslationTokenizers,
  executor: DecodingExecutor,
  pairs: readonly { readonly source: string; readonly target: string }[],
  options: ScoreOptions & { readonly maximumLength?: number } = {},
): Promise<LineScore[]> {
  const limit = options.maximumLength ?? resolveDecodingOptions().maximumSourceLength;
  const encoded = pairs.map(({ source, target }, index) => ({
    line: index + 1,
    source: encodeLine(sourceTokenizer, source, index + 1, limit, 'source'),
    target: encodeLine(targetTokenizer, target, index + 1, limit, 'target'),
  }));
  const scored = encoded.filter(({ source }) => source.ids.length > 0);
  const scores = await score(
    executor,
    scored.map(({ source, target }) => ({ source: source.ids, target: target.ids })),
    options,
  );
  const byLine = new Map(scored.map(({ line }, index) => [line, scores[index]]));
  return encoded.map(({ line, source, target }) => {
    const logProbability = target.ids.length === 0 ? 0 : -Infinity;
    const found = byLine.get(line) ?? { logProbability, tokenLogProbabilities: new Float32Array(0) };
    return { line, ...found, warning: source.warning ?? target.warning };
  });
}
