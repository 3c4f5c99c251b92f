import { DecadeError } from '../../core/errors.js';
import type { Files, RandomAccessFile } from '../../core/files.js';
import { shortened } from '../../core/visible-text.js';
import { valueOfBfloat16, valueOfHalf } from '../../tensor/narrow-floats.js';
import type { Shape } from '../../tensor/tensor.js';
import type { ForeignTensors } from '../foreign-model.js';

/** Of the binary format, that can be read: 1 does not say what it holds. */
const versions = { oldest: 2, newest: 6 } as const;
const mostVariables = 100_000;
const mostDimensions = 8;

type ItemType = 'f32' | 'i8' | 'i16' | 'i32' | 'f16' | 'bf16';
const bytesOfItem: Readonly<Record<ItemType, number>> = { f32: 4, i8: 1, i16: 2, i32: 4, f16: 2, bf16: 2 };
/** By their number in a file, from version 4 on. */
const itemTypes: readonly ItemType[] = ['f32', 'i8', 'i16', 'i32', 'f16', 'bf16'];
/** Before, only the size of an item was noted. */
const typesBySize: Readonly<Record<number, ItemType>> = { 1: 'i8', 2: 'i16', 4: 'f32' };

interface Variable {
  readonly type: ItemType;
  readonly shape: Shape;
  readonly position: number;
}

/**
 * The `model.bin` of CTranslate2: variables one behind the other, each with name, shape, type and values. Integers are weights times a
 * scale, one for the matrix or one for each row, in a variable `NAME_scale`.
 */
