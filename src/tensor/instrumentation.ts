import type { Device } from './device.js';
import type { LoadedKernels } from './kernels/load.js';
import { type MatrixProduct, type MatrixProvider, MatrixWrapper, type PackedMatrix, productOf, type RightMatrix } from './matrix.js';
import { operationsOf, type SmallProduct, type SmallProducts } from './small-products.js';

/** A product again as it was made, or without a packed copy of its weights. */
interface RecordedProduct {
  readonly asMade: () => void;
  readonly plain: () => void;
}

/**
 * The exact list of matrix products of a stretch of work, from the start until `stop`, to be run again by itself: what a faster engine could
 * at best take. What comes after `stop` runs as without a recorder.
 */
export class ProductRecorder {
  readonly device: Device;
  /** Multiplications and additions of the recorded products. */
  operations = 0;
  readonly #provider: RecordedProvider;
  readonly #products: RecordedProduct[] = [];

  constructor(device: Device) {
    this.#provider = new RecordedProvider(device.matrix, (...product) => this.#record(...product));
    this.device = { ...device, matrix: this.#provider };
  }

  stop(): void {
    this.#provider.recording = false;
  }

  /**
   * Runs the recorded products on whatever values stand in the memory now: as they were made, packing included, or each
   * as a plain product of two matrices.
   */
  replay(products: keyof RecordedProduct): void {
    for (const product of this.#products) product[products]();
  }

  #record(operations: number, asMade: () => void, plain: () => void): void {
    this.operations += operations;
    this.#products.push({ asMade, plain });
  }
}

type RecordProduct = (operations: number, asMade: () => void, plain: () => void) => void;

class RecordedProvider extends MatrixWrapper {
  recording = true;
  readonly #small: SmallProducts | undefined;
  readonly #record: RecordProduct;

  constructor(below: MatrixProvider, record: RecordProduct) {
    super(below);
    this.#small = below.small && recordedSmall(below.small, record);
    this.#record = record;
  }

  override get small(): SmallProducts | undefined {
    return this.recording ? this.#small : this.below.small;
  }

  override multiply(product: MatrixProduct): void {
    if (!this.recording) {
      this.below.multiply(product);
      return;
    }
    const again = () => this.below.multiply(product);
    this.#record(2 * product.m * product.n * product.k, again, again);
    again();
  }

  override pack(right: RightMatrix): PackedMatrix {
    let packed = this.below.pack(right);
    if (!this.recording) return packed;
    const nothing = () => undefined;
    const packAgain = () => {
      packed = this.below.pack(right);
    };
    this.#record(0, packAgain, nothing);
    return {
      multiply: (product) => {
        const asMade = () => packed.multiply(product);
        this.#record(2 * product.m * right.n * right.k, asMade, () => this.below.multiply(productOf(right, product)));
        asMade();
      },
      release: () => {
        const asMade = () => packed.release();
        this.#record(0, asMade, nothing);
        asMade();
      },
    };
  }
}

/** Small products are plain as they are made; what is transposed for them counts as packing. */
function recordedSmall(below: SmallProducts, record: RecordProduct): SmallProducts {
  let list: SmallProduct[] = [];
  return {
    panelColumns: below.panelColumns,
    add(product) {
      list.push(product);
      below.add(product);
    },
    run() {
      const products = list;
      list = [];
      const again = () => {
        for (const product of products) below.add(product);
        below.run();
      };
      const operations = products.reduce((sum, product) => sum + operationsOf(product), 0);
      record(operations, again, again);
      below.run();
    },
    transpose(...given) {
      const again = () => below.transpose(...given);
      record(0, again, () => undefined);
      again();
    },
  };
}

/** Milliseconds by kernel, the matrix products under `products`. */
export type KernelTimes = Map<string, number>;

/** What adds milliseconds to those of a name. */
export function adding(profile: KernelTimes, name: string): (milliseconds: number) => void {
  return (milliseconds) => profile.set(name, (profile.get(name) ?? 0) + milliseconds);
}

/** A device that adds the time of every kernel and product to `profile`. Costs about a tenth of a microsecond a call. */
export function profiled(device: Device, profile: KernelTimes): Device {
  const timed = <Arguments extends unknown[], Result>(name: string, run: (...given: Arguments) => Result) => {
    const add = adding(profile, name);
    return (...given: Arguments): Result => {
      const start = performance.now();
      const result = run(...given);
      add(performance.now() - start);
      return result;
    };
  };
  const kernels = Object.fromEntries(
    Object.entries(device.kernels).map(([name, kernel]) => [
      name,
      typeof kernel === 'function' ? timed(name, kernel as (...given: number[]) => number) : kernel,
    ]),
  ) as unknown as LoadedKernels;
  return { ...device, kernels, matrix: new TimedProvider(device.matrix, timed) };
}

type Timed = <Arguments extends unknown[], Result>(name: string, run: (...given: Arguments) => Result) => (...given: Arguments) => Result;

class TimedProvider extends MatrixWrapper {
  readonly #small: SmallProducts | undefined;
  override readonly multiply: MatrixProvider['multiply'];
  override readonly pack: MatrixProvider['pack'];

  constructor(below: MatrixProvider, timed: Timed) {
    super(below);
    const { small } = below;
    this.multiply = timed('products', (product: MatrixProduct) => below.multiply(product));
    this.#small = small && {
      panelColumns: small.panelColumns,
      add: (product) => small.add(product),
      run: timed('products of attention', () => small.run()),
      transpose: timed('packing', (...given: Parameters<SmallProducts['transpose']>) => small.transpose(...given)),
    };
    this.pack = timed('packing', (right: RightMatrix) => {
      const packed = below.pack(right);
      return { multiply: timed('products', packed.multiply.bind(packed)), release: () => packed.release() };
    });
  }

  override get small(): SmallProducts | undefined {
    return this.#small;
  }
}
