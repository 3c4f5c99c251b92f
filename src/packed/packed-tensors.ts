import type { DescribedTensor, SafetensorsFile } from '../checkpoint/safetensors.js';
import { bytesOf, scaleNameOf } from '../checkpoint/stored-floats.js';
import { DecadeError } from '../core/errors.js';
import { halfOf, largestHalf } from '../tensor/narrow-floats.js';
import { pieceValues, pieces } from '../tensor/named-values.js';
import { quantised, scalesOf } from '../tensor/row-scales.js';
import type { Shape } from '../tensor/tensor.js';

/** A tensor and its bytes, which can be read more than once. */
export interface PackedTensor extends DescribedTensor {
  bytes(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** How weights are packed: matrices only, all else stays in f32. */
export const packedPrecisions = ['f32', 'f16', 'int8'] as const;
export type PackedPrecision = (typeof packedPrecisions)[number];

/** The weights of a file as tensors of a precision. They are read from the file whenever their bytes are. */
export function packedTensors(file: SafetensorsFile, precision: PackedPrecision): PackedTensor[] {
  return Array.from(file.shapes).flatMap(([name, shape]) => {
    if (precision === 'f32' || shape.length !== 2) return [wide(file, name, shape)];
    return precision === 'f16' ? [half(file, name, shape)] : integers(file, name, shape);
  });
}

function wide(file: SafetensorsFile, name: string, shape: Shape): PackedTensor {
  return { name, dataType: 'F32', shape, bytes: () => mapped(floats(file, name, shape, 1), bytesOf) };
}

function half(file: SafetensorsFile, name: string, shape: Shape): PackedTensor {
  const narrow = (values: Float32Array) => new Uint8Array(Uint16Array.from(values, halfOf).buffer);
  return { name, dataType: 'F16', shape, bytes: () => mapped(finite(file, name, shape, largestHalf), narrow) };
}

/** A matrix with a scale for each row. */
function integers(file: SafetensorsFile, name: string, shape: Shape): PackedTensor[] {
  const [rows = 0, columns = 0] = shape;
  const scales = (values: Float32Array) => bytesOf(scalesOf(values, columns));
  const narrow = (values: Float32Array) => new Uint8Array(quantised(values, scalesOf(values, columns)).buffer);
  return [
    { name: scaleNameOf(name), dataType: 'F32', shape: [rows], bytes: () => mapped(finite(file, name, shape), scales) },
    { name, dataType: 'I8', shape, bytes: () => mapped(finite(file, name, shape), narrow) },
  ];
}

async function* mapped(values: AsyncIterable<Float32Array>, toBytes: (values: Float32Array) => Uint8Array): AsyncGenerator<Uint8Array> {
  for await (const each of values) yield toBytes(each);
}

/** The values of a tensor, so many whole rows at once as a piece holds; of `unit` values each. */
async function* floats(file: SafetensorsFile, name: string, shape: Shape, unit: number): AsyncGenerator<Float32Array> {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const together = Math.max(1, Math.floor(pieceValues / Math.max(1, unit))) * unit;
  for (let start = 0; start < size; start += together) {
    const values = new Float32Array(Math.min(together, size - start));
    for (const { start: from, end } of pieces(values.length)) await file.read(name, start + from, values.subarray(from, end));
    yield values;
  }
}

/** As `floats`, of a matrix whose values must be numbers, at most `most` in size. */
async function* finite(file: SafetensorsFile, name: string, shape: Shape, most = Number.MAX_VALUE): AsyncGenerator<Float32Array> {
  for await (const values of floats(file, name, shape, shape[1] ?? 1)) {
    const wrong = values.find((value) => !(Math.abs(value) <= most));
    if (wrong === undefined) yield values;
    else {
      throw new DecadeError('numeric', {
        where: `${file.path}: ${name}`,
        received: `a weight of ${wrong}`,
        allowed: most === largestHalf ? `at most ${largestHalf} in f16` : 'finite numbers',
        next: Number.isFinite(wrong) ? 'pack with --precision int8 or f32' : 'use a checkpoint from before the training diverged',
      });
    }
  }
}
