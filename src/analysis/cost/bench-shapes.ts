import { DecadeError, nearestName } from '../../core/errors.js';
import { randomKey, uniformInteger } from '../../core/random.js';
import type { IdPair } from '../../data/batch.js';
import { createModel, type ModelOptions, modelOptions } from '../../models/create.js';
import type { Model } from '../../models/model.js';
import { Memory } from '../../tensor/memory.js';

/** A network and a batch to measure with: random ids, every sentence of full length. */
export interface BenchShape {
  readonly sourceVocabulary: number;
  readonly targetVocabulary: number;
  readonly hidden: number;
  readonly layers: number;
  readonly sentences: number;
  /** Source tokens a sentence; also target tokens, `</s>` counted. */
  readonly length: number;
}

/** The shapes that decade and its peers are compared on. */
export const benchShapes = {
  small: { sourceVocabulary: 8_000, targetVocabulary: 8_000, hidden: 256, layers: 2, sentences: 64, length: 20 },
  base: { sourceVocabulary: 8_000, targetVocabulary: 8_000, hidden: 512, layers: 2, sentences: 64, length: 25 },
  deep: { sourceVocabulary: 16_000, targetVocabulary: 16_000, hidden: 512, layers: 4, sentences: 128, length: 25 },
  paper: { sourceVocabulary: 20_000, targetVocabulary: 20_000, hidden: 1_000, layers: 4, sentences: 128, length: 25 },
  /** The paper's own: 384 million parameters. */
  2014: { sourceVocabulary: 160_000, targetVocabulary: 80_000, hidden: 1_000, layers: 4, sentences: 128, length: 25 },
} as const satisfies { [name: string]: BenchShape };

export type BenchName = keyof typeof benchShapes;

export function benchShape(name: string): BenchShape {
  if (Object.hasOwn(benchShapes, name)) return benchShapes[name as BenchName];
  const names = Object.keys(benchShapes);
  const nearest = nearestName(name, names);
  throw new DecadeError('usage', {
    where: '--config',
    received: name,
    allowed: names.join(', '),
    ...(nearest === undefined ? {} : { next: `did you mean ${nearest}?` }),
  });
}

export function modelOptionsOf({ layers, hidden }: BenchShape): ModelOptions {
  return modelOptions.parse({ kind: 'lstm', layers, hidden, initialRange: 0.08 });
}

/** A network of this shape, its parameters declared. */
export function declaredModel(shape: BenchShape): { model: Model; modelOptions: ModelOptions } {
  const options = modelOptionsOf(shape);
  return { model: createModel(options, { source: shape.sourceVocabulary, target: shape.targetVocabulary }), modelOptions: options };
}

/** A network of this shape with random parameters, in a memory of its own. */
export function benchModel(shape: BenchShape): { memory: Memory; model: Model; modelOptions: ModelOptions } {
  const memory = new Memory({ shared: true });
  const { model, modelOptions } = declaredModel(shape);
  model.parameters.allocate(memory);
  model.parameters.initialise(1);
  return { memory, model, modelOptions };
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
