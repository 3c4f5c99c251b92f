import type { Shape } from '../../src/tensor/tensor.js';

/** An array as a test writes it; integers are what is stored. */
export interface WrittenArray {
  readonly shape: Shape;
  readonly values: ArrayLike<number>;
  readonly type?: 'f32' | 'i8' | 'i16' | 'f16' | 'u8';
}

const sizes = { f32: 4, i8: 1, i16: 2, f16: 2, u8: 1 } as const;

/** Bytes one behind the other. */
class Bytes {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  add(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.length += bytes.length;
    return this;
  }

  integer(value: number, bytes: 1 | 2 | 4): this {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, value, true);
    return this.add(new Uint8Array(view.buffer.slice(0, bytes)));
  }

  text(text: string): this {
    return this.add(new TextEncoder().encode(text));
  }

  get all(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

function valuesOf({ values, type = 'f32' }: WrittenArray): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * sizes[type]));
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    if (type === 'f32') view.setFloat32(4 * at, value, true);
    else if (type === 'i16' || type === 'f16') view.setUint16(2 * at, value & 0xffff, true);
    else view.setUint8(at, value & 0xff);
  }
  return new Uint8Array(view.buffer);
}

/** A `model.bin` of CTranslate2. */
export function ctranslate2Bytes(
  version: number,
  specification: string,
  variables: Readonly<Record<string, WrittenArray>>,
  aliases: Readonly<Record<string, string>> = {},
): Uint8Array {
  const bytes = new Bytes().integer(version, 4);
  const text = (value: string) =>
    bytes
      .integer(new TextEncoder().encode(value).length + 1, 2)
      .text(value)
      .integer(0, 1);
  text(specification).integer(1, 4).integer(Object.keys(variables).length, 4);
  for (const [name, array] of Object.entries(variables)) {
    const { type = 'f32', shape, values } = array;
    text(name).integer(shape.length, 1);
    for (const dimension of shape) bytes.integer(dimension, 4);
    if (version >= 4) bytes.integer(['f32', 'i8', 'i16', 'i32', 'f16'].indexOf(type), 1).integer(values.length * sizes[type], 4);
    else bytes.integer(sizes[type], 1).integer(values.length, 4);
    bytes.add(valuesOf(array));
  }
  if (version >= 3) {
    bytes.integer(Object.keys(aliases).length, 4);
    for (const [alias, name] of Object.entries(aliases)) {
      text(alias);
      text(name);
    }
  }
  return bytes.all;
}

const dtypes = { f32: '<f4', i8: '|i1', i16: '<i2', f16: '<f2', u8: '|u1' } as const;

/** A `.npz` without compression. */
export function npzBytes(arrays: Readonly<Record<string, WrittenArray>>): Uint8Array {
  const bytes = new Bytes();
  const directory = new Bytes();
  for (const [name, array] of Object.entries(arrays)) {
    const shape = array.shape.length === 1 ? `(${array.shape[0]},)` : `(${array.shape.join(', ')})`;
    const header = `{'descr': '${dtypes[array.type ?? 'f32']}', 'fortran_order': False, 'shape': ${shape}, }`;
    const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
    const contents = new Bytes()
      .add(Uint8Array.of(0x93))
      .text('NUMPY')
      .integer(1, 1)
      .integer(0, 1)
      .integer(padded.length, 2)
      .text(padded)
      .add(valuesOf(array)).all;
    const file = `${name}.npy`;
    const position = bytes.length;
    const common = (into: Bytes) =>
      into
        .integer(20, 2)
        .integer(0, 4)
        .integer(0, 4)
        .integer(0, 4)
        .integer(contents.length, 4)
        .integer(contents.length, 4)
        .integer(file.length, 2)
        .integer(0, 2);
    common(bytes.integer(0x04034b50, 4)).text(file).add(contents);
    common(directory.integer(0x02014b50, 4).integer(20, 2))
      .integer(0, 2)
      .integer(0, 2)
      .integer(0, 2)
      .integer(0, 4)
      .integer(position, 4)
      .text(file);
  }
  const [start, count] = [bytes.length, Object.keys(arrays).length];
  bytes.add(directory.all);
  return bytes
    .integer(0x06054b50, 4)
    .integer(0, 4)
    .integer(count, 2)
    .integer(count, 2)
    .integer(directory.length, 4)
    .integer(start, 4)
    .integer(0, 2).all;
}
