import { turns } from '../core/event-loop.js';
import { BitDecoder, BitEncoder } from './bit-coder.js';
import type { BitModel } from './bit-model.js';
import { ByteReader } from './byte-reader.js';
import { joined, littleEndian, numberAt } from './bytes.js';
import { crc32 } from './checksum.js';
import { damaged } from './damage.js';
import { type Coding, memories, readHeader, writtenHeader } from './header.js';
import { bitModel, type ModelSources } from './model.js';
import { type PredictionOptionsInput, resolvePrediction } from './options.js';

/*
 * A compressed file, whole numbers with the lowest byte first:
 *
 *     the header: see header.ts
 *     blocks:  bytes of text (3), bytes of code (3), CRC-32 of the text (4), code; text that its code would not shorten stands itself
 *     end:     0 (3), bytes of text in all (6)
 *
 * The model learns every block, so a block can be read after those before it only.
 */
const blockHeaderBytes = 10;
const endBytes = 9;
const blockBytes = 65_536;

export interface CompressionControl extends ModelSources {
  readonly signal?: AbortSignal | undefined;
  /** Called after each block with the bytes of text so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export interface CompressOptions extends CompressionControl {
  /** Bytes that will come, where that is known: a small file needs a small model. */
  readonly size?: number | undefined;
  /** Default: `predictionOptions`. */
  readonly prediction?: PredictionOptionsInput | undefined;
}

/** The code of what comes, block by block. Holds one block and the model. */
export async function* compress(
  bytes: AsyncIterable<Uint8Array>,
  options: CompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const coding = codingOf(options);
  const model = await bitModel(coding, options, 'compress');
  yield writtenHeader(coding);
  const encoder = new BitEncoder();
  const turn = turns();
  let total = 0;
  for await (const block of blocksOf(bytes)) {
    options.signal?.throwIfAborted();
    for (const byte of block) {
      for (let place = 7; place >= 0; place--) {
        const bit = ((byte >> place) & 1) as 0 | 1;
        encoder.encode(bit, model.predict());
        model.update(bit);
      }
    }
    const code = encoder.finish();
    const contents = code.length < block.length ? code : block;
    yield joined(littleEndian([block.length, 3], [contents.length, 3], [crc32(block), 4]), contents);
    total += block.length;
    options.onProgress?.(total);
    await turn();
  }
  yield littleEndian([0, 3], [total, 6]);
}

/**
 * The text of a compressed file, block by block, each checked before it is given.
 *
 * @param name  the file, for errors
 * @throws DecadeError `input` for a file that is not one, is damaged or ends early, with the place
 */
export async function* decompress(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  { signal, onProgress, ...sources }: CompressionControl = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new ByteReader(bytes, name);
  try {
    const model = await bitModel(await readHeader(input, name), sources, name);
    const turn = turns();
    let total = 0;
    for (let number = 1; ; number++) {
      signal?.throwIfAborted();
      const begin = await input.take(3, number === 1 ? 'what follows the header' : `what follows block ${number - 1}`);
      const length = numberAt(begin, 0, 3);
      if (length === 0) break;
      const rest = await input.take(blockHeaderBytes - 3, `the header of block ${number}`);
      const coded = numberAt(rest, 0, 3);
      const what = `block ${number} (bytes ${total.toLocaleString('en')} to ${(total + length).toLocaleString('en')} of the text)`;
      if (length > blockBytes || coded > length) throw damaged(name, what);
      const code = await input.take(coded, what);
      const text = coded === length ? learnt(code, model) : decoded(code, length, model);
      if (crc32(text) !== numberAt(rest, 3, 4)) throw damaged(name, what);
      total += length;
      yield text;
      onProgress?.(total);
      await turn();
    }
    const end = await input.take(endBytes - 3, 'the end');
    if (numberAt(end, 0, 6) !== total) throw damaged(name, `the end, which says ${numberAt(end, 0, 6).toLocaleString('en')} bytes of text`);
    await input.requireEnd();
  } finally {
    await input.close();
  }
}

function codingOf({ size, prediction = {}, trained }: CompressOptions): Coding {
  const { networkOnly, cells, adapt } = resolvePrediction(prediction);
  const isLearning = trained === undefined || adapt;
  return { kind: 'networks', memory: memoryFor(size), mixed: !networkOnly, trained, network: isLearning ? { cells } : undefined };
}

function memoryFor(size: number | undefined): number {
  if (size === undefined) return memories.usual;
  return Math.max(memories.least, Math.min(memories.most, Math.ceil(Math.log2(Math.max(1, size))) - 1));
}

function decoded(code: Uint8Array, length: number, model: BitModel): Uint8Array {
  const decoder = new BitDecoder(code);
  const text = new Uint8Array(length);
  for (let position = 0; position < length; position++) {
    let byte = 0;
    for (let place = 7; place >= 0; place--) {
      const bit = decoder.decode(model.predict());
      model.update(bit);
      byte = (byte << 1) | bit;
    }
    text[position] = byte;
  }
  return text;
}

/** Text that stands itself teaches the model all the same. */
function learnt(text: Uint8Array, model: BitModel): Uint8Array {
  for (const byte of text) {
    for (let place = 7; place >= 0; place--) {
      model.predict();
      model.update(((byte >> place) & 1) as 0 | 1);
    }
  }
  return text;
}

async function* blocksOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const block = new Uint8Array(blockBytes);
  let filled = 0;
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length; ) {
      const part = piece.subarray(taken, taken + blockBytes - filled);
      block.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled < blockBytes) continue;
      yield block;
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
