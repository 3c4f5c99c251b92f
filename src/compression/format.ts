import { turns } from '../core/event-loop.js';
import { DecadeError } from '../core/errors.js';
import { BitDecoder, BitEncoder } from './bit-coder.js';
import { crc32 } from './checksum.js';
import { type BitModel, CountingModel } from './counting-model.js';

/*
 * A compressed file, whole numbers with the lowest byte first:
 *
 *     'dcz', version (1 byte), model (1 byte), memory (1 byte), CRC-32 of these six bytes (4 bytes)
 *     blocks:  bytes of text (3), bytes of code (3), CRC-32 of the text (4), code; text that its code would not shorten stands itself
 *     end:     0 (3), bytes of text in all (6)
 *
 * The model learns every block, so a block can be read after those before it only.
 */
const magic = [0x64, 0x63, 0x7a] as const;
const version = 1;
/** The models that a file may be coded with. A number never gets another meaning. */
const models = { counting: 1 } as const;
const headerBytes = 10;
const blockHeaderBytes = 10;
const endBytes = 9;
const blockBytes = 65_536;

/** 2^10 to 2^20 slots for each context; more is refused before anything is allocated. */
const memories = { least: 10, usual: 18, most: 20 } as const;

export interface CompressionControl {
  readonly signal?: AbortSignal | undefined;
  /** Called after each block with the bytes of text so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export interface CompressOptions extends CompressionControl {
  /** Bytes that will come, where that is known: a small file needs a small model. */
  readonly size?: number | undefined;
}

/** The code of what comes, block by block. Holds one block and the model. */
export async function* compress(
  bytes: AsyncIterable<Uint8Array>,
  options: CompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const memory = memoryFor(options.size);
  yield header(memory);
  const model = new CountingModel(memory);
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
  { signal, onProgress }: CompressionControl = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new ByteReader(bytes, name);
  try {
    const model = modelOf(await input.header(), name);
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

/** Whether a file begins as a compressed one does. */
export function isCompressed(beginning: Uint8Array): boolean {
  return magic.every((byte, place) => beginning[place] === byte);
}

function memoryFor(size: number | undefined): number {
  if (size === undefined) return memories.usual;
  return Math.max(memories.least, Math.min(memories.most, Math.ceil(Math.log2(Math.max(1, size))) - 1));
}

function header(memory: number): Uint8Array {
  const beginning = Uint8Array.of(...magic, version, models.counting, memory);
  return joined(beginning, littleEndian([crc32(beginning), 4]));
}

function modelOf(bytes: Uint8Array, name: string): BitModel {
  const refused = (received: string, allowed: string, next: string) => new DecadeError('input', { where: name, received, allowed, next });
  if (!isCompressed(bytes)) throw refused('no compressed file of decade', 'what decade compress wrote', 'check the name of the file');
  if (crc32(bytes.subarray(0, 6)) !== numberAt(bytes, 6, 4)) throw damaged(name, 'the header');
  const [, , , found = 0, kind = 0, memory = 0] = bytes;
  if (found > version) throw refused(`format version ${found}`, `at most ${version}`, 'use the newer decade that wrote this file');
  if (kind !== models.counting || memory < memories.least || memory > memories.most) {
    throw refused(
      `model ${kind} with memory ${memory}`,
      'a model that this version of decade knows',
      'use the newer decade that wrote this file',
    );
  }
  return new CountingModel(memory);
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

function damaged(name: string, place: string): DecadeError {
  return new DecadeError('input', {
    where: `${name}: ${place}`,
    received: 'damaged data',
    allowed: 'the file as decade compress wrote it',
    next: 'copy the file again',
  });
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

/** Reads a stream in pieces of the sizes that are asked for. */
class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #isEnded = false;

  constructor(bytes: AsyncIterable<Uint8Array>, name: string) {
    this.#iterator = bytes[Symbol.asyncIterator]();
    this.#name = name;
  }

  /** @throws DecadeError `input` where the stream ends before; `what` names what is missing */
  async take(count: number, what: string): Promise<Uint8Array> {
    while (this.#length < count && (await this.#more()));
    if (this.#length < count) {
      throw new DecadeError('input', {
        where: `${this.#name}: ${what}`,
        received: 'the end of the file',
        allowed: 'a whole file',
        next: 'copy the file again',
      });
    }
    const all = joined(...this.#pieces);
    this.#pieces = [all.subarray(count)];
    this.#length -= count;
    return all.subarray(0, count);
  }

  /** The header; of a file that is too short for one, what there is if that does not begin as one. */
  async header(): Promise<Uint8Array> {
    while (this.#length < headerBytes && (await this.#more()));
    const there = joined(...this.#pieces);
    return isCompressed(there) ? this.take(headerBytes, 'the header') : there;
  }

  async requireEnd(): Promise<void> {
    while (this.#length === 0 && (await this.#more()));
    if (this.#length > 0) throw damaged(this.#name, 'what follows the end');
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #more(): Promise<boolean> {
    if (this.#isEnded) return false;
    const { done, value } = await this.#iterator.next();
    if (done) this.#isEnded = true;
    else {
      this.#pieces.push(value);
      this.#length += value.length;
    }
    return !this.#isEnded;
  }
}

function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return only;
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let begin = 0;
  for (const piece of pieces) {
    all.set(piece, begin);
    begin += piece.length;
  }
  return all;
}

/** Numbers with the bytes that each takes. */
function littleEndian(...numbers: readonly (readonly [value: number, bytes: number])[]): Uint8Array {
  return Uint8Array.from(
    numbers.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, byte) => Math.floor(value / 256 ** byte) % 256)),
  );
}

function numberAt(bytes: Uint8Array, begin: number, count: number): number {
  let value = 0;
  for (let byte = count - 1; byte >= 0; byte--) value = value * 256 + (bytes[begin + byte] ?? 0);
  return value;
}
