import { DecadeError } from '../core/errors.js';
import { requireList } from '../core/lists.js';
import type { Device } from '../tensor/device.js';
import { batchesByLength } from './batches.js';
import { turns } from '../core/event-loop.js';
import { resolveDecodingOptions } from './options.js';
import { encodeLine, sourceLimit } from './source-line.js';
import type { TranslationModel } from './translation-model.js';

export interface SentenceVectors {
  /** Which values of the model they are. */
  readonly description: string;
  /** One a line, in their order; undefined for an empty line. */
  readonly vectors: readonly (Float32Array | undefined)[];
}

export interface SentenceVectorOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { done: number; total: number }) => void) | undefined;
}

/**
 * What the model's encoder makes of every line, as one vector each.
 *
 * @throws DecadeError `usage` for an architecture without such a vector
 */
export async function sentenceVectors(
  { name, model, sourceTokenizer }: TranslationModel,
  device: Device,
  lines: readonly string[],
  { signal, onProgress }: SentenceVectorOptions = {},
): Promise<SentenceVectors> {
  requireList('lines', lines);
  const encoder = model.sentenceEncoder;
  if (encoder === undefined) {
    throw new DecadeError('usage', {
      where: name,
      received: 'a model without sentence vectors',
      allowed: 'an encoder with a final state, such as an LSTM',
    });
  }
  const options = resolveDecodingOptions();
  const encoded = lines.map((line, index) => encodeLine(sourceTokenizer, line, index + 1, sourceLimit(options, model)).ids);
  const filled = [...encoded.keys()].filter((index) => (encoded[index] as number[]).length > 0);
  const vectors = new Array<Float32Array | undefined>(lines.length).fill(undefined);
  const turn = turns();
  let done = 0;
  const lengths = filled.map((index) => (encoded[index] as number[]).length);
  for (const positions of batchesByLength(lengths, options.batch)) {
    await turn();
    signal?.throwIfAborted();
    const chosen = positions.map((position) => filled[position] as number);
    const sources = chosen.map((index) => encoded[index] as number[]);
    for (const [sentence, vector] of encoder.encode(device, sources).entries()) vectors[chosen[sentence] as number] = vector;
    done += chosen.length;
    onProgress?.({ done, total: filled.length });
  }
  return { description: encoder.description, vectors };
}