export class CTranslate2File implements ForeignTensors {
  readonly path: string;
  /** What kind of model it is: `TransformerSpec`. */
  readonly specification: string;
  /** Of the matrices and vectors; scales belong to them. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Other names of variables. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly #file: RandomAccessFile;
  readonly #variables: ReadonlyMap<string, Variable>;
  readonly #scales = new Map<string, Float32Array>();

  private constructor(path: string, file: RandomAccessFile, contents: Contents) {
    this.path = path;
    this.#file = file;
    this.specification = contents.specification;
    this.aliases = contents.aliases;
    this.#variables = contents.variables;
    const isScale = (name: string) => name.endsWith(scaleEnding) && contents.variables.has(name.slice(0, -scaleEnding.length));
    const own = [...contents.variables].filter(([name, { shape }]) => shape.length > 0 && !isScale(name));
    this.shapes = new Map(own.map(([name, { shape }]) => [name, shape]));
  }

  /** Reads where everything is. Throws `input` for a damaged or foreign file, before anything is allocated by what it says. */
  static async open(files: Files, path: string): Promise<CTranslate2File> {
    const file = await files.open(path);
    try {
      return new CTranslate2File(path, file, await readContents(file, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The value of an option of the model; undefined where it is not in the file. */
  async option(name: string): Promise<number | undefined> {
    const variable = this.#variables.get(name);
    if (variable === undefined || variable.shape.length > 0) return undefined;
    return (await this.#values(variable, 0, 1))[0];
  }

  /** Names of the options, as far as they begin so. */
  get options(): string[] {
    return [...this.#variables].flatMap(([name, { shape }]) => (shape.length === 0 && !name.endsWith(scaleEnding) ? [name] : []));
  }

  requireSame(): void {}

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    const variable = this.#variables.get(name);
    if (variable === undefined) throw new Error(`no variable ${name}`);
    target.set(await this.#values(variable, start, target.length));
    if (variable.type !== 'i8' && variable.type !== 'i16') return;
    const scales = await this.#scalesOf(name, variable);
    const columns = scales.length === 1 ? Infinity : sizeOf(variable.shape) / scales.length;
    for (const [at, value] of target.entries()) target[at] = value / (scales[Math.floor((start + at) / columns)] as number);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #scalesOf(name: string, { shape: [rows = 1] }: Variable): Promise<Float32Array> {
    const known = this.#scales.get(name);
    if (known !== undefined) return known;
    const scale = this.#variables.get(`${name}${scaleEnding}`);
    const count = scale === undefined ? 0 : sizeOf(scale.shape);
    if (scale === undefined || (count !== 1 && count !== rows)) {
      throw refused(this.path, `${shortened(name)} of integers with ${count} scales`, `one scale, or ${rows}`);
    }
    const values = await this.#values(scale, 0, count);
    this.#scales.set(name, values);
    return values;
  }

  async #values({ type, position }: Variable, start: number, count: number): Promise<Float32Array> {
    const size = bytesOfItem[type];
    const bytes = new Uint8Array(count * size);
    await this.#file.read(bytes, position + start * size);
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: count }, (_, index) => itemAt(view, type, index * size));
  }
}

const scaleEnding = '_scale';

function itemAt(view: DataView, type: ItemType, at: number): number {
  switch (type) {
    case 'f32':
      return view.getFloat32(at, true);
    case 'f16':
      return valueOfHalf(view.getUint16(at, true));
    case 'bf16':
      return valueOfBfloat16(view.getUint16(at, true));
    case 'i8':
      return view.getInt8(at);
    case 'i16':
      return view.getInt16(at, true);
    case 'i32':
      return view.getInt32(at, true);
  }
}

interface Contents {
  readonly specification: string;
  readonly variables: ReadonlyMap<string, Variable>;
  readonly aliases: ReadonlyMap<string, string>;
}

async function readContents(file: RandomAccessFile, path: string): Promise<Contents> {
  const reader = new Reader(file, path);
  const version = await reader.integer(4);
  if (version < versions.oldest || version > versions.newest) {
    throw refused(path, `version ${version}`, `the format of CTranslate2 in versions ${versions.oldest} to ${versions.newest}`);
  }
  const specification = await reader.text();
  // The revision of the specification: the variables say what there is.
  await reader.integer(4);
  const count = await reader.integer(4);
  if (count > mostVariables) throw refused(path, `${count} variables`, `at most ${mostVariables}`);
  const variables = new Map<string, Variable>();
  for (let index = 0; index < count; index++) {
    const name = await reader.text();
    if (variables.has(name)) throw refused(path, `${shortened(name)} twice`, 'every variable once');
    variables.set(name, await readVariable(reader, path, name, version));
  }
  const aliases = new Map<string, string>();
  if (version >= 3) {
    const aliasCount = await reader.integer(4);
    if (aliasCount > mostVariables) throw refused(path, `${aliasCount} aliases`, `at most ${mostVariables}`);
    for (let index = 0; index < aliasCount; index++) aliases.set(await reader.text(), await reader.text());
  }
  return { specification, variables, aliases };
}

async function readVariable(reader: Reader, path: string, name: string, version: number): Promise<Variable> {
  const rank = await reader.integer(1);
  if (rank > mostDimensions) throw refused(path, `${shortened(name)} of ${rank} dimensions`, `at most ${mostDimensions}`);
  const shape: number[] = [];
  for (let dimension = 0; dimension < rank; dimension++) shape.push(await reader.integer(4));
  const kind = await reader.integer(1);
  const length = await reader.integer(4);
  const type = version >= 4 ? itemTypes[kind] : typesBySize[kind];
  if (type === undefined) throw refused(path, `${shortened(name)} of type ${kind}`, itemTypes.join(', '));
  const bytes = version >= 4 ? length : kind * length;
  const needed = bytesOfItem[type] * sizeOf(shape);
  if (bytes !== needed) throw refused(path, `${shortened(name)} in ${bytes} bytes`, `the ${needed} of its shape and type`);
  return { type, shape, position: reader.skip(bytes, name) };
}

/** Reads on from the beginning, a window at a time. */
class Reader {
  readonly #file: RandomAccessFile;
  readonly #path: string;
  #position = 0;
  #window = new Uint8Array(0);
  #windowStart = 0;

  constructor(file: RandomAccessFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Little-endian, without a sign. */
  async integer(bytes: 1 | 2 | 4): Promise<number> {
    const view = await this.#take(bytes);
    return bytes === 1 ? view.getUint8(0) : bytes === 2 ? view.getUint16(0, true) : view.getUint32(0, true);
  }

  /** With its length first, which counts a zero at the end. */
  async text(): Promise<string> {
    const length = await this.integer(2);
    const view = await this.#take(length);
    const bytes = new Uint8Array(view.buffer, view.byteOffset, Math.max(0, length - 1));
    return new TextDecoder().decode(bytes);
  }

  /** Leaves bytes out; gives their position. */
  skip(bytes: number, name: string): number {
    const position = this.#position;
    if (bytes > this.#file.size - position) throw this.#cut(`the values of ${shortened(name)}`);
    this.#position += bytes;
    return position;
  }

  async #take(bytes: number): Promise<DataView> {
    if (bytes > this.#file.size - this.#position) throw this.#cut('its description');
    if (this.#position < this.#windowStart || this.#position + bytes > this.#windowStart + this.#window.length) {
      this.#window = new Uint8Array(Math.min(Math.max(bytes, windowBytes), this.#file.size - this.#position));
      this.#windowStart = this.#position;
      await this.#file.read(this.#window, this.#windowStart);
    }
    const view = new DataView(this.#window.buffer, this.#position - this.#windowStart, bytes);
    this.#position += bytes;
    return view;
  }

  #cut(what: string): DecadeError {
    return refused(this.#path, `a file of ${this.#file.size.toLocaleString('en')} bytes, which ends within ${what}`, 'a complete file');
  }
}

const windowBytes = 4_096;

function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

function refused(where: string, received: string, allowed: string): DecadeError {
  return new DecadeError('input', {
    where,
    received,
    allowed,
    next: 'copy the model again, or convert it again with ct2-transformers-converter',
  });
}
