import { operationsOf, productsOfUpdate, type ShapeOfUpdate } from '../../analysis/cost/update-products.js';
import { DecadeError } from '../../core/errors.js';
import type { MatrixProvider } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import { ForeignInterface } from '../foreign.js';
import { peakGflops } from '../machine-code/processor.js';
import { timeProducts } from './calibration.js';
import { processorClock } from './processor-clock.js';
import { nativeProviders } from './providers.js';

/** GFLOP/s of one thread, in processor time, by the name of the library; or fractions. */
export type Rates = Readonly<Record<string, number>>;

/** The products of an update of one network. */
export interface UpdateRates {
  readonly config: string;
  /** Additions and multiplications of the update. */
  readonly operations: number;
  readonly shapes: readonly (ShapeOfUpdate & {
    /** Of the operations of the update. */
    readonly fraction: number;
    readonly gflops: Rates;
  })[];
  /** Over all products of the update, each as often as it occurs. */
  readonly gflops: Rates;
  /** Of the processor's limit, where that is known. */
  readonly fractionOfLimit?: Rates;
}

/** About two milliseconds: small products come one after another in an update, too, as those of a recurrence do. */
const leastOperations = 2e8;

/** Times the products of updates, shape by shape, with each library and with decade's own. */
export class ProductBench {
  /** GFLOP/s of one thread that only multiplies and adds in registers; undefined where that cannot be measured. */
  readonly limit: number | undefined;
  readonly #memory: Memory;
  readonly #native: readonly MatrixProvider[];
  readonly #providers: readonly MatrixProvider[];
  readonly #clock: () => number;

  private constructor(memory: Memory, native: readonly MatrixProvider[], providers: readonly MatrixProvider[], foreign: unknown) {
    this.#memory = memory;
    this.#native = native;
    this.#providers = providers;
    const isNative = foreign instanceof ForeignInterface;
    this.#clock = isNative ? processorClock(foreign) : () => performance.now();
    this.limit = isNative ? (peakGflops('avx512', foreign) ?? peakGflops('avx2', foreign)) : undefined;
  }

  /**
   * @param gemm  only this library; default: all that are here
   * @throws DecadeError `usage` when it is unknown, `resource` when it is not here
   */
  static async open(memory: Memory, webAssembly: MatrixProvider, gemm = 'auto'): Promise<ProductBench> {
    const native = await nativeProviders(memory, gemm);
    const providers = gemm === 'auto' || gemm === 'webassembly' ? [...native, webAssembly] : native;
    if (providers.length === 0) {
      throw new DecadeError('resource', { where: 'gemm', received: `${gemm} cannot be used here`, next: 'run `decade doctor` to see why' });
    }
    return new ProductBench(memory, native, providers, await ForeignInterface.load());
  }

  /** @throws DecadeError `usage` for a network that is not in `updateNames` */
  measure(config: string, seconds: number): UpdateRates {
    const shapes = productsOfUpdate(config);
    const measurement = { milliseconds: 1000 * seconds, clock: this.#clock, leastOperations };
    const times = timeProducts(this.#memory, this.#providers, shapes, measurement);
    const operations = shapes.reduce((sum, shape) => sum + operationsOf(shape), 0);
    const rates = (rate: (milliseconds: readonly number[]) => number): Rates =>
      Object.fromEntries(this.#providers.map(({ name }, at) => [name, rounded(rate(times[at] as number[]), 1)]));
    const ofAll = (milliseconds: readonly number[]) =>
      operations / shapes.reduce((sum, { count }, at) => sum + count * (milliseconds[at] as number), 0) / 1e6;
    const gflops = rates(ofAll);
    const { limit } = this;
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
        fractionOfLimit: Object.fromEntries(Object.entries(gflops).map(([name, rate]) => [name, rounded(rate / limit, 3)])),
      }),
    };
  }

  dispose(): void {
    for (const provider of this.#native) provider.dispose();
  }
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
