const pageBits = 18;
const pageLength = 1 << pageBits;
const mask = pageLength - 1;

type NumberArray = Float32Array | Uint32Array | Uint16Array | Uint8Array;

/** A list of numbers of one kind that grows without ever being copied. */
export class PagedNumbers<Numbers extends NumberArray> {
  length = 0;
  readonly #pages: Numbers[] = [];
  readonly #make: (length: number) => Numbers;

  constructor(make: (length: number) => Numbers) {
    this.#make = make;
  }

  get(index: number): number {
    return (this.#pages[index >>> pageBits] as Numbers)[index & mask] as number;
  }

  set(index: number, value: number): void {
    (this.#pages[index >>> pageBits] as Numbers)[index & mask] = value;
  }

  push(value: number): void {
    if (this.length === this.#pages.length * pageLength) this.#pages.push(this.#make(pageLength));
    this.set(this.length++, value);
  }
}

export function pagedUint32(): PagedNumbers<Uint32Array> {
  return new PagedNumbers((length) => new Uint32Array(length));
}
