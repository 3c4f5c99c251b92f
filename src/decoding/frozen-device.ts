import type { StepModel } from '../models/model.js';
import type { Device } from '../tensor/device.js';
import { IntegerProducts } from '../tensor/integer-products.js';
import { KnownProducts } from '../tensor/known-products.js';
import { PackedWeights } from '../tensor/packed-weights.js';

/** A device for models on its memory whose parameters do not change: it keeps packed weights, and products of embeddings. */
export class FrozenDevice {
  readonly device: Device;
  readonly #integers: IntegerProducts;
  readonly #weights: PackedWeights;
  readonly #known: KnownProducts;

  /**
   * The device given stays as it is, also after `dispose`.
   *
   * @param integers  those of the parameters whose matrices are multiplied by in 8-bit integers
   */
  constructor(device: Device, parameters: StepModel['parameters'], integers: StepModel['parameters'] = []) {
    const matrices = Array.from(integers, ({ value }) => value).filter(({ shape }) => shape.length === 2);
    this.#integers = new IntegerProducts(device.matrix, matrices, device);
    // Packed when first used, and then for every batch.
    this.#weights = new PackedWeights(
      this.#integers,
      Array.from(parameters, ({ value }) => value),
    );
    const packed = { ...device, matrix: this.#weights };
    this.#known = new KnownProducts(packed);
    this.device = { ...packed, known: this.#known };
  }

  dispose(): void {
    this.#known.dispose();
    this.#weights.dispose();
    this.#integers.dispose();
  }
}
