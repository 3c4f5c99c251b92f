import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { randomKey, uniformInteger } from '../../core/random.js';
import { requireExamples } from '../../data/chosen-pairs.js';
import { resolveContexts } from '../../data/contexts.js';
import { readPassages, type TextSource } from '../../data/documents.js';
import { textOf } from '../../data/passage.js';
import { describeSource, isText, readPairs, type SentencePair } from '../../data/sources.js';
import { createModel, isCounted } from '../../models/create.js';
import { bytesOfSearch } from '../../decoding/batches.js';
import { resolveDecodingOptions } from '../../decoding/options.js';
import { longestTranslation } from '../../decoding/search.js';
import { layersOf, whyNotLayered } from '../../models/lstm/separable-layers.js';
import { walksOf } from '../../training/walks.js';
import type { Model, VocabularySizes } from '../../models/model.js';
import type { Parameter } from '../../nn/parameters.js';
import { networkOf } from '../../parallel/schedule/network.js';
import { writtenPlacement } from '../../parallel/simulation/choose-plan.js';
import type { Device } from '../../tensor/device.js';
import { type Configuration, tokenizerOptionsOf } from '../../training/configuration.js';
import { trainTokenizers } from '../../training/tokenizers.js';
import { ngramsOf } from './ngrams-of-sample.js';
import { estimatePeak, leastDevices, type MemoryEstimate, mostDevices, type TrainingSetup } from './peak-memory.js';
import { largestSize, trainTokenizer } from '../../text/train-tokenizer.js';

/** Part of a model: `source.embedding`, `encoder`, `decoder`, `attention`, `target.embedding`, `output`. */
export interface ModelPart {
  readonly name: string;
  readonly parameters: number;
}

export interface ModelEstimate {
  readonly parameters: number;
  /** Parameters of the recurrent layers, if it has any. */
  readonly recurrentParameters: number;
  readonly parts: readonly ModelPart[];
  /** Floating-point operations of the matrix products, forward and backward, a source or target token. */
  readonly operationsPerSourceToken: number;
  readonly operationsPerTargetToken: number;
  /** The same of the scores and weighted sums of attention, for a pair of mean length: they grow with the square of the length. */
  readonly attentionOperationsPerPair: number;
  readonly decoding: DecodingEstimate;
}

/** What a search or a text that is written holds in memory besides the parameters. */
export interface DecodingEstimate {
  /** Beam size; 1 for a text. */
  readonly rows: number;
  /** Of the source; 0 without. */
  readonly sourceTokens: number;
  /** That are written at most. */
  readonly targetTokens: number;
  readonly totalMiB: number;
  /** Of it what grows with every token of a row, such as its keys and values. */
  readonly bytesPerStep: number;
}

/** How long the training corpus is; tokens a pair are those of a sample. Of text the pairs are contexts, without sources. */
export interface CorpusEstimate {
  /** That training will have; absent where only the whole corpus, which is too large to be counted, would tell. */
  readonly vocabularies?: VocabularySizes;
  readonly pairs: number;
  readonly sourceTokensPerPair: number;
  /** `</s>` counted. */
  readonly targetTokensPerPair: number;
  /** Of the sampled sentences that training keeps. */
  readonly longestSource: number;
  readonly longestTarget: number;
  /** Of a model that is counted: different n-grams of each order, as many as if what was not sampled repeated nothing. */
  readonly ngrams?: readonly number[] | undefined;
}

/**
 * Counts a configured model without allocating it. Without a corpus it has the largest vocabularies that it may have, and sentences are
 * as long as the configuration allows.
 */
export function estimateModel(configuration: Configuration, corpus?: CorpusEstimate): ModelEstimate {
  const model = modelOf(configuration, corpus?.vocabularies);
  const { parameters: store, summary } = model;
  const { longestSource, longestTarget } = longestOf(configuration);
  const { sourceTokensPerPair = longestSource, targetTokensPerPair = longestTarget } = corpus ?? {};
  const parts = new Map<string, number>();
  for (const parameter of store) parts.set(partOf(parameter), (parts.get(partOf(parameter)) ?? 0) + parameter.size);
  const { encoder = [], decoder = [] } = summary.recurrent ?? {};
  const operations = operationsOfWalk * walksOf(configuration.training);
  return {
    parameters: store.count,
    recurrentParameters: [...encoder, ...decoder].reduce((sum, { values }) => sum + values, 0),
    parts: Array.from(parts, ([name, size]) => ({ name, parameters: size })),
    operationsPerSourceToken: operations * store.costs.source,
    operationsPerTargetToken: operations * store.costs.target,
    attentionOperationsPerPair: operations * (summary.attentionCost?.(sourceTokensPerPair, targetTokensPerPair) ?? 0),
    decoding: estimateDecoding(model, Math.round(sourceTokensPerPair), longestTarget),
  };
}

