import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import { decade } from '../../src/decade.js';
import { sha256 } from '../../src/core/sha256.js';
import { noHash } from '../../src/packed/format.js';
import { mountRuns } from '../../src/packed/mounted-runs.js';
import type { Runtime } from '../../src/parallel/runtime.js';
import { gemm, packed, trainedRuns } from './packed-run.js';

let runtime: Runtime;
let bytes: Uint8Array;
let header: string;

before(async () => {
  runtime = await trainedRuns();
  await packed(runtime.files, 'one', { out: 'one.decade', precision: 'int8' });
  bytes = await runtime.files.readBytes('one.decade');
  header = new TextDecoder().decode(bytes.subarray(8, 8 + new DataView(bytes.buffer).getUint32(0, true)));
});

/** Everything that loading reads of a file; refused, it must be by a DecadeError. */
async function read(contents: Uint8Array): Promise<'read' | DecadeError> {
  const files = memoryFiles({ 'x.decade': contents });
  try {
    const mounted = await mountRuns(files, ['x.decade']);
    for (const run of mounted.runs) {
      for (const name of await mounted.files.list(run)) for await (const _chunk of mounted.files.stream(`${run}/${name}`));
    }
    await mounted.close();
    return 'read';
  } catch (error) {
    if (error instanceof DecadeError) return error;
    throw error;
  }
}

/** The file with another header, which is hashed as a writer would, so that only its contents are wrong. */
async function lying(change: (header: string) => string): Promise<Uint8Array> {
  const text = change(header).replace(/("hash":")[0-9a-f]{64}/, `$1${noHash}`);
  const json = new TextEncoder().encode(text);
  const values = bytes.subarray(8 + header.length);
  const file = new Uint8Array(8 + json.length + values.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(values, 8 + json.length);
  const hash = await sha256(file.subarray(0, 8 + json.length));
  file.set(new TextEncoder().encode(text.replace(noHash, hash)), 8);
  return file;
}

describe('a damaged or crafted packed model', () => {
  test('every change of a byte is refused', async () => {
    assert.equal(await read(bytes), 'read');
    const key = randomKey(1, 'sample');
    for (let flip = 0; flip < 400; flip++) {
      // Every other one in the header, which is small.
      const range = flip % 2 === 0 ? 8 + header.length : bytes.length;
      const changed = bytes.slice();
      const at = uniformInteger(key, 2 * flip, range);
      changed[at] = (changed[at] ?? 0) ^ (1 << uniformInteger(key, 2 * flip + 1, 8));
      assert.ok((await read(changed)) instanceof DecadeError, `byte ${at}`);
    }
  });

  test('every end before the end is refused', async () => {
    const key = randomKey(2, 'sample');
    for (let cut = 0; cut < 100; cut++) {
      const length = uniformInteger(key, cut, cut % 2 === 0 ? 8 + header.length : bytes.length);
      assert.ok((await read(bytes.subarray(0, length))) instanceof DecadeError, `${length} bytes`);
    }
    assert.ok((await read(Uint8Array.of(...bytes, 0))) instanceof DecadeError, 'one byte more');
  });

  test('bytes at random are refused', async () => {
    const key = randomKey(3, 'sample');
    for (let file = 0; file < 100; file++) {
      const noise = Uint8Array.from({ length: 200 }, (_, at) => uniformInteger(key, 200 * file + at, 256));
      if (file % 2 === 0) noise.set(bytes.subarray(0, 70));
      assert.ok((await read(noise)) instanceof DecadeError);
    }
  });

  test('digits of a header that is hashed anew are refused or read, and never crash', async () => {
    const key = randomKey(4, 'sample');
    const digits = [...header.matchAll(/\d+/g)];
    for (let lie = 0; lie < 300; lie++) {
      const digit = digits[uniformInteger(key, 2 * lie, digits.length)];
      const number = ['0', '-1', '1e999', '18446744073709551616', '4294967296', '1.5'][uniformInteger(key, 2 * lie + 1, 6)] ?? '';
      const start = digit?.index ?? 0;
      await read(await lying((text) => text.slice(0, start) + number + text.slice(start + (digit?.[0].length ?? 0))));
    }
  });

  const lies: Readonly<Record<string, [(header: string) => string, RegExp]>> = {
    'a newer version': [(text) => text.replace('"version":"1"', '"version":"2"'), /format version 2; expected 1\. Use the newer decade/],
    'pieces of 1 TB': [(text) => text.replace(/"pieceBytes":"\d+"/, '"pieceBytes":"1000000000000"'), /hashes of pieces of 1000000000000/],
    'pieces of nothing': [(text) => text.replace(/"pieceBytes":"\d+"/, '"pieceBytes":"0"'), /hashes of pieces of 0 bytes/],
    'no hashes': [(text) => text.replace(/"pieces":"[0-9a-f]+"/, '"pieces":""'), /0 hashes of pieces/],
    'a file outside': [(text) => text.replace('config.yaml\\"', '../config.yaml\\"'), /metadata with a wrong models/],
    'a file that is not there': [(text) => text.replace('\\"@config.yaml\\"', '\\"@nothing\\"'), /no contents of config\.yaml/],
    'weights in the place of a file': [(text) => text.replace('\\"@config.yaml\\"', '\\"output.weight\\"'), /no contents of config\.yaml/],
    'no model': [(text) => text.replace(/"models":"(\\.|[^"\\])*"/, '"models":"[]"'), /metadata with a wrong models/],
    'models that are not JSON': [(text) => text.replace(/"models":"(\\.|[^"\\])*"/, '"models":"[["'), /metadata with a wrong models/],
    'no description': [(text) => text.replaceAll('\\"model.json\\"', '\\"m.json\\"'), /a model without model\.json/],
    'a deep header': [
      (text) => text.replace('"__metadata__":', `"__metadata__":${'['.repeat(100_000)}`),
      /another kind|not packed by decade/,
    ],
  };
  for (const [what, [change, message]] of Object.entries(lies)) {
    test(`${what} is refused`, async () => {
      const refusal = await read(await lying(change));
      assert.ok(refusal instanceof DecadeError, String(refusal));
      assert.match(refusal.message, message);
    });
  }

  test('weights of another shape than described are refused before they are loaded', async () => {
    const files = memoryFiles({ 'x.decade': await lying((text) => text.replace('\\"prefix\\":\\"\\"', '\\"prefix\\":\\"e\\"')) });
    await assert.rejects(decade({ ...runtime, files }).load('x.decade', { gemm }), /x\.decade\/model\.safetensors: no /);
  });

  for (const [what, contents, message] of [
    ['a plain safetensors file', 'model.safetensors', /a safetensors file that was not packed by decade/],
    ['a text', 'config.yaml', /a file of another kind; expected a run directory, or a model that `decade pack` made/],
  ] as const) {
    test(`${what} is no packed model`, async () => {
      await assert.rejects(decade(runtime).load(`one/${contents}`, { gemm }), { kind: 'input', message });
    });
  }
});
