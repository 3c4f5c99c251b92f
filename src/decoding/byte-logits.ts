import type { ByteLogits } from '../compression/byte-predictor.js';
import { DecadeError } from '../core/errors.js';
import type { DecodingSession, StepModel, StepOutput } from '../models/model.js';
import type { Device } from '../tensor/device.js';
import type { Tokenizer } from '../text/tokenizer.js';

const values = 256;

/**
 * What a language model whose tokens are bytes predicts of a file, byte by byte. It reads as `score` does: when a context is full, it begins
 * again with the later half of it.
 */
export class ModelByteLogits implements ByteLogits {
  readonly logits = new Float32Array(values);
  readonly #model: StepModel;
  readonly #device: Device;
  readonly #context: number;
  readonly #ids: Int32Array;
  /** Ids that the session has read. */
  #read: number[];
  #session: DecodingSession;

  /** `context`: most tokens that are read at once. The parameters may not change meanwhile. */
  constructor(model: StepModel, device: Device, tokenizer: Tokenizer, context: number) {
    this.#model = model;
    this.#device = device;
    this.#context = context;
    this.#ids = idsOfBytes(tokenizer);
    this.#read = [tokenizer.special.begin];
    this.#session = model.decode(device, [[]]);
    this.#take(this.#session.step(Int32Array.from(this.#read)));
  }

  read(byte: number): void {
    const id = this.#ids[byte] as number;
    this.#read.push(id);
    if (this.#read.length <= this.#context) {
      this.#take(this.#session.step(Int32Array.of(id)));
      return;
    }
    this.#read = this.#read.slice(-Math.ceil(this.#context / 2));
    this.#session.dispose();
    this.#session = this.#model.decode(this.#device, [[]]);
    this.#take(this.#session.read([this.#read]));
  }

  dispose(): void {
    this.#session.dispose();
  }

  #take({ logits, bias }: StepOutput): void {
    for (let byte = 0; byte < values; byte++) {
      const id = this.#ids[byte] as number;
      this.logits[byte] = (logits.f32[id] as number) + (bias === undefined ? 0 : (bias.f32[id] as number));
    }
  }
}

/** @throws DecadeError `usage` for tokens that are not bytes */
function idsOfBytes(tokenizer: Tokenizer): Int32Array {
  if (tokenizer.kind !== 'bytes') {
    throw new DecadeError('usage', {
      where: 'model for compression',
      received: `tokens of kind ${tokenizer.kind}`,
      allowed: 'a language model over bytes',
      next: 'train one with tokenizer: { kind: bytes }',
    });
  }
  const ids = new Int32Array(values);
  for (let id = 0; id < tokenizer.size; id++) {
    const [byte] = tokenizer.bytes(id);
    if (byte !== undefined) ids[byte] = id;
  }
  return ids;
}