/** A beam search of the usual size for a sentence, or a text as long as a context. */
function estimateDecoding({ decodingMemory, vocabularies }: Model, sourceTokens: number, contextTokens: number): DecodingEstimate {
  const isText = vocabularies.source === undefined;
  const options = resolveDecodingOptions(isText ? { beam: 1, maximumLength: contextTokens } : {});
  const sentence = { source: new Int32Array(sourceTokens) };
  return {
    rows: options.beam,
    sourceTokens,
    targetTokens: longestTranslation(sentence, options),
    totalMiB: bytesOfSearch(decodingMemory, sentence, options) / 1024 ** 2,
    bytesPerStep: decodingMemory.perStep,
  };
}

/** Tokens of the longest sentences that a configuration allows, `</s>` counted. */
export function longestOf({ data }: Configuration): { readonly longestSource: number; readonly longestTarget: number } {
  if (isText(data.train)) return { longestSource: 0, longestTarget: resolveContexts(data).context };
  return { longestSource: data.maximumLength, longestTarget: data.maximumLength + 1 };
}

/** Of each multiplication of a forward pass: it and its addition, once forward and once for each of the two gradients. */
const operationsOfWalk = 6;

/** Memory that training needs, and what would make a configuration fit that does not. */
export interface MemoryNeed extends MemoryEstimate {
  /** With which it would fit, where fewer would help. */
  readonly devicesAtMost?: number;
  /** Of a pipeline: with which it would fit, where more would help. */
  readonly devicesAtLeast?: number;
  /** Whether a pipeline of as many devices would fit, where data parallel training does not. */
  readonly fitsAsPipeline?: boolean;
  /** Options that make the model smaller. */
  readonly sizeKeys?: readonly string[];
}

/**
 * What training holds in memory at its largest batch. Without a corpus sentences are as long as the configuration allows.
 */
export function estimateMemory(configuration: Configuration, devices: number, corpus: CorpusEstimate | undefined): MemoryNeed {
  const { data, model, training } = configuration;
  const { longestSource, longestTarget } = corpus ?? longestOf(configuration);
  const { batch } = training;
  const most = 'sentences' in batch ? batch.sentences : Math.max(1, Math.floor(batch.tokens / longestTarget));
  // No batch has more sentences than the corpus.
  const sentences = Math.min(most, corpus?.pairs ?? most);
  const pair = { source: new Int32Array(longestSource), target: new Int32Array(longestTarget - 1) };
  const { parallel } = training;
  const { strategy } = parallel;
  const declared = modelOf(configuration, corpus?.vocabularies);
  // Training would refuse it, too.
  if (strategy === 'pipeline') layersOf(declared);
  const placement =
    parallel.strategy === 'pipeline' && parallel.placement !== undefined
      ? writtenPlacement(parallel.placement, networkOf(declared, training.optimizer), devices)
      : undefined;
  const setup: TrainingSetup = {
    modelOptions: model,
    vocabularies: declared.vocabularies,
    optimizer: training.optimizer,
    consistency: training.consistency ?? 0,
    devices,
    strategy,
    placement,
    translates: data.dev !== undefined && training.validate?.metrics.some((metric) => metric !== 'perplexity') === true,
    corpus: corpus && { pairs: corpus.pairs, tokens: corpus.pairs * (corpus.sourceTokensPerPair + corpus.targetTokensPerPair) },
    largestBatch: Array.from({ length: sentences }, (_, key) => ({ key, ...pair })),
  };
  const estimate = estimatePeak(setup);
  if (estimate.fits) return estimate;
  const devicesAtMost = strategy === 'pipeline' ? undefined : mostDevices(setup);
  const devicesAtLeast = strategy === 'pipeline' ? leastDevices(setup) : undefined;
  return {
    ...estimate,
    sizeKeys: declared.summary.sizeKeys,
    ...(devicesAtMost !== undefined && { devicesAtMost }),
    ...(devicesAtLeast !== undefined && { devicesAtLeast }),
    fitsAsPipeline:
      strategy !== 'pipeline' &&
      devices > 1 &&
      walksOf(training) === 1 &&
      whyNotLayered(declared) === undefined &&
      estimatePeak({ ...setup, strategy: 'pipeline' }).fits,
  };
}

const sampleSize = 10_000;
/** Pairs of the sample whose lengths are measured. */
const mostMeasured = 2_000;
const samplingKey = randomKey(1, 'sample');

