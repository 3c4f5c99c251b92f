import { DecadeError, nearestName } from '../../core/errors.js';
import { createModel, type ModelOptions, modelOptions } from '../../models/create.js';
import type { ProductShape } from '../../tensor/matrix.js';
import { Memory } from '../../tensor/memory.js';
import { stepBytes } from '../../training/step-memory.js';
import { type BenchShape, benchShapes, modelOptionsOf, randomPairs } from './bench-shapes.js';

/** Products of one shape in an update. */
export interface ShapeOfUpdate extends ProductShape {
  readonly count: number;
}

/** A network and the batch of an update, full sentences. Without `source` it is a language model. */
interface Update {
  readonly model: ModelOptions;
  /** Of both sides. */
  readonly vocabulary: number;
  readonly sentences: number;
  /** Tokens of a source. */
  readonly source?: number;
  /** Tokens of a target. */
  readonly target: number;
}

function lstm(shape: BenchShape): Update {
  const { targetVocabulary: vocabulary, sentences, length } = shape;
  return { model: modelOptionsOf(shape), vocabulary, sentences, source: length, target: length };
}

function transformer(layers: number, width: number, heads: number, feedForward: number, batch: Omit<Update, 'model'>): Update {
  const sizes = { encoderLayers: batch.source === undefined ? 0 : layers, decoderLayers: layers, width, heads, feedForward };
  return { model: modelOptions.parse({ kind: 'transformer', sourceEnd: false, ...sizes }), ...batch };
}

const { small, base, deep, paper } = benchShapes;
const updates: Readonly<Record<string, Update>> = {
  small: lstm(small),
  base: lstm(base),
  deep: lstm(deep),
  paper: lstm(paper),
  'transformer-tiny': transformer(4, 128, 4, 256, { vocabulary: 10_000, sentences: 292, source: 14, target: 14 }),
  'transformer-small': transformer(3, 256, 4, 1_024, { vocabulary: 8_000, sentences: 128, source: 25, target: 25 }),
  'transformer-base': transformer(6, 512, 8, 2_048, { vocabulary: 16_000, sentences: 64, source: 25, target: 25 }),
  // The settings of nanoGPT for a processor and for Shakespeare, and a quarter of GPT-2's context.
  'lm-micro': transformer(4, 128, 4, 512, { vocabulary: 65, sentences: 12, target: 64 }),
  'lm-nano': transformer(6, 384, 6, 1_536, { vocabulary: 256, sentences: 12, target: 256 }),
  'lm-gpt2': transformer(12, 768, 12, 3_072, { vocabulary: 50_257, sentences: 4, target: 256 }),
};

/** The networks whose products can be listed. */
export const updateNames: readonly string[] = Object.keys(updates);

/**
 * The products of one update of a network by shape, those that take most operations first.
 *
 * @throws DecadeError `usage` for an unknown name
 */
export function productsOfUpdate(name: string): ShapeOfUpdate[] {
  const update = Object.hasOwn(updates, name) ? updates[name] : undefined;
  if (update === undefined) {
    const nearest = nearestName(name, updateNames);
    throw new DecadeError('usage', {
      where: '--config',
      received: name,
      allowed: updateNames.join(', '),
      ...(nearest === undefined ? {} : { next: `did you mean ${nearest}?` }),
    });
  }
  const shapes = new Map<string, ShapeOfUpdate>();
  for (const product of recordedProducts(update)) {
    const key = Object.values(product).join(' ');
    shapes.set(key, { ...product, count: (shapes.get(key)?.count ?? 0) + 1 });
  }
  return [...shapes.values()].sort((left, right) => operationsOf(right) - operationsOf(left));
}

/** Additions and multiplications. */
export function operationsOf({ m, n, k, count }: ShapeOfUpdate): number {
  return 2 * m * n * k * count;
}

/** What a step of the model itself asks for. */
function recordedProducts({ model: options, vocabulary, sentences, source, target }: Update): ProductShape[] {
  const sourceVocabulary = source === undefined ? undefined : vocabulary;
  const model = createModel(options, { source: sourceVocabulary, target: vocabulary });
  const memory = new Memory({ shared: false });
  model.parameters.attach(memory, Object.fromEntries(Array.from(model.parameters, (parameter) => [parameter.name, 0])));
  const pairs = randomPairs({
    sentences,
    sourceTokens: source ?? 0,
    targetTokens: target,
    sourceVocabulary,
    targetVocabulary: vocabulary,
  });
  const products: ProductShape[] = [];
  stepBytes(model, memory, pairs, ({ m, n, k, transposeA, transposeB, accumulate }, packed) => {
    products.push({ m, n, k, transposeA, transposeB, accumulate, packed });
  });
  return products;
}
