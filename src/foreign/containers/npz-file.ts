import { DecadeError } from '../../core/errors.js';
import type { Files, RandomAccessFile } from '../../core/files.js';
import { shortened } from '../../core/visible-text.js';
import { valueOfHalf } from '../../tensor/narrow-floats.js';
import type { Shape } from '../../tensor/tensor.js';
import type { ForeignTensors } from '../foreign-model.js';

/** A zip archive ends with this record, and at most 64 KiB of a comment. */
const endRecordBytes = 22;
const mostCommentBytes = 65_535;
const mostDirectoryBytes = 16 * 1024 ** 2;
const mostHeaderBytes = 65_536;
const signatures = { end: 0x06054b50, entry: 0x02014b50, local: 0x04034b50 } as const;

const bytesOfItem: Readonly<Record<string, number>> = { '<f4': 4, '<f2': 2, '<f8': 8, '|i1': 1, '|u1': 1, '|b1': 1 };

interface StoredArray {
  readonly type: string;
  readonly shape: Shape;
  readonly position: number;
}

/** Arrays of NumPy in a zip archive, as Marian saves its models: without compression, each as `NAME.npy`. */
export class NpzFile implements ForeignTensors {
  readonly path: string;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly #file: RandomAccessFile;
  readonly #arrays: ReadonlyMap<string, StoredArray>;

  private constructor(path: string, file: RandomAccessFile, arrays: ReadonlyMap<string, StoredArray>) {
    this.path = path;
    this.#file = file;
    this.#arrays = arrays;
    this.shapes = new Map(Array.from(arrays, ([name, { shape }]) => [name, shape]));
  }

