import { operationsOf, productsOfUpdate, type ShapeOfUpdate } from '../../analysis/cost/update-products.js';
import { DecadeError } from '../../core/errors.js';
import type { MatrixProvider } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import { ForeignInterface } from '../foreign.js';
import { peakGflops } from '../machine-code/processor.js';
import { timeProducts } from './calibration.js';
import { processorClock } from './processor-clock.js';
import { nativeProviders } from './providers.js';

export interface BenchProductsOptions {
  /** Names of `updateNames`. */
  readonly configs: readonly string[];
  /** Only this library. Default: all. */
  readonly gemm?: string | undefined;
  /** How long to measure the products of each network. */
  readonly seconds: number;
}

/** GFLOP/s of one thread, in processor time, by the name of the library. */
export type Rates = Readonly<Record<string, number>>;

export interface BenchProductsResult {
  /** GFLOP/s of one thread that only multiplies and adds in registers; absent where that cannot be measured. */
  readonly limit?: number;
  readonly networks: readonly {
    readonly config: string;
    /** Of the products of an update. */
    readonly operations: number;
    readonly shapes: readonly (ShapeOfUpdate & {
      /** Of the operations of the update. */
      readonly fraction: number;
      readonly gflops: Rates;
    })[];
    /** Over all products of the update, each as often as it occurs. */
    readonly gflops: Rates;
    /** Of `limit`. */
    readonly fractionOfLimit?: Rates;
  }[];
}

/** About two milliseconds: small products come one after another in an update, too, as those of a recurrence do. */
const leastOperations = 2e8;

/** Times the products of an update of each network, shape by shape, with each library and with decade's own. */
export async function benchProducts(
  memory: Memory,
  webAssembly: MatrixProvider,
  { configs, gemm, seconds }: BenchProductsOptions,
): Promise<BenchProductsResult> {
  const updates = configs.map((config) => ({ config, shapes: productsOfUpdate(config) }));
  const foreign = await ForeignInterface.load();
  const isNative = foreign instanceof ForeignInterface;
  const limit = isNative ? (peakGflops('avx512', foreign) ?? peakGflops('avx2', foreign)) : undefined;
  const native = await nativeProviders(memory, gemm);
  const providers = gemm === undefined || gemm === 'auto' || gemm === 'webassembly' ? [...native, webAssembly] : native;
  if (providers.length === 0) {
    throw new DecadeError('resource', { where: 'gemm', received: `${gemm} cannot be used here`, next: 'run `decade doctor` to see why' });
  }
  const clock = isNative ? processorClock(foreign) : () => performance.now();
  try {
    const networks = updates.map(({ config, shapes }) => {
      const times = timeProducts(memory, providers, shapes, { milliseconds: 1000 * seconds, clock, leastOperations });
      const operations = shapes.reduce((sum, shape) => sum + operationsOf(shape), 0);
      const rates = (rate: (milliseconds: readonly number[]) => number): Rates =>
        Object.fromEntries(providers.map(({ name }, at) => [name, Math.round(10 * rate(times[at] as number[])) / 10]));
      const whole = (milliseconds: readonly number[]) =>
        operations / shapes.reduce((sum, { count }, at) => sum + count * (milliseconds[at] as number), 0) / 1e6;
      const gflops = rates(whole);
      return {
        config,
        operations,
        shapes: shapes.map((shape, at) => ({
          ...shape,
          fraction: operationsOf(shape) / operations,
          gflops: rates((milliseconds) => operationsOf(shape) / shape.count / (milliseconds[at] as number) / 1e6),
        })),
        gflops,
        ...(limit !== undefined && {
          fractionOfLimit: Object.fromEntries(
            Object.entries(gflops).map(([name, rate]) => [name, Math.round((1000 * rate) / limit) / 1000]),
          ),
        }),
      };
    });
    return { ...(limit !== undefined && { limit: Math.round(10 * limit) / 10 }), networks };
  } finally {
    for (const provider of native) provider.dispose();
  }
}
