import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AveragedValues, SafetensorsFile, writeSafetensors } from '../../src/checkpoint/safetensors.js';
import type { PlacedValues } from '../../src/tensor/named-values.js';
import { DecadeError } from '../../src/core/errors.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import { contentHash } from '../../src/data/content-hash.js';
import { type Described, tensorsOf, valuesOf } from './tensors.js';

const described: Record<string, Described> = {
  'encoder.0.weight': [
    [2, 3],
    [1, -2.5, 2 ** -140, Number.POSITIVE_INFINITY, -0, 6],
  ],
  bias: [[2], [0.5, 0.25]],
  empty: [[0, 4], []],
};

const shapesOnly = (contents: Record<string, Described>) =>
  Object.fromEntries(Object.entries(contents).map(([name, [shape]]) => [name, [shape] as const]));

async function load(files: Files, path: string, targets: PlacedValues): Promise<Readonly<Record<string, string>>> {
  const file = await SafetensorsFile.open(files, path);
  try {
    await targets.fill(file);
    return file.metadata;
  } finally {
    await file.close();
  }
}

/** A file with this header and so many bytes of values. */
function fileWith(header: unknown, valueBytes: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + valueBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

test('tensors and metadata come back bit for bit, the header is aligned, the hash is of the whole file', async () => {
  const files = memoryFiles();
  const hash = await writeSafetensors(files, 'model', tensorsOf(described), { step: '12' });
  const bytes = await files.readBytes('model');
  assert.equal(await contentHash([bytes]), hash);
  assert.equal(new DataView(bytes.buffer).getUint32(0, true) % 8, 0);
  const targets = tensorsOf(shapesOnly(described));
  assert.deepEqual(await load(files, 'model', targets), { step: '12' });
  assert.deepEqual(await valuesOf(targets), await valuesOf(tensorsOf(described)));
});

test('a tensor larger than a piece comes back whole', async () => {
  const files = memoryFiles();
  const large = tensorsOf({ large: [[1100, 1024], Array.from({ length: 1100 * 1024 }, (_, index) => index)] });
  await writeSafetensors(files, 'model', large);
  const targets = tensorsOf({ large: [[1100, 1024]] });
  await load(files, 'model', targets);
  assert.deepEqual(await valuesOf(targets), await valuesOf(large));
});

test('names and shapes that differ from the model are refused by name, before anything is read', async () => {
  const files = memoryFiles();
  await writeSafetensors(
    files,
    'model',
    tensorsOf({
      a: [[2], [1, 2]],
      b: [
        [2, 2],
        [1, 2, 3, 4],
      ],
      other: [[1], [5]],
    }),
  );
  const targets = tensorsOf({ a: [[2], [7, 7]], b: [[4]], c: [[1]] });
  await assert.rejects(load(files, 'model', targets), {
    name: 'DecadeError',
    message: /^model: no c; "other", which the model does not have; b of shape \[2, 2\] where the model has \[4\]; expected/,
  });
  assert.deepEqual((await valuesOf(targets)).a, [7, 7]);
});

test('narrow floats, and integers with a scale per row, are read as floats from any value on', async () => {
  const header = {
    half: { dtype: 'F16', shape: [3], data_offsets: [0, 6] },
    upper: { dtype: 'BF16', shape: [2], data_offsets: [6, 10] },
    'rows.scale': { dtype: 'F32', shape: [2], data_offsets: [10, 18] },
    rows: { dtype: 'I8', shape: [2, 3], data_offsets: [18, 24] },
  };
  const bytes = fileWith(header, 24);
  const values = new DataView(bytes.buffer, bytes.length - 24);
  for (const [at, half] of [0x3c00, 0xc000, 0x0001].entries()) values.setUint16(2 * at, half, true);
  for (const [at, upper] of [0x3f80, 0xc040].entries()) values.setUint16(6 + 2 * at, upper, true);
  for (const [at, scale] of [0.5, 2].entries()) values.setFloat32(10 + 4 * at, scale, true);
  for (const [at, integer] of [1, -2, 127, -127, 0, 3].entries()) values.setInt8(18 + at, integer);
  const files = memoryFiles({ model: bytes });
  const targets = tensorsOf({ half: [[3]], upper: [[2]], rows: [[2, 3]] });
  await load(files, 'model', targets);
  assert.deepEqual(await valuesOf(targets), { half: [1, -2, 2 ** -24], upper: [1, -3], rows: [0.5, -1, 63.5, -254, 0, 6] });
  const file = await SafetensorsFile.open(files, 'model');
  const middle = new Float32Array(3);
  await file.read('rows', 2, middle);
  assert.deepEqual([...middle], [63.5, -254, 0]);
});

test('what cannot be read as floats is refused', async () => {
  const header = { a: { dtype: 'I8', shape: [2, 2], data_offsets: [0, 4] } };
  const files = memoryFiles({ model: fileWith(header, 4) });
  const targets = tensorsOf({ a: [[2, 2]] });
  await assert.rejects(load(files, 'model', targets), /model: a of type I8 without a\.scale; expected F32, F16, BF16, or I8/);
});

test('the mean of several files', async () => {
  const files = memoryFiles();
  await writeSafetensors(files, 'one', tensorsOf({ a: [[2], [1, 2]] }));
  await writeSafetensors(files, 'two', tensorsOf({ a: [[2], [2, 5]] }));
  const sources = [await SafetensorsFile.open(files, 'one'), await SafetensorsFile.open(files, 'two')];
  const targets = tensorsOf({ a: [[2]] });
  await targets.fill(new AveragedValues(sources));
  assert.deepEqual(await valuesOf(targets), { a: [1.5, 3.5] });
  await assert.rejects(tensorsOf({ a: [[3]] }).fill(new AveragedValues(sources)), /one: a of shape \[2\]/);
});

const foreign: Record<string, [contents: Uint8Array | string, message: RegExp]> = {
  empty: ['', /a file of 0 bytes/],
  text: ['this is no model at all', /a header that says to be \d+ bytes long in a file of 23 bytes/],
  'a huge header': [Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x7f, 1, 2), /says to be 9151314442816847872 bytes/],
  'no JSON': [fileWith('{"a', 0), /not JSON/],
  'an array': [fileWith('[]', 0), /not a JSON object/],
  'no shape': [fileWith({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /entry "a" lacks/],
  'a name twice': [
    fileWith('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    /a header of 2 entries with 1 different names/,
  ],
  'overlapping tensors': [
    fileWith({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] }, b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] } }, 12),
    /a gap or an overlap before tensor "b"/,
  ],
  'a name of a megabyte': [
    fileWith({ ['a'.repeat(1_000_000)]: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, 4),
    /a tensor name of 1000000 characters: "a{60}…"/,
  ],
  'an escape sequence in a name': [fileWith({ '\u001b[2J': { dtype: 'F64', shape: [1] } }, 4), /entry "\\u001b\[2J" lacks/],
  'too many tensors': [
    fileWith(Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [index, 0])), 0),
    /a header of 70000 tensors, of which 65536 are allowed/,
  ],
  'a header of more than is ever needed': [fileWith(' '.repeat(9_000_000), 0), /a header that says to be 9000000 bytes long/],
  'a negative size': [fileWith({ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 4), /entry "a" lacks/],
  'an absurd size': [fileWith({ a: { dtype: 'F32', shape: [2 ** 50, 2 ** 50], data_offsets: [0, 4] } }, 4), /in 4 bytes; it needs/],
  'an end before the beginning': [fileWith({ a: { dtype: 'F32', shape: [1], data_offsets: [4, 0] } }, 4), /in -4 bytes; it needs 4/],
  'an unknown type': [fileWith({ a: { dtype: 'F99', shape: [1], data_offsets: [0, 4] } }, 4), /unknown type "F99"/],
  'an overlap': [
    fileWith({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] }, b: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, 8),
    /a gap or an overlap before tensor "b"/,
  ],
  'a gap': [fileWith({ a: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, 8), /a gap or an overlap before tensor "a"/],
  'cut values': [fileWith({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 7), /whose header describes/],
  'values left over': [fileWith({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 9), /whose header describes/],
};

for (const [name, [contents, message]] of Object.entries(foreign)) {
  test(`a file with ${name} is refused`, async () => {
    await assert.rejects(SafetensorsFile.open(memoryFiles({ model: contents }), 'model'), (error) => {
      assert.ok(error instanceof DecadeError && error.kind === 'input');
      assert.match(error.message, message);
      return true;
    });
  });
}

test('truncated and mutated files load or are refused, and nothing is allocated beyond the size of the file', async () => {
  const files = memoryFiles();
  await writeSafetensors(files, 'model', tensorsOf(described), { step: '12' });
  const whole = await files.readBytes('model');
  const key = randomKey(7, 'sample');
  const targets = tensorsOf(shapesOnly(described));
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const draw = (index: number, bound: number) => uniformInteger(key, round * 16 + index, bound);
    const bytes = whole.slice(0, draw(0, 4) === 0 ? draw(1, whole.length) : whole.length);
    for (let change = draw(2, 4); change > 0 && bytes.length > 0; change--) bytes[draw(3 + change, bytes.length)] = draw(8 + change, 256);
    const source = boundedReads(memoryFiles({ model: bytes }), bytes.length);
    try {
      await load(source, 'model', targets);
    } catch (error) {
      assert.ok(error instanceof DecadeError, String(error));
      refused++;
    }
  }
  assert.ok(refused > 1000, `${refused} refused`);
});

/** Fails a test that asks for more bytes than there are. */
function boundedReads(files: Files, bytes: number): Files {
  return {
    ...files,
    open: async (path) => {
      const file = await files.open(path);
      return {
        size: file.size,
        read: (target, position) => {
          assert.ok(target.length <= bytes, `a buffer of ${target.length} bytes for a file of ${bytes}`);
          return file.read(target, position);
        },
        close: () => file.close(),
      };
    },
  };
}