  /** Throws `input` for a damaged, compressed or foreign archive. */
  static async open(files: Files, path: string): Promise<NpzFile> {
    const file = await files.open(path);
    try {
      return new NpzFile(path, file, await readArrays(file, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** An array of bytes, without zeros at its end; undefined where there is none. */
  async bytes(name: string, most: number): Promise<Uint8Array | undefined> {
    const array = this.#arrays.get(name);
    if (array === undefined) return undefined;
    const length = sizeOf(array.shape);
    if (bytesOfItem[array.type] !== 1 || length > most)
      throw refused(this.path, `${shortened(name)} of ${length} items of ${array.type}`, `at most ${most} bytes`);
    const bytes = new Uint8Array(length);
    await this.#file.read(bytes, array.position);
    return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
  }

  requireSame(): void {}

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    const array = this.#arrays.get(name);
    if (array === undefined) throw new Error(`no array ${name}`);
    const { type, position } = array;
    if (type !== '<f4' && type !== '<f2' && type !== '<f8')
      throw refused(this.path, `${shortened(name)} of type ${type}`, 'floats of 16, 32 or 64 bits');
    const size = bytesOfItem[type] ?? 4;
    const bytes = new Uint8Array(target.length * size);
    await this.#file.read(bytes, position + start * size);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < target.length; at++) {
      target[at] =
        type === '<f4'
          ? view.getFloat32(at * 4, true)
          : type === '<f2'
            ? valueOfHalf(view.getUint16(at * 2, true))
            : view.getFloat64(at * 8, true);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function readArrays(file: RandomAccessFile, path: string): Promise<ReadonlyMap<string, StoredArray>> {
  const directory = await readDirectory(file, path);
  const arrays = new Map<string, StoredArray>();
  for (let at = 0; at + 46 <= directory.byteLength; ) {
    if (directory.getUint32(at, true) !== signatures.entry) throw refused(path, 'a damaged list of arrays', 'a complete .npz');
    const [method, size] = [directory.getUint16(at + 10, true), directory.getUint32(at + 24, true)];
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => directory.getUint16(at + offset, true)) as [
      number,
      number,
      number,
    ];
    const local = directory.getUint32(at + 42, true);
    if (at + 46 + nameLength > directory.byteLength) throw refused(path, 'a damaged list of arrays', 'a complete .npz');
    const name = new TextDecoder()
      .decode(new Uint8Array(directory.buffer, directory.byteOffset + at + 46, nameLength))
      .replace(/\.npy$/, '');
    if (method !== 0) {
      throw new DecadeError('input', {
        where: path,
        received: 'compressed arrays',
        allowed: 'arrays as they are, as Marian saves them',
        next: "save it again: `numpy.savez('model.npz', **numpy.load(FILE))`",
      });
    }
    if (arrays.has(name)) throw refused(path, `${shortened(name)} twice`, 'every array once');
    arrays.set(name, await readArray(file, path, name, local, size));
    at += 46 + nameLength + extraLength + commentLength;
  }
  return arrays;
}

async function readDirectory(file: RandomAccessFile, path: string): Promise<DataView> {
  const length = Math.min(file.size, endRecordBytes + mostCommentBytes);
  const tail = await read(file, path, file.size - length, length);
  for (let at = length - endRecordBytes; at >= 0; at--) {
    if (tail.getUint32(at, true) !== signatures.end) continue;
    const [bytes, position] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
    if (bytes > mostDirectoryBytes) throw refused(path, `a list of ${bytes} bytes`, `at most ${mostDirectoryBytes}`);
    return read(file, path, position, bytes);
  }
  throw refused(path, 'no end of a zip archive', 'a complete .npz');
}

/** Where an array's values are: behind the entry's own header and that of NumPy. */
async function readArray(file: RandomAccessFile, path: string, name: string, local: number, size: number): Promise<StoredArray> {
  const entry = await read(file, path, local, 30);
  if (entry.getUint32(0, true) !== signatures.local) throw refused(path, `no ${shortened(name)} where the list says`, 'a complete .npz');
  const start = local + 30 + entry.getUint16(26, true) + entry.getUint16(28, true);
  const beginning = await read(file, path, start, 12);
  if (beginning.getUint32(0, false) !== 0x934e554d) throw refused(path, `${shortened(name)}, which is no array of NumPy`, 'arrays');
  const isLong = beginning.getUint8(6) > 1;
  const headerStart = isLong ? 12 : 10;
  const headerBytes = isLong ? beginning.getUint32(8, true) : beginning.getUint16(8, true);
  if (headerBytes > mostHeaderBytes)
    throw refused(path, `${shortened(name)} with a header of ${headerBytes} bytes`, `at most ${mostHeaderBytes}`);
  const header = new TextDecoder('latin1').decode(await read(file, path, start + headerStart, headerBytes));
  const [, type = ''] = /'descr':\s*'([^']*)'/.exec(header) ?? [];
  const [, dimensions] = /'shape':\s*\(([\d,\s]*)\)/.exec(header) ?? [];
  const item = bytesOfItem[type];
  if (dimensions === undefined || item === undefined || /'fortran_order':\s*True/.test(header)) {
    throw refused(path, `${shortened(name)} of type ${shortened(type)}`, `${Object.keys(bytesOfItem).join(', ')}, rows first`);
  }
  const shape = dimensions.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  const position = start + headerStart + headerBytes;
  const bytes = item * sizeOf(shape);
  if (headerStart + headerBytes + bytes !== size || position + bytes > file.size) {
    throw refused(path, `${shortened(name)} in ${size - headerStart - headerBytes} bytes`, `the ${bytes} of its shape and type`);
  }
  return { type, shape, position };
}

async function read(file: RandomAccessFile, path: string, position: number, bytes: number): Promise<DataView> {
  if (position + bytes > file.size)
    throw refused(path, `a file of ${file.size.toLocaleString('en')} bytes, which ends too early`, 'a complete .npz');
  const target = new Uint8Array(bytes);
  await file.read(target, position);
  return new DataView(target.buffer);
}

function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

function refused(where: string, received: string, allowed: string): DecadeError {
  return new DecadeError('input', { where, received, allowed, next: 'copy the model again' });
}
