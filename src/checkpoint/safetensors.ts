import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import type { Files, FileWriter, RandomAccessFile } from '../core/files.js';
import { shortened } from '../core/visible-text.js';
import { contentHash } from '../data/content-hash.js';
import { type NamedValues, pieces, pieceValues } from '../tensor/named-values.js';
import { type Shape, showShape } from '../tensor/tensor.js';
import { bytesOf, hasFloats, readFloats, scaleNameOf, withoutScales } from './stored-floats.js';

/**
 * The safetensors format: 8 bytes with the header's length, a JSON header, then the values of all tensors without gaps.
 */
/**
 * decade's headers have a few kilobytes. The reference implementation allows 100 MB, which would take seconds to read and reject.
 */
const largestHeaderBytes = 8 * 1024 ** 2;
const mostTensors = 65_536;
const longestName = 1_024;
const bytesOfType = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1 },
  ...{ U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1 },
} as const;
type StoredType = keyof typeof bytesOfType;

/**
 * Writes values as 32-bit floats, waits until they are on the disk, and gives the hash of the file (`contentHash`). The
 * same values give the same bytes.
 * Throws `resource` when the disk is full; the file is then incomplete.
 */
export async function writeSafetensors(
  files: Files,
  path: string,
  values: NamedValues,
  metadata: Readonly<Record<string, string>> = {},
): Promise<string> {
  const writer = await files.create(path);
  try {
    const hash = await contentHash(writing(writer, values, metadata));
    await writer.sync();
    return hash;
  } finally {
    await writer.close();
  }
}

/** Each piece of the file, once it is written. */
async function* writing(writer: FileWriter, values: NamedValues, metadata: Readonly<Record<string, string>>): AsyncGenerator<Uint8Array> {
  const described = Array.from(values.shapes, ([name, shape]) => ({ name, dataType: 'F32', shape }) as const);
  const header = safetensorsHeader(described, metadata);
  await writer.write(header);
  yield header;
  const room = new Float32Array(Math.min(pieceValues, Math.max(0, ...Array.from(values.shapes.values(), sizeOf))));
  for (const [name, shape] of values.shapes) {
    for (const { start, end } of pieces(sizeOf(shape))) {
      const piece = room.subarray(0, end - start);
      await values.read(name, start, piece);
      const bytes = bytesOf(piece);
      await writer.write(bytes);
      yield bytes;
    }
  }
}

function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** A tensor as a header describes it. */
export interface DescribedTensor {
  readonly name: string;
  readonly dataType: StoredType;
  readonly shape: Shape;
}

/** What its values take. */
export function bytesOfTensor({ dataType, shape }: Omit<DescribedTensor, 'name'>): number {
  return bytesOfType[dataType] * sizeOf(shape);
}

