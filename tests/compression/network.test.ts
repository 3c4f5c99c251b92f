import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compress, type CompressOptions, decompress } from '../../src/compression/format.js';
import { engines, kernelMemory } from '../../src/compression/network/kernel-memory.js';
import { LearningNetwork } from '../../src/compression/network/learning-network.js';
import { DecadeError } from '../../src/core/errors.js';
import { normal, randomKey, uniformInteger } from '../../src/core/random.js';
import { multilingualLines } from '../text/sample-text.js';

const text = new TextEncoder().encode(multilingualLines().join('\n')).subarray(0, 400);

async function whole(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of stream) all.push(piece.slice());
  return Buffer.concat(all);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const packed = (bytes: Uint8Array, options: CompressOptions = {}) => whole(compress(once(bytes), { size: bytes.length, ...options }));

test('WebAssembly and JavaScript compute the same bits, kernel by kernel', async () => {
  const [cells, width, steps] = [16, 64, 3];
  const place = (index: number) => 4 * 2_048 * index;
  const results: Uint32Array[] = [];
  for (const engine of engines) {
    const { kernels, values, integers } = await kernelMemory(place(12), engine);
    for (let at = 0; at < values.length; at++) values[at] = normal(randomKey(at, 'initialise'), 0) * (at % 7 === 0 ? 30 : 1);
    // Mean squares are not negative.
    for (const index of [4, 5])
      for (let at = 0; at < 2_048; at++) values[place(index) / 4 + at] = Math.abs(values[place(index) / 4 + at] as number);
    integers.set([place(1), place(2) + 16, place(1) + 32], place(11) / 4);
    kernels.sumRows(place(0), place(11), 3, width);
    kernels.addProducts(place(3), place(1), place(2), cells, width);
    kernels.innerProducts(place(6), place(1), place(2), cells, width);
    kernels.distribution(place(7), place(8), 256);
    kernels.normalised(place(9), place(2), place(4), width, 0.99, 1.7, 0.3);
    kernels.subtractOuterProduct(place(10), place(9), place(2), cells, width);
    kernels.rmsprop(place(1), place(5), place(2), place(3), cells, width, steps, 0.01, 0.999, 3.3);
    kernels.adagrad(place(11), 1, place(4) - place(1), place(2), width, 0.3);
    kernels.lstmForward(place(3), place(2), place(6), place(9), cells);
    kernels.lstmBackward(place(3), place(2), place(6), place(0), place(9), place(10), cells);
    results.push(new Uint32Array(values.buffer, 0, place(12) / 4).slice());
  }
  assert.ok(results[0]?.some((value) => value !== 0));
  assert.deepEqual(results[1], results[0]);
});

for (const prediction of [{ cells: 16 }, { cells: 16, networkOnly: true }, { cells: 0 }]) {
  test(`any engine reads what any other wrote: ${JSON.stringify(prediction)}`, async () => {
    const codes = await Promise.all(engines.map((engine) => packed(text, { prediction, engine })));
    assert.deepEqual(codes[1], codes[0]);
    for (const engine of engines) {
      const back = await whole(decompress(once(codes[0] ?? new Uint8Array()), 'file.dcz', { engine }));
      assert.deepEqual(back, Buffer.from(text));
    }
  });
}

test('the network learns what came before each byte, and its cells what no short context shows', async () => {
  const key = randomKey(3, 'corpus');
  const cost = async (cells: number) => {
    const network = await LearningNetwork.create({ bits: 14, cells });
    let bits = 0;
    // Every fourth byte is an a. The three between are any of 16 letters, so that they were hardly ever seen together.
    for (let place = 0; place < 4_000; place++) {
      const byte = place % 4 === 3 ? 0x61 : 0x62 + uniformInteger(key, place, 16);
      const frequencies = network.predict();
      if (byte === 0x61 && place >= 3_000)
        bits -= Math.log2((frequencies[byte] as number) / frequencies.reduce((sum, value) => sum + value, 0));
      network.learn(byte);
    }
    return bits / 250;
  };
  const [without, withCells] = [await cost(0), await cost(32)];
  // Of 256 bytes, chance would take 8 bits.
  assert.ok(without < 2.5, String(without));
  assert.ok(withCells < 0.5 * without, `${withCells} against ${without}`);
});

test('what is predicted with cannot be anything', async () => {
  for (const prediction of [{ cells: 7 }, { cells: 4_096 }]) {
    await assert.rejects(
      packed(text, { prediction }),
      (error) => error instanceof DecadeError && /compression options\.cells/.test(error.parts.where),
    );
  }
});
