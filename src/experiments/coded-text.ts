import { BitEncoder } from '../compression/bit-coder.js';
import { BitsOfBytes, type BytePredictor } from '../compression/byte-predictor.js';
import { turns } from '../core/event-loop.js';

/** What a text costs. */
export interface CodedText {
  /** By what is predicted: the negative binary logarithm of each byte's probability, over bytes. */
  readonly predictedBits: number;
  /** Of the code that was written. */
  readonly codeBytes: number;
}

/** Codes a text by what is predicted of it. */
export async function codeText(text: Uint8Array, predictor: BytePredictor, signal?: AbortSignal): Promise<CodedText> {
  const turn = turns();
  const bits = new BitsOfBytes(predictor);
  const encoder = new BitEncoder();
  let predicted = 0;
  for (const byte of text) {
    signal?.throwIfAborted();
    const frequencies = predictor.predict();
    predicted -= Math.log2((frequencies[byte] as number) / frequencies.reduce((sum, value) => sum + value, 0));
    for (let place = 7; place >= 0; place--) {
      const bit = ((byte >> place) & 1) as 0 | 1;
      encoder.encode(bit, bits.predict());
      bits.update(bit);
    }
    await turn();
  }
  return { predictedBits: predicted / text.length, codeBytes: encoder.finish().length };
}