/** The beginning of a file in which these tensors follow each other: everything before their values. */
export function safetensorsHeader(tensors: Iterable<DescribedTensor>, metadata: Readonly<Record<string, string>>): Uint8Array {
  const entries: [string, unknown][] = Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata]];
  let offset = 0;
  for (const { name, dataType, shape } of tensors) {
    const end = offset + bytesOfTensor({ dataType, shape });
    entries.push([name, { dtype: dataType, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  // Spaces up to a multiple of 8 keep the values aligned in the file, as the format asks of writers.
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}

/** A tensor in a file: checked to lie in it and to have the bytes that its shape and type need. */
export interface StoredTensor {
  readonly dataType: StoredType;
  readonly shape: Shape;
  /** Position in the file. */
  readonly position: number;
  readonly bytes: number;
}

const tensorEntry = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()).max(8),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const metadataEntry = z.record(z.string(), z.string());

/**
 * An open safetensors file. Opening reads and checks only the header: nothing is allocated before numbers in the file
 * are checked against its actual size.
 */
export class SafetensorsFile implements NamedValues {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Of all tensors but the scales of rows, which belong to the values of another. */
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #file: RandomAccessFile;

  private constructor(path: string, file: RandomAccessFile, header: Header) {
    this.path = path;
    this.#file = file;
    this.tensors = header.tensors;
    this.shapes = new Map(Array.from(withoutScales(header.tensors), ([name, { shape }]) => [name, shape]));
    this.metadata = header.metadata;
  }

  /** Throws `input` for a missing, truncated or foreign file. Close it after use. */
  static async open(files: Pick<Files, 'open'>, path: string): Promise<SafetensorsFile> {
    const file = await files.open(path);
    try {
      return new SafetensorsFile(path, file, await readHeader(file, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Throws `input` unless the file has exactly these names with these shapes, of types that are read as floats. */
  requireSame(wanted: ReadonlyMap<string, Shape>): void {
    const wrongShapes: string[] = [];
    for (const [name, shape] of wanted) {
      const stored = this.tensors.get(name);
      if (stored === undefined) continue;
      if (!this.hasFloats(name)) {
        const received = `${name} of type ${stored.dataType}${stored.dataType === 'I8' ? ` without ${scaleNameOf(name)}` : ''}`;
        throw this.#refusal(received, 'F32, F16, BF16, or I8 with a scale per row', 'convert it to 32-bit floats');
      }
      if (showShape(stored.shape) !== showShape(shape)) {
        wrongShapes.push(`${name} of shape ${showShape(stored.shape)} where the model has ${showShape(shape)}`);
      }
    }
    const missing = [...wanted.keys()].filter((name) => !this.tensors.has(name));
    const unexpected = [...this.shapes.keys()].filter((name) => !wanted.has(name));
    const problems = [
      ...(missing.length > 0 ? [`no ${someOf(missing)}`] : []),
      ...(unexpected.length > 0 ? [`${someOf(unexpected.map(shown))}, which the model does not have`] : []),
      ...(wrongShapes.length > 0 ? [someOf(wrongShapes)] : []),
    ];
    if (problems.length > 0) {
      throw this.#refusal(problems.join('; '), 'the parameters of the described model', 'take all files of a run together');
    }
  }

  /** Whether matrices are stored in integers, with a scale for each row. */
  get hasIntegers(): boolean {
    return this.shapes.size < this.tensors.size;
  }

  /** Whether the values of a name can be read. */
  hasFloats(name: string): boolean {
    return hasFloats(this.tensors, name);
  }

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    const size = sizeOf(this.tensors.get(name)?.shape ?? [0]);
    if (start + target.length > size) throw new Error(`no values ${start} to ${start + target.length} of ${name}`);
    await readFloats(this.#file, this.tensors, name, start, target);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #refusal(received: string, allowed: string, next: string): DecadeError {
    return new DecadeError('input', { where: this.path, received, allowed, next });
  }
}

/** The mean of the values of each name in several files. */
export class AveragedValues implements NamedValues {
  readonly #files: readonly SafetensorsFile[];

  constructor(files: readonly SafetensorsFile[]) {
    this.#files = files;
  }

  get shapes(): ReadonlyMap<string, Shape> {
    return this.#files[0]?.shapes ?? new Map();
  }

  /** Throws `input` unless every file has exactly these names with these shapes. */
  requireSame(expected: ReadonlyMap<string, Shape>): void {
    for (const file of this.#files) file.requireSame(expected);
  }

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    const values = new Float32Array(target.length);
    const sums = new Float64Array(target.length);
    for (const file of this.#files) {
      await file.read(name, start, values);
      for (const [at, value] of values.entries()) sums[at] = (sums[at] as number) + value;
    }
    target.set(sums.map((sum) => sum / this.#files.length));
  }
}

interface Header {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

async function readHeader(file: RandomAccessFile, path: string): Promise<Header> {
  const refuse = (received: string, cause?: unknown): never => {
    throw new DecadeError('input', {
      where: path,
      received,
      allowed: 'a complete safetensors file',
      next: 'copy the file again or use another checkpoint',
      cause,
    });
  };
  if (file.size < 8) return refuse(`a file of ${file.size} bytes`);
  const lengthBytes = new Uint8Array(8);
  await file.read(lengthBytes, 0);
  const declared = new DataView(lengthBytes.buffer).getBigUint64(0, true);
  if (declared > BigInt(Math.min(file.size - 8, largestHeaderBytes))) {
    return refuse(`a header that says to be ${declared} bytes long in a file of ${file.size} bytes`);
  }
  const length = Number(declared);
  const headerBytes = new Uint8Array(length);
  await file.read(headerBytes, 8);
  let json: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(headerBytes);
    json = JSON.parse(text);
  } catch (cause) {
    return refuse('a header that is not JSON', cause);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return refuse('a header that is not a JSON object');

  const tensors = new Map<string, StoredTensor>();
  let metadata: Record<string, string> = {};
  const entries = Object.entries(json);
  if (entries.length > mostTensors) return refuse(`a header of ${entries.length} tensors, of which ${mostTensors} are allowed`);
  // JSON.parse silently keeps the last of several entries with the same name.
  const written = countEntries(text);
  if (written !== entries.length) return refuse(`a header of ${written} entries with ${entries.length} different names`);
  for (const [name, entry] of entries) {
    if (name.length > longestName) return refuse(`a tensor name of ${name.length} characters: ${shown(name)}`);
    if (name === '__metadata__') {
      const parsed = metadataEntry.safeParse(entry);
      metadata = parsed.success ? parsed.data : refuse('metadata that is not a record of strings');
      continue;
    }
    const parsed = tensorEntry.safeParse(entry);
    if (!parsed.success) return refuse(`a header whose entry ${shown(name)} lacks dtype, shape or data_offsets`, parsed.error);
    const { dtype, shape, data_offsets } = parsed.data;
    const [begin, end] = data_offsets;
    if (!isStoredType(dtype)) return refuse(`tensor ${shown(name)} of unknown type ${shown(dtype)}`);
    const size = bytesOfType[dtype];
    // Sizes whose product passes 2^53 are not exact, but far above the file's size all the same.
    const bytes = shape.reduce((product, dimension) => product * dimension, size);
    if (end - begin !== bytes) {
      return refuse(`tensor ${shown(name)} of shape ${showShape(shape)} and type ${dtype} in ${end - begin} bytes; it needs ${bytes}`);
    }
    tensors.set(name, { dataType: dtype, shape, position: 8 + length + begin, bytes });
  }

  let next = 8 + length;
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => a.position - b.position || a.bytes - b.bytes)) {
    if (tensor.position !== next) return refuse(`a gap or an overlap before tensor ${shown(name)}`);
    next += tensor.bytes;
  }
  if (next !== file.size) return refuse(`a file of ${file.size} bytes whose header describes ${next}`);
  return { tensors, metadata };
}

function isStoredType(name: string): name is StoredType {
  return Object.hasOwn(bytesOfType, name);
}

/** Entries of the outermost object of valid JSON. */
function countEntries(json: string): number {
  let depth = 0;
  let entries = 0;
  for (const [token] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/gs)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (token === ':' && depth === 1) entries++;
  }
  return entries;
}

/** A name of the file as it may be shown: one line, not long. */
function shown(name: string): string {
  return `"${shortened(name)}"`;
}

function someOf(items: readonly string[]): string {
  return items.length <= 3 ? items.join(', ') : `${items.slice(0, 3).join(', ')} and ${items.length - 3} more`;
}
