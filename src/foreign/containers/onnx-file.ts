import type { Files } from '../../core/files.js';
import { DecadeError } from '../../core/errors.js';
import { type NamedValues, pieces, pieceValues } from '../../tensor/named-values.js';
import type { Shape } from '../../tensor/tensor.js';
import { bytesOf } from '../../checkpoint/stored-floats.js';
import { floatField, lengthOf, type Message, messageField, numberField, textField } from './protobuf-message.js';

/** Number types of ONNX that are written here, as it numbers them (`TensorProto.DataType`). */
export const onnxTypes = { float: 1, int8: 3, int64: 7, bool: 9, double: 11 } as const;
export type OnnxType = keyof typeof onnxTypes;

/** What goes into a graph, or comes out. A name in its shape is a size that each call chooses. */
export interface OnnxPort {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly (number | string)[];
}

/** A whole number; a number with a fraction as `{ float }`; a graph is the branch of an `If`. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number } | OnnxGraph;

export interface OnnxNode {
  readonly operator: string;
  /** Names of values; an empty one leaves out an optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A stretch of a parameter, or zeros. */
export type OnnxStretch = { readonly parameter: string; readonly start: number; readonly size: number } | { readonly zeros: number };

/** Values that belong to a graph: some bytes, or stretches of parameters that are read when they are written. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: Shape;
  readonly values: Uint8Array | readonly OnnxStretch[];
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly tensors: readonly OnnxTensor[];
}

/** Version of the operators: the first with LayerNormalization. Version 8 of the file belongs to it. */
const operators = 17;
const fileVersion = 8;
/** Protocol buffers count in 31 bits. */
const mostBytes = 2 ** 31 - 1;

const kinds = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;

/**
 * Writes a graph as a file of ONNX (onnx.proto), and waits until it is on the disk. Only one piece of the parameters is in memory at a time.
 *
 * @throws DecadeError `usage` for a graph of more than 2 GB, `resource` when the disk is full
 */
export async function writeOnnx(files: Files, path: string, graph: OnnxGraph, parameters: NamedValues): Promise<void> {
  const model: Message<OnnxStretch> = [
    ...numberField(1, fileVersion),
    ...textField(2, 'decade'),
    ...messageField(7, graphMessage(graph)),
    ...messageField<OnnxStretch>(8, [...textField(1, ''), ...numberField(2, operators)]),
  ];
  const bytes = lengthOf(model);
  if (bytes > mostBytes) {
    throw new DecadeError('usage', {
      where: path,
      received: `${bytes.toLocaleString('en')} bytes`,
      allowed: `at most ${mostBytes.toLocaleString('en')} in a file of ONNX`,
      next: 'export a smaller model, or write it with --to hf',
    });
  }
  const writer = await files.create(path);
  try {
    for (const part of model) {
      if (part instanceof Uint8Array) await writer.write(part);
      else for await (const piece of valuesOf(part.later, parameters)) await writer.write(bytesOf(piece));
    }
    await writer.sync();
  } finally {
    await writer.close();
  }
}

async function* valuesOf(stretch: OnnxStretch, parameters: NamedValues): AsyncGenerator<Float32Array> {
  const size = sizeOfStretch(stretch);
  const room = new Float32Array(Math.min(size, pieceValues));
  for (const { start, end } of pieces(size)) {
    const piece = room.subarray(0, end - start);
    if ('parameter' in stretch) await parameters.read(stretch.parameter, stretch.start + start, piece);
    yield piece;
  }
}

const sizeOfStretch = (stretch: OnnxStretch) => ('parameter' in stretch ? stretch.size : stretch.zeros);

function graphMessage({ nodes, inputs, outputs, tensors }: OnnxGraph): Message<OnnxStretch> {
  return [
    ...nodes.flatMap((node) => messageField(1, nodeMessage(node))),
    ...textField(2, 'decade'),
    ...tensors.flatMap((tensor) => messageField(5, tensorMessage(tensor))),
    ...inputs.flatMap((port) => messageField(11, portMessage(port))),
    ...outputs.flatMap((port) => messageField(12, portMessage(port))),
  ];
}

function nodeMessage({ operator, inputs, outputs, attributes }: OnnxNode): Message<OnnxStretch> {
  return [
    ...inputs.flatMap((name) => textField(1, name)),
    ...outputs.flatMap((name) => textField(2, name)),
    ...textField(4, operator),
    ...Object.entries(attributes).flatMap(([name, value]) => messageField(5, [...textField(1, name), ...attributeFields(value)])),
  ];
}

function attributeFields(value: OnnxAttribute): Message<OnnxStretch> {
  if (typeof value === 'number') return [...numberField(3, value), ...numberField(20, kinds.int)];
  if (typeof value === 'string') return [...textField(4, value), ...numberField(20, kinds.string)];
  if ('float' in value) return [...floatField(2, value.float), ...numberField(20, kinds.float)];
  if ('nodes' in value) return [...messageField(6, graphMessage(value)), ...numberField(20, kinds.graph)];
  return [...value.flatMap((each) => numberField(8, each)), ...numberField(20, kinds.ints)];
}

function tensorMessage({ name, type, shape, values }: OnnxTensor): Message<OnnxStretch> {
  const contents: Message<OnnxStretch> =
    values instanceof Uint8Array ? [values] : values.map((later) => ({ bytes: 4 * sizeOfStretch(later), later }));
  return [
    ...shape.flatMap((size) => numberField(1, size)),
    ...numberField(2, onnxTypes[type]),
    ...textField(8, name),
    ...messageField(9, contents),
  ];
}

function portMessage({ name, type, shape }: OnnxPort): Message<OnnxStretch> {
  const dimensions = shape.flatMap((size) =>
    messageField<OnnxStretch>(1, typeof size === 'number' ? numberField(1, size) : textField(2, size)),
  );
  const tensor = [...numberField(1, onnxTypes[type]), ...messageField<OnnxStretch>(2, dimensions)];
  return [...textField(1, name), ...messageField(2, messageField(1, tensor))];
}