/** Counts the training corpus. Throws `input` when it cannot be read. */
export async function estimateCorpus(
  files: Files,
  configuration: Configuration,
  onProgress: (pairs: number) => void = () => undefined,
): Promise<CorpusEstimate> {
  if (isText(configuration.data.train)) return estimateText(files, configuration, configuration.data.train, onProgress);
  const sample: SentencePair[] = [];
  let pairs = 0;
  for await (const pair of readPairs(files, configuration.data.train)) {
    if ('unusable' in pair) continue;
    // Every pair is as likely in the sample as any other: corpora are often sorted by length (Vitter 1985, algorithm R).
    const place = pairs < sampleSize ? pairs : uniformInteger(samplingKey, pairs, pairs + 1);
    if (place < sampleSize) sample[place] = pair;
    if (++pairs % 10_000 === 0) onProgress(pairs);
  }
  if (pairs === 0) throw new DecadeError('input', { where: 'data.train', received: 'no sentence pair', allowed: 'at least one' });
  // Opening the corpus would refuse it, too, but after other trainings.
  requireExamples(configuration.data.examples, pairs, describeSource(configuration.data.train));
  const { tokenizer } = configuration;
  // Evenly from all of the sample, of which much is still in the corpus' order.
  const step = Math.max(1, sample.length / mostMeasured);
  const measured = sample.filter((_, index) => index % step < 1);
  const encoded = async (side: 'source' | 'target') => {
    const text = tokenizer.shared ? sample.flatMap(({ source, target }) => [source, target]) : sample.map((pair) => pair[side]);
    const trained = await trainTokenizer(text, tokenizerOptionsOf(tokenizer, side));
    return { size: trained.size, lengths: measured.map((pair) => trained.encode(pair[side]).length) };
  };
  const mean = (of: readonly number[]) => of.reduce((sum, length) => sum + length, 0) / of.length;
  const { maximumLength } = configuration.data;
  const longest = (of: readonly number[]) => Math.max(1, ...of.filter((length) => length <= maximumLength));
  const [{ size: sourceSize, lengths: source }, { size: targetSize, lengths: target }] = [await encoded('source'), await encoded('target')];
  const sampled = { source: sourceSize, target: targetSize };
  const vocabularies = pairs <= sampleSize ? sampled : await wholeVocabularies(files, configuration, sampled, pairs <= mostCounted);
  return {
    ...(vocabularies && { vocabularies }),
    pairs: configuration.data.examples ?? pairs,
    sourceTokensPerPair: mean(source),
    targetTokensPerPair: 1 + mean(target),
    longestSource: longest(source),
    longestTarget: 1 + longest(target),
  };
}

/** Pairs whose words and characters are all counted. */
const mostCounted = 1_000_000;

/**
 * The vocabularies of a corpus of which only a sample has been read: those of the sample where they are as large as they may become;
 * words and characters are counted. Undefined where merged pairs could still become more, or there is too much to count.
 */
async function wholeVocabularies(
  files: Files,
  configuration: Configuration,
  sampled: VocabularySizes,
  mayCount: boolean,
): Promise<VocabularySizes | undefined> {
  const largest = vocabulariesOf(configuration);
  if (sampled.source === largest.source && sampled.target === largest.target) return sampled;
  const { data, tokenizer } = configuration;
  if (!mayCount || (tokenizer.kind !== 'word' && tokenizer.kind !== 'character')) return undefined;
  const { source, target } = await trainTokenizers({ files, source: data.train, options: tokenizer });
  return { source: source?.size, target: target.size };
}

/** Text of which tokens are counted. */
const sampleBytes = 2 * 1024 ** 2;
const mostCountedBytes = 100 * 1024 ** 2;

async function estimateText(
  files: Files,
  configuration: Configuration,
  source: TextSource,
  onProgress: (documents: number) => void,
): Promise<CorpusEstimate> {
  const { data, tokenizer } = configuration;
  const sample: { readonly text: string; readonly ends: boolean }[] = [];
  let [documents, bytes, sampled] = [0, 0, 0];
  for await (const passage of readPassages(files, source)) {
    bytes += passage.bytes.length;
    if (passage.ends && ++documents % 10_000 === 0) onProgress(documents);
    if (sampled >= sampleBytes) continue;
    sample.push({ text: textOf(passage).text, ends: passage.ends });
    sampled += passage.bytes.length;
  }
  if (sampled === 0) throw new DecadeError('input', { where: 'data.train', received: 'no text', allowed: 'at least one document' });
  const texts = sample.map(({ text }) => text);
  const trained = await trainTokenizer(texts, tokenizerOptionsOf(tokenizer, 'target'));
  const passages = sample.map(({ text, ends }) => ({ tokens: trained.encode(text).length, ends }));
  const ofWhole = bytes / sampled;
  const tokens = Math.round(passages.reduce((sum, passage) => sum + passage.tokens, 0) * ofWhole) + documents;
  const { context, across } = resolveContexts(data);
  const pairs = Math.ceil(across ? tokens / context : contextsOf(passages, context) * ofWhole);
  const ofSample = { target: trained.size };
  const ngrams = await ngramsOf(texts, trained, configuration.model);
  const vocabularies = sampled === bytes ? ofSample : await wholeVocabularies(files, configuration, ofSample, bytes <= mostCountedBytes);
  // Of a larger text the contexts were not counted.
  requireExamples(data.examples, sampled === bytes ? pairs : 1.05 * pairs, describeSource(source));
  return {
    ...(vocabularies && { vocabularies }),
    // New ones become rarer the longer a text is.
    ...(ngrams && { ngrams: ngrams.map((count) => Math.ceil(count * ofWhole)) }),
    pairs: data.examples ?? pairs,
    sourceTokensPerPair: 0,
    targetTokensPerPair: tokens / pairs,
    longestSource: 0,
    longestTarget: context,
  };
}

