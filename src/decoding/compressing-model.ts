import type { ByteLogits } from '../compression/byte-predictor.js';
import { joined } from '../compression/bytes.js';
import { crc32 } from '../compression/checksum.js';
import type { TrainedModel } from '../compression/trained-model.js';
import { DecadeError } from '../core/errors.js';
import { contentHash } from '../data/content-hash.js';
import type { Model } from '../models/model.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { ModelByteLogits } from './byte-logits.js';
import type { LocalDecodingExecutor } from './local-executor.js';

/** Bytes of a fixed text after which predictions are compared, unless a context is shorter. */
const checkedBytes = 64;

/** A model as it was opened. */
interface OpenedModel {
  readonly name: string;
  readonly model: Model;
  /** Of a language model: tokens of a context in training. */
  readonly context: number | undefined;
  readonly targetTokenizer: Tokenizer;
  /** Whether its products are computed in integers. */
  readonly integers?: boolean | undefined;
}

/**
 * Hands over the only one of some models as what predicts a file, for as long as `use` takes.
 *
 * @throws DecadeError `usage` for several models, for a translator, and for tokens that are not bytes
 */
export async function compressingModel<Result>(
  members: readonly OpenedModel[],
  local: Pick<LocalDecodingExecutor, 'with'>,
  use: (model: TrainedModel) => Promise<Result>,
): Promise<Result> {
  const [only, ...others] = members;
  if (only?.context === undefined || others.length > 0) {
    throw new DecadeError('usage', {
      where: only?.name ?? 'model',
      received: others.length > 0 ? `${members.length} models` : 'a translator',
      allowed: 'one language model',
    });
  }
  const { name, targetTokenizer, context } = only;
  return local.with(async (model, device) => {
    const begun: ModelByteLogits[] = [];
    const start = () => {
      const logits = new ModelByteLogits(model, device, targetTokenizer, context);
      begun.push(logits);
      return logits;
    };
    try {
      return await use({ name, identity: await identityOf(only, context), check: checkValue(start(), context), start });
    } finally {
      for (const logits of begun) logits.dispose();
    }
  });
}

/** SHA-256 of what a model has learnt and of how it is read. Options of its architecture are left to the check value: later versions may have more. */
async function identityOf({ model: { parameters }, integers = false }: OpenedModel, context: number): Promise<Uint8Array> {
  const described = JSON.stringify({ context, integers, shapes: [...parameters.shapes] });
  const contents = function* () {
    yield new TextEncoder().encode(described);
    for (const { value } of parameters) yield new Uint8Array(value.f32.slice().buffer);
  };
  const hash = await contentHash(contents());
  return Uint8Array.from({ length: hash.length / 2 }, (_, byte) => Number.parseInt(hash.slice(2 * byte, 2 * byte + 2), 16));
}

/** CRC-32 of the logits of a fixed text: equal where a model computes the same bits. */
function checkValue(bytes: ByteLogits, context: number): number {
  const all: Uint8Array[] = [];
  for (let place = 0; place < Math.min(checkedBytes, context - 1); place++) {
    bytes.read((0x61 + place * 7) & 0x7f);
    all.push(new Uint8Array(bytes.logits.slice().buffer));
  }
  return crc32(joined(...all));
}
