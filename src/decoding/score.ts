import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { type ItemKind, requireList } from '../core/lists.js';
import { predictedTokens } from '../data/batch.js';
import { sharedBatches } from './batches.js';
import { turns } from '../core/event-loop.js';
import { type DecodingExecutor, inTurn } from './executor.js';
import { resolveOptions } from '../core/options.js';
import { type BatchLimits, decodingOptions } from './options.js';
import type { TargetScore, ScoringPair } from './score-batch.js';
import { encodeLine, lineLimit } from './source-line.js';
import type { TranslationTokenizers } from './translation-model.js';

export interface ScoreOptions {
  readonly signal?: AbortSignal | undefined;
  /** Tokens are those of the longer side here. */
  readonly batch?: Partial<BatchLimits>;
  /** A side of more tokens is cut there, with a warning. Default: 1,000. */
  readonly maximumLength?: number | undefined;
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

const scoreOptions = z.strictObject({
  batch: decodingOptions.shape.batch,
  maximumLength: decodingOptions.shape.maximumSourceLength,
});

/** The options with their defaults. Throws `usage` for a key or a value that is not allowed. */
function resolveScoreOptions({ signal, onProgress, ...options }: ScoreOptions) {
  return { ...resolveOptions(scoreOptions, options, 'score options', ['signal', 'onProgress']), signal, onProgress };
}

/** The log-probability of every pair, in their order: batches of like length, on all devices. */
export async function score(executor: DecodingExecutor, pairs: readonly ScoringPair[], options: ScoreOptions = {}): Promise<TargetScore[]> {
  const { batch, signal, onProgress } = resolveScoreOptions(options);
  const scores = new Array<TargetScore>(pairs.length);
  const lengths = pairs.map((pair) => Math.max(pair.source.length, predictedTokens(pair)));
  const decoder = await executor.decoderFor(
    lengths.reduce((sum, length) => sum + length, 0),
    signal,
  );
  const turn = turns();
  let done = 0;
  await inTurn(sharedBatches(lengths, batch, decoder.devices), decoder.devices, async (positions) => {
    await turn();
    signal?.throwIfAborted();
    const found = await decoder.score(
      positions.map((position) => pairs[position] as ScoringPair),
      { signal },
    );
    for (const [index, position] of positions.entries()) scores[position] = found[index] as TargetScore;
    done += positions.length;
    onProgress?.({ done, total: pairs.length });
  });
  return scores;
}

const linePair: ItemKind = {
  is: (pair) =>
    typeof pair === 'object' &&
    pair !== null &&
    'source' in pair &&
    'target' in pair &&
    typeof pair.source === 'string' &&
    typeof pair.target === 'string',
  name: '{ source, target }, both text',
};

export interface LineScore extends TargetScore {
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
  { sourceTokenizer, targetTokenizer, model }: TranslationTokenizers,
  executor: DecodingExecutor,
  pairs: readonly { readonly source: string; readonly target: string }[],
  options: ScoreOptions = {},
): Promise<LineScore[]> {
  requireList('pairs', pairs, linePair);
  const { maximumLength } = resolveScoreOptions(options);
  const limit = (room?: number) => lineLimit(maximumLength, 'maximumLength (--max-length)', room);
  const limits = model?.lengthLimits;
  const encoded = pairs.map((pair, index) => {
    const line = index + 1;
    const source = encodeLine(sourceTokenizer, pair.source, line, limit(limits?.source), 'source');
    const room = limits && limits.target(source.ids.length) - 1;
    return { line, source, target: encodeLine(targetTokenizer, pair.target, line, limit(room), 'target') };
  });
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

/** A log-probability, which that of a model whose weights are no numbers is not. */
export function requireLogProbability(logProbability: number, where: string): number {
  if (!Number.isNaN(logProbability)) return logProbability;
  throw new DecadeError('numeric', {
    where,
    received: 'a log-probability that is not a number',
    allowed: 'numbers, or -Infinity',
    next: 'check that the loss of the model was not NaN',
  });
}
