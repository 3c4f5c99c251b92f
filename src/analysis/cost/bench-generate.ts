import { DecadeError } from '../../core/errors.js';
import { resolveDecodingOptions } from '../../decoding/options.js';
import type { Runtime } from '../../parallel/runtime.js';
import { type BenchDecoderOptions, type BenchDecoderResult, benchDecoder } from './bench-decoder.js';
import { benchPairs, benchShape, benchShapeNames, rounded } from './bench-shapes.js';

export interface BenchGenerateOptions extends BenchDecoderOptions {
  readonly config: string;
  /** Texts that are written at once on each device. */
  readonly texts: number;
}

export interface BenchGenerateResult extends BenchDecoderResult {
  readonly config: string;
  readonly texts: number;
  readonly promptTokens: number;
  /** Tokens that are written of each text. */
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** Between one token of a text and the next; reading the prompt is divided among all. */
  readonly msPerToken: number;
}

/** Of the context, the prompt; the rest is written. */
const promptShare = 1 / 4;

/** Samples what follows random prompts with a random language model, up to the length of its context. */
export async function benchGenerate(
  runtime: Runtime,
  { config, texts, ...options }: BenchGenerateOptions,
  peakRssBytes: () => number,
): Promise<BenchGenerateResult> {
  const shape = benchShape(config);
  if (shape.sourceVocabulary !== undefined) {
    const allowed = benchShapeNames.filter((name) => benchShape(name).sourceVocabulary === undefined).join(', ');
    throw new DecadeError('usage', { where: '--config', received: `${config}, a translator`, allowed, next: 'or measure bench translate' });
  }
  const promptTokens = Math.max(1, Math.round(promptShare * shape.length));
  const sentences = benchPairs({ ...shape, sentences: texts }).map(({ target }, index) => ({
    source: [],
    prefix: Array.from(target).slice(0, promptTokens),
    line: index + 1,
  }));
  // No text ends before its time.
  const search = {
    ...resolveDecodingOptions({ sample: {} }),
    minimumLength: shape.length,
    maximumLength: shape.length - promptTokens,
    continuation: {},
  };
  const { tokens: all, ...result } = await benchDecoder(runtime, shape, { sentences, options: search }, options, peakRssBytes);
  const tokens = all / texts - promptTokens;
  return {
    config,
    texts,
    promptTokens,
    tokens,
    ...result,
    tokensPerSecond: Math.round((result.devices * texts * tokens * 1000) / result.batchMs),
    msPerToken: rounded(result.batchMs / tokens, 3),
  };
}
