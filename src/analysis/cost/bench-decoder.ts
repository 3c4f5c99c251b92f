import { LocalDecodingExecutor } from '../../decoding/local-executor.js';
import type { SearchOptions, SearchSentence } from '../../decoding/search.js';
import { sharedModel } from '../../parallel/decoding/messages.js';
import { ElasticDecodingExecutor } from '../../parallel/decoding/elastic.js';
import type { Runtime } from '../../parallel/runtime.js';
import { type BenchShape, benchModel, elapsed, median, rounded } from './bench-shapes.js';

export interface BenchDecoderOptions {
  /** How long to measure. */
  readonly seconds: number;
  readonly gemm?: string | undefined;
  /** Every device searches a batch of its own, all at the same time. Default: 1. */
  readonly devices?: number | undefined;
}

export interface BenchDecoderResult {
  readonly devices: number;
  readonly gemm: string;
  readonly kernels: string;
  /** Median time of a batch on every device. */
  readonly batchMs: number;
  readonly peakRssMiB: number;
}

/** What was found on one device. */
export interface Searched extends BenchDecoderResult {
  /** Of the best hypotheses, their beginnings and `</s>` counted. */
  readonly tokens: number;
}

/** Searches with a random network, the same sentences on every device, after a first search that does not count. */
export async function benchDecoder(
  runtime: Runtime,
  shape: BenchShape,
  work: { readonly sentences: readonly SearchSentence[]; readonly options: SearchOptions },
  { seconds, gemm, devices = 1 }: BenchDecoderOptions,
  peakRssBytes: () => number,
): Promise<Searched> {
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
    const decoder = await executor.decoderFor(1);
    const search = () => Promise.all(Array.from({ length: devices }, () => decoder.search(work.sentences, work.options)));
    const [found = []] = await search();
    const times: number[] = [];
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end || times.length < 3) times.push(await elapsed(async () => void (await search())));
    return {
      tokens: found.reduce((sum, [best]) => sum + (best?.tokenLogProbabilities.length ?? 0), 0),
      devices,
      gemm: device.matrix.name,
      kernels: device.kernels.variant,
      batchMs: rounded(median(times), 2),
      peakRssMiB: Math.round(peakRssBytes() / 1024 ** 2),
    };
  } finally {
    await executor.dispose();
    device.matrix.dispose();
  }
}
