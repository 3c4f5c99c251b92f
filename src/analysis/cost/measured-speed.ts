import { memoryFiles } from '../../core/memory-files.js';
import { randomKey, uniformInteger } from '../../core/random.js';
import { type IdPair, predictedTokens } from '../../data/batch.js';
import { createCounting, createModel, isCounted } from '../../models/create.js';
import type { VocabularySizes } from '../../models/model.js';
import { DataExecutor } from '../../parallel/data/executor.js';
import { InitialValues } from '../../nn/parameters.js';
import { Memories } from '../../parallel/memories.js';
import type { Runtime } from '../../parallel/runtime.js';
import type { Configuration } from '../../training/configuration.js';
import { updateRuleOf } from '../../training/options.js';
import { type CorpusEstimate, vocabulariesOf } from './estimate.js';

export interface SpeedOptions {
  readonly devices: number;
  readonly gemm?: string | undefined;
  /** How long to measure, after a first update that does not count. */
  readonly seconds?: number;
}

/**
 * Source and target tokens per second that training would process here: real updates of the configured model, on random ids in
 * sentences as long as the corpus's are on average. Lower than what the matrix products alone would take, and so nearer to
 * the truth for small models; validation and checkpoints come on top.
 */
export async function measureTrainingSpeed(
  runtime: Runtime,
  configuration: Configuration,
  corpus: CorpusEstimate,
  { devices, gemm, seconds = 1 }: SpeedOptions,
): Promise<number> {
  const { model: modelOptions, training } = configuration;
  if (isCounted(modelOptions)) return countingSpeed(configuration, corpus);
  const { seed, precision } = training;
  const vocabularies = vocabulariesOf(configuration);
  const memories = new Memories(runtime);
  const model = createModel(modelOptions, vocabularies);
  // Opened here first, so that all threads use the library that is chosen once.
  (await runtime.openDevice(memories.withRoom(0), { gemm, precision })).matrix.dispose();
  const rule = updateRuleOf(training);
  const executor = await DataExecutor.start({ runtime, memories, model, modelOptions, rule, devices, gemm, precision });
  try {
    await executor.distribute({ parameters: new InitialValues(model.parameters, seed) });
    const pairs = randomPairs(configuration, corpus, vocabularies);
    const update = (number: number) => executor.update([pairs], { update: number, learningRate: 1e-6 });
    await update(1);
    const start = performance.now();
    let tokens = 0;
    for (let number = 2; number < 4 || performance.now() - start < 1_000 * seconds; number++) {
      const { sourceTokens, targetTokens } = await update(number);
      tokens += sourceTokens + targetTokens;
    }
    return (1_000 * tokens) / (performance.now() - start);
  } finally {
    await executor.dispose();
    await memories.release();
  }
}

/** Tokens per second of a model that is counted, of about so many. */
async function countingSpeed(configuration: Configuration, corpus: CorpusEstimate): Promise<number> {
  const vocabularies = vocabulariesOf(configuration);
  const counting = createCounting(configuration.model, vocabularies, { files: memoryFiles(), directory: 'spill' });
  if (counting === undefined) throw new Error('a model that learns by gradients');
  const pairs = randomPairs(configuration, corpus, vocabularies);
  const start = performance.now();
  let tokens = 0;
  for (let next = 0; tokens < countedTokens; next++) {
    const pair = pairs[next % pairs.length] as IdPair;
    await counting.add(pair);
    tokens += predictedTokens(pair);
  }
  await counting.finish();
  return (1_000 * tokens) / (performance.now() - start);
}

const countedTokens = 100_000;

function randomPairs(
  { training: { batch } }: Configuration,
  { sourceTokensPerPair, targetTokensPerPair }: CorpusEstimate,
  { source, target }: VocabularySizes,
): IdPair[] {
  const sentences = 'sentences' in batch ? batch.sentences : Math.max(1, Math.round(batch.tokens / targetTokensPerPair));
  const ids = (stream: number, count: number, vocabulary: number) =>
    Int32Array.from({ length: count }, (_, index) => uniformInteger(randomKey(1, 'sample', stream), index, vocabulary));
  return Array.from({ length: sentences }, (_, key) => ({
    key,
    source: source === undefined ? [] : ids(2 * key, Math.max(1, Math.round(sourceTokensPerPair)), source),
    target: ids(2 * key + 1, Math.max(0, Math.round(targetTokensPerPair) - 1), target),
  }));
}
