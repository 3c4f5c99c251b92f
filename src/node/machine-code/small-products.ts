import type { SmallProduct, SmallProducts } from '../../tensor/small-products.js';
import type { ForeignFunction, ForeignInterface, MemoryAddresses } from '../foreign.js';
import type { ProductFunction } from './product-code.js';
import type { ProductSizes } from './product-sizes.js';
import { smallProductBytes } from './small-product-code.js';

/** Products on a list at once: 32 KiB. */
const most = 512;

type Functions = Readonly<Record<Extract<ProductFunction, 'smallProducts' | 'transpose'>, ForeignFunction>>;

/** A list of products for one call of `smallProducts`. */
export class MachineCodeSmallProducts implements SmallProducts {
  readonly panelColumns: number;
  readonly #functions: Functions;
  readonly #addresses: MemoryAddresses;
  readonly #list: { readonly address: number; readonly fields: Uint32Array };
  readonly #maskOf: (floats: number) => number;
  readonly #vectorFloats: number;
  #count = 0;

  /** `maskOf`: as of the provider. */
  constructor(
    { foreign, functions }: { readonly foreign: ForeignInterface; readonly functions: Functions },
    addresses: MemoryAddresses,
    { panelColumns, vectorFloats }: ProductSizes,
    maskOf: (floats: number) => number,
  ) {
    this.panelColumns = panelColumns;
    this.#vectorFloats = vectorFloats;
    this.#functions = functions;
    this.#addresses = addresses;
    this.#maskOf = maskOf;
    const { address, view } = foreign.structure(most * smallProductBytes);
    this.#list = { address, fields: new Uint32Array(view.buffer, view.byteOffset, view.byteLength / 4) };
  }

  add(product: SmallProduct): void {
    if (this.#count === most) this.run();
    const { fields } = this.#list;
    // In the order of `smallProductFields`.
    let at = (this.#count++ * smallProductBytes) / 4;
    fields[at++] = product.a;
    fields[at++] = product.b;
    fields[at++] = product.c;
    fields[at++] = product.rows;
    fields[at++] = product.terms;
    fields[at++] = product.columns / this.panelColumns;
    fields[at++] = product.rowOfA;
    fields[at++] = product.termOfA;
    fields[at++] = product.termOfB;
    fields[at++] = product.panelOfB;
    fields[at++] = product.rowOfC;
    fields[at++] = Number(product.accumulate);
    fields[at++] = product.repeats;
    fields[at++] = product.nextA;
    fields[at++] = product.nextB;
    fields[at++] = product.nextC;
  }

  run(): void {
    if (this.#count > 0) this.#functions.smallProducts(this.#addresses.base, this.#list.address, this.#count);
    this.#count = 0;
  }

  transpose(to: number, from: number, rows: number, length: number, rowBytes: number): void {
    const { base } = this.#addresses;
    this.#functions.transpose(base + from, base + to, length, rowBytes, rows, this.#maskOf(length % this.#vectorFloats));
  }
}
