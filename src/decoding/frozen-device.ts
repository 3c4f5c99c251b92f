import type { StepModel } from '../models/model.js';
import type { Device } from '../tensor/device.js';
import { KnownProducts } from '../tensor/known-products.js';
import { PackedWeights } from '../tensor/packed-weights.js';

/** A device for models on its memory whose parameters do not change: it keeps packed weights, and products of embeddings. */
export class FrozenDevice {
  readonly device: Device;
  readonly #weights: PackedWeights;
  readonly #known: KnownProducts;

  /** The device given stays as it is, also after `dispose`. */
  constructor(device: Device, parameters: StepModel['parameters']) {
    // Packed when first used, and then for every batch.
    this.#weights = new PackedWeights(
      device.matrix,
      Array.from(parameters, ({ value }) => value),
    );
    const packed = { ...device, matrix: this.#weights };
    this.#known = new KnownProducts(packed);
    this.device = { ...packed, known: this.#known };
  }

  dispose(): void {
    this.#known.dispose();
    this.#weights.dispose();
  }
}