/** Contexts of whole documents, each with its `</s>`, and the share of one in what has been read of a last document. */
function contextsOf(passages: readonly { readonly tokens: number; readonly ends: boolean }[], context: number): number {
  let [contexts, open] = [0, 0];
  for (const { tokens, ends } of passages) {
    open += tokens;
    if (!ends) continue;
    if (open > 0) contexts += Math.ceil((open + 1) / context);
    open = 0;
  }
  return contexts + open / context;
}

/** Pairs that the whole training reads, or what `stop` allows of it; what is counted is read once. */
export function trainingPairs({ model, training }: Configuration, corpus: CorpusEstimate): number {
  if (isCounted(model)) return corpus.pairs;
  const { stop, batch, accumulate } = training;
  const pairsOfStep = 'sentences' in batch ? batch.sentences : batch.tokens / corpus.targetTokensPerPair;
  const byEpochs = stop.epochs === undefined ? Number.POSITIVE_INFINITY : stop.epochs * corpus.pairs;
  const bySteps = stop.steps === undefined ? Number.POSITIVE_INFINITY : stop.steps * pairsOfStep * accumulate;
  return Math.min(byEpochs, bySteps);
}

/** Operations of the matrix products that a pair costs in training. */
export function operationsPerPair(
  { operationsPerSourceToken, operationsPerTargetToken, attentionOperationsPerPair }: ModelEstimate,
  { sourceTokensPerPair, targetTokensPerPair }: Pick<CorpusEstimate, 'sourceTokensPerPair' | 'targetTokensPerPair'>,
): number {
  return sourceTokensPerPair * operationsPerSourceToken + targetTokensPerPair * operationsPerTargetToken + attentionOperationsPerPair;
}

/** Floating-point operations per second in products like most of the model's, on one device. */
export function measureProducts(device: Device, configuration: Configuration, milliseconds = 300): number {
  const [outputs, inputs] = modelOf(configuration).summary.typicalWeights;
  const [m, n, k] = [64, Math.min(outputs, 4096), Math.min(inputs, 1024)];
  const { memory, matrix } = device;
  const block = memory.allocate(4 * (m * k + n * k + m * n));
  memory.f32.fill(0.5, block.offset / 4, (block.offset + block.bytes) / 4);
  const [a, b, c] = [block.offset, block.offset + 4 * m * k, block.offset + 4 * (m * k + n * k)];
  const packed = matrix.pack({ n, k, b, transposeB: true });
  try {
    let best = 0;
    const end = performance.now() + milliseconds;
    for (let round = 0; round < 3 || performance.now() < end; round++) {
      const start = performance.now();
      packed.multiply({ m, a, c, accumulate: false });
      const speed = (2 * m * n * k * 1000) / (performance.now() - start);
      if (round > 0) best = Math.max(best, speed);
    }
    return best;
  } finally {
    packed.release();
    memory.free(block);
  }
}

/** The vocabularies that the tokenizers of a configuration may have, before they are trained. */
export function vocabulariesOf({ data, tokenizer }: Configuration): VocabularySizes {
  const size = (side: 'source' | 'target') => largestSize(tokenizerOptionsOf(tokenizer, side));
  return isText(data.train) ? { target: size('target') } : { source: size('source'), target: size('target') };
}

/** The model of a configuration, its parameters declared and not allocated; without vocabularies, for the largest that it may have. */
export function modelOf(configuration: Configuration, vocabularies = vocabulariesOf(configuration)): Model {
  return createModel(configuration.model, vocabularies);
}

/** `encoder.0.weightInput` belongs to `encoder`, `source.embedding.table` to `source.embedding`. */
function partOf({ name }: Parameter): string {
  const [first = '', second = ''] = name.split('.');
  return first === 'source' || first === 'target' ? `${first}.${second}` : first;
}
