import { LocalDecodingExecutor } from '../../decoding/local-executor.js';
import { resolveDecodingOptions } from '../../decoding/options.js';
import { sharedModel } from '../../parallel/decoding/messages.js';
import { ElasticDecodingExecutor } from '../../parallel/decoding/elastic.js';
import type { Runtime } from '../../parallel/runtime.js';
import { benchModel, benchPairs, benchShape, elapsed, median, rounded } from './bench-shapes.js';

export interface BenchTranslateOptions {
  readonly config: string;
  /** 1 is greedy search. */
  readonly beam: number;
  /** How long to measure. */
  readonly seconds: number;
  readonly gemm?: string | undefined;
  /** Every device searches a batch of its own, all at the same time. Default: 1. */
  readonly devices?: number | undefined;
}

export interface BenchTranslateResult {
  readonly config: string;
  readonly beam: number;
  readonly devices: number;
  readonly gemm: string;
  readonly kernels: string;
  /** Sentences that share every step, on each device. */
  readonly batchSentences: number;
  /** Median time of a batch on every device. */
  readonly batchMs: number;
  /** Tokens of the best translations, `</s>` counted. */
  readonly targetTokensPerSecond: number;
  readonly sentencesPerSecond: number;
  readonly peakRssMiB: number;
}

/** Translates random sentences with a random network, every translation of full length. */
export async function benchTranslate(
  runtime: Runtime,
  options: BenchTranslateOptions,
  peakRssBytes: () => number,
): Promise<BenchTranslateResult> {
  const { config, beam, seconds, gemm, devices = 1 } = options;
  const shape = benchShape(config);
  const { memory, model, modelOptions } = benchModel(shape);
  const device = await runtime.openDevice(memory, { gemm });
  const executor = new ElasticDecodingExecutor({
    runtime,
    local: LocalDecodingExecutor.of(device, [model]),
    members: [sharedModel(model, modelOptions, memory)],
    gemm,
    devices,
    rowCost: 1,
    worthStarting: 0,
    worthUsing: 0,
  });
  try {
    const sentences = benchPairs(shape);
    const length = shape.length - 1;
    const searchOptions = resolveDecodingOptions({ beam, minimumLength: length, maximumLength: length });
    const decoder = await executor.decoderFor(1);
    const translate = async () => {
      await Promise.all(Array.from({ length: devices }, () => decoder.search(sentences, searchOptions)));
    };
    await translate();
    const times: number[] = [];
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end || times.length < 3) times.push(await elapsed(translate));
    const batchMs = median(times);
    return {
      config,
      beam,
      devices,
      gemm: device.matrix.name,
      kernels: device.kernels.variant,
      batchSentences: sentences.length,
      batchMs: rounded(batchMs, 2),
      targetTokensPerSecond: Math.round((devices * sentences.length * shape.length * 1000) / batchMs),
      sentencesPerSecond: rounded((devices * sentences.length * 1000) / batchMs, 1),
      peakRssMiB: Math.round(peakRssBytes() / 1024 ** 2),
    };
  } finally {
    await executor.dispose();
    device.matrix.dispose();
  }
}
