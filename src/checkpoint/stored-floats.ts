import type { RandomAccessFile } from '../core/files.js';
import { valueOfBfloat16, valueOfHalf } from '../tensor/narrow-floats.js';
import type { Shape } from '../tensor/tensor.js';

/** Types whose values can be read as floats by themselves, and what makes the values of the narrow ones. */
const floatTypes = { F32: undefined, F16: valueOfHalf, BF16: valueOfBfloat16 } as const;

/** The tensor that holds the scales of the rows of `name`, where that is of 8-bit integers. */
export const scaleNameOf = (name: string) => `${name}.scale`;
const scaleEnding = scaleNameOf('');

/** Where the values of a tensor are. */
export interface StoredValues {
  readonly dataType: string;
  readonly shape: Shape;
  /** Position in the file. */
  readonly position: number;
}

/**
 * The tensors of a file that are values of their own: all but the scales of rows (F32 [rows], beside I8 [rows, columns]). A float is
 * its integer times the scale of its row.
 */
export function withoutScales<Stored extends StoredValues>(tensors: ReadonlyMap<string, Stored>): ReadonlyMap<string, Stored> {
  const isScale = (name: string) => name.endsWith(scaleEnding) && isScaled(tensors, name.slice(0, -scaleEnding.length));
  return new Map([...tensors].filter(([name]) => !isScale(name)));
}

/** Whether the values of a name can be read as floats. */
export function hasFloats(tensors: ReadonlyMap<string, StoredValues>, name: string): boolean {
  return Object.hasOwn(floatTypes, tensors.get(name)?.dataType ?? '') || isScaled(tensors, name);
}

function isScaled(tensors: ReadonlyMap<string, StoredValues>, name: string): boolean {
  const [stored, scale] = [tensors.get(name), tensors.get(scaleNameOf(name))];
  if (stored?.dataType !== 'I8' || stored.shape.length !== 2 || scale?.dataType !== 'F32') return false;
  return scale.shape.length === 1 && scale.shape[0] === stored.shape[0];
}

/** Fills `target` with the values from `start` on of a tensor that `hasFloats`, and in which they lie. */
export async function readFloats(
  file: Pick<RandomAccessFile, 'read'>,
  tensors: ReadonlyMap<string, StoredValues>,
  name: string,
  start: number,
  target: Float32Array,
): Promise<void> {
  const stored = tensors.get(name);
  if (stored === undefined) throw new Error(`no tensor ${name}`);
  const { dataType, position } = stored;
  if (dataType === 'F32') {
    await file.read(bytesOf(target), position + 4 * start);
  } else if (dataType === 'F16' || dataType === 'BF16') {
    const halves = new Uint16Array(target.length);
    await file.read(new Uint8Array(halves.buffer), position + 2 * start);
    const values = valuesOfHalves(dataType);
    for (let at = 0; at < halves.length; at++) target[at] = values[halves[at] as number] as number;
  } else {
    await readScaled(file, stored, tensors.get(scaleNameOf(name)), start, target);
  }
}

const tables = new Map<string, Float32Array>();

/** The values of all 65,536 numbers of 16 bits. */
function valuesOfHalves(dataType: 'F16' | 'BF16'): Float32Array {
  const known = tables.get(dataType);
  if (known !== undefined) return known;
  const table = Float32Array.from({ length: 2 ** 16 }, (_, half) => floatTypes[dataType](half));
  tables.set(dataType, table);
  return table;
}

async function readScaled(
  file: Pick<RandomAccessFile, 'read'>,
  { shape: [, columns = 0], position }: StoredValues,
  scale: StoredValues | undefined,
  start: number,
  target: Float32Array,
): Promise<void> {
  if (scale === undefined) throw new Error('integers without scales');
  if (target.length === 0) return;
  const firstRow = Math.floor(start / columns);
  const scales = new Float32Array(Math.floor((start + target.length - 1) / columns) + 1 - firstRow);
  await file.read(bytesOf(scales), scale.position + 4 * firstRow);
  const integers = new Int8Array(target.length);
  await file.read(new Uint8Array(integers.buffer), position + start);
  for (let at = 0, row = 0, end = columns - (start % columns); at < integers.length; end += columns, row++) {
    const scale = scales[row] as number;
    for (const last = Math.min(end, integers.length); at < last; at++) target[at] = (integers[at] as number) * scale;
  }
}

/** Little-endian on every processor that engines run on, as the format is. */
export function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
