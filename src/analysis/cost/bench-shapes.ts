import { DecadeError, nearestName } from '../../core/errors.js';
import { randomKey, uniformInteger } from '../../core/random.js';
import type { IdPair } from '../../data/batch.js';
import { createModel, type ModelOptions, modelOptions } from '../../models/create.js';
import type { Model } from '../../models/model.js';
import { Memory } from '../../tensor/memory.js';
import { type ClipOptions, type OptimizerOptions, optimizerOptions } from '../../training/optimizer-options.js';

/** A network and a batch to measure with: random ids, every sentence of full length. */
export interface BenchShape extends BenchBatch {
  readonly model: ModelOptions;
  readonly optimizer: OptimizerOptions;
  readonly clip: ClipOptions;
}

interface BenchBatch {
  /** Undefined: a language model. */
  readonly sourceVocabulary?: number;
  readonly targetVocabulary: number;
  readonly sentences: number;
  /** Target tokens a sentence, `</s>` counted; also source tokens. */
  readonly length: number;
}

/** The LSTMs that decade and its peers are compared on. */
export const recurrentShapes = {
  small: { sourceVocabulary: 8_000, targetVocabulary: 8_000, hidden: 256, layers: 2, sentences: 64, length: 20 },
  base: { sourceVocabulary: 8_000, targetVocabulary: 8_000, hidden: 512, layers: 2, sentences: 64, length: 25 },
  deep: { sourceVocabulary: 16_000, targetVocabulary: 16_000, hidden: 512, layers: 4, sentences: 128, length: 25 },
  paper: { sourceVocabulary: 20_000, targetVocabulary: 20_000, hidden: 1_000, layers: 4, sentences: 128, length: 25 },
  /** The paper's own: 384 million parameters. */
  2014: { sourceVocabulary: 160_000, targetVocabulary: 80_000, hidden: 1_000, layers: 4, sentences: 128, length: 25 },
} as const satisfies { [name: string]: BenchBatch & { hidden: number; layers: number } };

/** Encoder-decoders; `tiny` has as many target tokens an update as published for Multi30k. */
const transformerShapes = {
  'transformer-tiny': { vocabulary: 10_000, width: 128, inner: 256, heads: 4, layers: 4, sentences: 292, length: 14 },
  'transformer-small': { vocabulary: 8_000, width: 256, inner: 1_024, heads: 4, layers: 3, sentences: 128, length: 25 },
  'transformer-base': { vocabulary: 16_000, width: 512, inner: 2_048, heads: 8, layers: 6, sentences: 64, length: 25 },
} as const;

/** Language models: nanoGPT's two for Shakespeare (that of the processor, that of the graphics card), and GPT-2 with a quarter of its context. */
const languageModelShapes = {
  'lm-micro': { vocabulary: 65, width: 128, heads: 4, layers: 4, sentences: 12, length: 64 },
  'lm-nano': { vocabulary: 256, width: 384, heads: 6, layers: 6, sentences: 12, length: 256 },
  'lm-gpt2': { vocabulary: 50_257, width: 768, heads: 12, layers: 12, sentences: 4, length: 256 },
} as const;

/** The shapes that can be measured. */
export const benchShapeNames = [recurrentShapes, transformerShapes, languageModelShapes].flatMap((shapes) => Object.keys(shapes));

/** One of `recurrentShapes`. Throws `usage` for another name. */
export function recurrentShape(name: string): (typeof recurrentShapes)[keyof typeof recurrentShapes] {
  if (isIn(recurrentShapes, name)) return recurrentShapes[name];
  throw unknownShape(name, Object.keys(recurrentShapes));
}

/** Throws `usage` for a name that no shape has. */
export function benchShape(name: string): BenchShape {
  if (isIn(recurrentShapes, name)) {
    const { hidden, layers, ...batch } = recurrentShapes[name];
    const model = modelOptions.parse({ kind: 'lstm', layers, hidden, initialRange: 0.08 });
    return { ...batch, model, optimizer: { kind: 'sgd', learningRate: 0.1 }, clip: { kind: 'norm', max: 5 } };
  }
  if (isIn(transformerShapes, name)) {
    const { vocabulary, inner, layers, width, heads, ...batch } = transformerShapes[name];
    const sizes = { encoderLayers: layers, decoderLayers: layers, width, heads, feedForward: inner };
    const model = modelOptions.parse({ kind: 'transformer', ...sizes, sinusoids: 'halves', sourceEnd: false, dropout: 0 });
    return { ...batch, ...adamAlike, sourceVocabulary: vocabulary, targetVocabulary: vocabulary, model };
  }
  if (isIn(languageModelShapes, name)) {
    const { vocabulary, layers, width, heads, ...batch } = languageModelShapes[name];
    const sizes = { decoderLayers: layers, width, heads, maximumLength: batch.length };
    const model = modelOptions.parse({ kind: 'transformer', preset: 'gpt2', ...sizes, dropout: 0 });
    return { ...batch, ...adamAlike, targetVocabulary: vocabulary, model };
  }
  throw unknownShape(name, benchShapeNames);
}

function unknownShape(name: string, names: readonly string[]): DecadeError {
  const nearest = nearestName(name, names);
  return new DecadeError('usage', {
    where: '--config',
    received: name,
    allowed: names.join(', '),
    ...(nearest === undefined ? {} : { next: `did you mean ${nearest}?` }),
  });
}

const adamAlike = {
  optimizer: optimizerOptions.parse({ kind: 'adam', learningRate: 1e-4 }),
  clip: { kind: 'norm', max: 1 },
} as const;

function isIn<Table extends object>(table: Table, name: PropertyKey): name is keyof Table {
  return Object.hasOwn(table, name);
}

/** Tokens of a batch, of both sides where there are two. */
export function benchTokens({ sourceVocabulary, sentences, length }: BenchShape): number {
  return sentences * length * (sourceVocabulary === undefined ? 1 : 2);
}

/** A network of this shape, its parameters declared. */
export function declaredModel({ model: options, sourceVocabulary: source, targetVocabulary: target }: BenchShape): Model {
  return createModel(options, { source, target });
}

/** A network of this shape with random parameters, in a memory of its own. */
export function benchModel(shape: BenchShape): { memory: Memory; model: Model; modelOptions: ModelOptions } {
  const memory = new Memory({ shared: true });
  const model = declaredModel(shape);
  model.parameters.allocate(memory);
  model.parameters.initialise(1);
  return { memory, model, modelOptions: shape.model };
}

/** A batch of random ids. */
export function benchPairs(shape: BenchShape): IdPair[] {
  return randomPairs({ ...shape, sourceTokens: shape.length, targetTokens: shape.length });
}

/** Sentences of equal length, of random ids; target tokens count `</s>`. */
export function randomPairs(shape: {
  readonly sentences: number;
  readonly sourceTokens: number;
  readonly targetTokens: number;
  /** Undefined: no sources. */
  readonly sourceVocabulary?: number | undefined;
  readonly targetVocabulary: number;
}): IdPair[] {
  const ids = (stream: number, count: number, vocabulary: number) =>
    Int32Array.from({ length: count }, (_, index) => 4 + uniformInteger(randomKey(1, 'sample', stream), index, vocabulary - 4));
  return Array.from({ length: shape.sentences }, (_, key) => ({
    key,
    source: shape.sourceVocabulary === undefined ? [] : ids(2 * key, shape.sourceTokens, shape.sourceVocabulary),
    target: ids(2 * key + 1, shape.targetTokens - 1, shape.targetVocabulary),
  }));
}

/** Milliseconds. */
export async function elapsed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
