import { resolveDecodingOptions } from '../../decoding/options.js';
import type { Runtime } from '../../parallel/runtime.js';
import { type BenchDecoderOptions, type BenchDecoderResult, benchDecoder } from './bench-decoder.js';
import { benchPairs, benchShape, rounded } from './bench-shapes.js';

export interface BenchTranslateOptions extends BenchDecoderOptions {
  readonly config: string;
  /** 1 is greedy search. */
  readonly beam: number;
}

export interface BenchTranslateResult extends BenchDecoderResult {
  readonly config: string;
  readonly beam: number;
  /** Sentences that share every step, on each device. */
  readonly batchSentences: number;
  /** Tokens of the best translations, `</s>` counted. */
  readonly targetTokensPerSecond: number;
  readonly sentencesPerSecond: number;
}

/** Translates random sentences with a random network, every translation of full length. */
export async function benchTranslate(
  runtime: Runtime,
  { config, beam, ...options }: BenchTranslateOptions,
  peakRssBytes: () => number,
): Promise<BenchTranslateResult> {
  const shape = benchShape(config);
  const sentences = benchPairs(shape);
  const length = shape.length - 1;
  const search = resolveDecodingOptions({ beam, minimumLength: length, maximumLength: length });
  const { tokens, ...result } = await benchDecoder(runtime, shape, { sentences, options: search }, options, peakRssBytes);
  const perSecond = (count: number) => (result.devices * count * 1000) / result.batchMs;
  return {
    config,
    beam,
    ...result,
    batchSentences: sentences.length,
    targetTokensPerSecond: Math.round(perSecond(tokens)),
    sentencesPerSecond: rounded(perSecond(sentences.length), 1),
  };
}
