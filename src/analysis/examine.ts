import { Run } from '../checkpoint/run.js';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { describeSource, readPairs } from '../data/sources.js';
import type { AttentionMap } from '../decoding/attention-map.js';
import { type DecodingOptionsInput, resolveDecodingOptions } from '../decoding/options.js';
import type { SentenceVectorOptions, SentenceVectors } from '../decoding/sentence-vectors.js';
import type { TranslateOptions } from '../decoding/translator.js';
import { metrics } from '../metrics/evaluate.js';
import { createModel } from '../models/create.js';
import { type Configuration, resolveConfiguration } from '../training/configuration.js';
import { binsByLength } from './by-length.js';
import { binsByRarity, FrequencyRanks } from './by-rarity.js';
import { type ScoredBin, scoreBins } from './bins.js';
import { type CorpusFacts, corpusFacts, testSetFacts, wordFrequencies } from './corpus-facts.js';
import { excessRepetition } from './repetition.js';
import { requireTestSet, type ScoreInterval, scoreInterval, scoreSentences, type TestSet } from './scored-sentences.js';
import { type MappedGroup, mapGroups, mapSentences, type SentenceGroup, type SentenceMap } from './sentence-map.js';
import { readTrainingRecord, type TrainingRecord } from './training-record.js';
import type { WorkControl } from './work.js';

/** What an examination asks of a model. */
export interface ExaminedModel {
  translate(lines: readonly string[], options?: TranslateOptions): Promise<readonly { readonly text: string }[]>;
  sentenceVectors(lines: readonly string[], options?: SentenceVectorOptions): Promise<SentenceVectors>;
  /** Undefined for an empty line, and for a model without attention. */
  attentionMaps(lines: readonly string[], options?: TranslateOptions): Promise<readonly (AttentionMap | undefined)[]>;
  dispose(): Promise<void>;
}

export interface ExaminationRequest extends WorkControl {
  /** Default: the run's dev corpus. */
  readonly testSet?: TestSet | undefined;
  /** Sentences to map by themselves. */
  readonly groups?: readonly SentenceGroup[] | undefined;
  /** Lines of the test set, from 1, of which to show the attention. Default: a few between good and bad. */
  readonly attention?: readonly number[] | undefined;
  /** How to search for translations. */
  readonly decoding?: DecodingOptionsInput | undefined;
}

/** Everything that a report shows. What could not be had is undefined or empty, and `missing` says why. */
export interface Examination {
  readonly run: string;
  readonly configuration: Configuration;
  readonly configurationText: string;
  readonly parameters: number;
  /** What was noted with the model when it was saved: step, epoch, scores. */
  readonly modelMetadata: Readonly<Record<string, string>> | undefined;
  readonly record: TrainingRecord;
  readonly corpora: readonly CorpusFacts[];
  readonly test: ExaminedTest | undefined;
  readonly groups: readonly MappedGroup[];
  /** Sentences for people: what is not here, and how to get it. */
  readonly missing: readonly string[];
}

export interface ExaminedTest extends TestSet {
  readonly beam: number;
  readonly hypotheses: readonly string[];
  readonly scores: readonly (ScoreInterval & { readonly label: string; readonly signature: string })[];
  /** chrF of every sentence by itself: steadier than BLEU on so little text. */
  readonly sentenceScores: Float64Array;
  /** Words that only repeat, more than in the reference, of every sentence. */
  readonly repetition: Int32Array;
  readonly byLength: readonly ScoredBin[];
  readonly byRarity: readonly ScoredBin[];
  /** Whose words the ranks are of. */
  readonly ranksOf: 'training corpus' | 'test set';
  /** Undefined for fewer than three sentences. */
  readonly map: SentenceMap | undefined;
  readonly attention: readonly { readonly sentence: number; readonly map: AttentionMap }[];
}

/** Lines that are translated at a time, so that of a large test set only the texts are kept. */
const linesAtOnce = 10_000;
const leastAttentionWords = 5;
const mostAttentionWords = 25;
/** Places in the order from worst to best, of which the attention is shown. */
const attentionQuantiles = [0.9, 0.65, 0.4, 0.15];

/**
 * Looks at a run from all sides: its training, its translations of a test set, its vectors of sentences.
 *
 * @param openModel  called when there is something to translate
 * @throws DecadeError `input` for what is no run or no test set; whatever else is missing is noted in the result
 */
export async function examineRun(
  files: Files,
  path: string,
  request: ExaminationRequest,
  openModel: () => Promise<ExaminedModel>,
): Promise<Examination> {
  const run = await Run.open(files, path);
  if (request.testSet !== undefined) {
    requireTestSet(request.testSet);
    requireLines(request.attention, request.testSet);
  }
  const configurationText = await run.configuration();
  const configuration = resolveConfiguration(configurationText, run.fileAt('config.yaml'));
  const { source, target } = await run.tokenizers();
  const missing: string[] = [];
  /** What `get` gives; when it cannot for want of a file, says so and goes on. */
  const ifThere = async <Result>(what: string, get: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await get();
    } catch (error) {
      if (!(error instanceof DecadeError) || error.kind !== 'input') throw error;
      missing.push(`${what}: ${error.message}`);
      return undefined;
    }
  };

  const record = await readTrainingRecord(files, run.fileAt('metrics.jsonl'));
  if (record.reports.length === 0) missing.push('No training curves: the run has no reports in metrics.jsonl.');
  const training = await ifThere('No statistics of the training corpus', () => corpusFacts(files, configuration.data.train, request));
  const testSet = request.testSet ?? (await ifThere('No translations', () => devSet(files, configuration)));
  if (request.testSet === undefined && testSet !== undefined) requireLines(request.attention, testSet);

  let test: ExaminedTest | undefined;
  let groups: MappedGroup[] = [];
  if (testSet !== undefined || request.groups !== undefined) {
    const model = await ifThere('No translations and no maps', openModel);
    if (model !== undefined) {
      try {
        if (testSet !== undefined) test = await examineTest(model, testSet, training?.frequencies, request);
        groups = await mapGroups(model, request.groups ?? [], request);
      } finally {
        await model.dispose();
      }
    }
  }
  return {
    run: run.path,
    configuration,
    configurationText,
    parameters: createModel(configuration.model, { source: source.size, target: target.size }).parameters.count,
    modelMetadata: await run.modelMetadata(),
    record,
    corpora: [
      ...(training === undefined ? [] : [training.facts]),
      ...(testSet === undefined ? [] : [testSetFacts(testSet.name, testSet.sources, testSet.references[0] ?? [])]),
    ],
    test,
    groups,
    missing,
  };
}

/** The run's dev corpus as a test set. */
export async function devSet(files: Files, { data }: Configuration): Promise<TestSet> {
  if (data.dev === undefined) {
    throw new DecadeError('input', {
      where: 'data.dev',
      received: 'none in the configuration',
      next: 'give sentences with --source and --references',
    });
  }
  const sources: string[] = [];
  const references: string[] = [];
  for await (const pair of readPairs(files, data.dev)) {
    if ('unusable' in pair) continue;
    sources.push(pair.source);
    references.push(pair.target);
  }
  const testSet = { name: `dev corpus, ${describeSource(data.dev)}`, sources, references: [references] };
  requireTestSet(testSet);
  return testSet;
}

function requireLines(lines: readonly number[] = [], { name, sources }: TestSet): void {
  const beyond = lines.find((line) => line > sources.length);
  if (beyond === undefined) return;
  throw new DecadeError('usage', {
    where: '--attention',
    received: `line ${beyond}`,
    allowed: `1 to ${sources.length}, the lines of ${name}`,
  });
}

async function examineTest(
  model: ExaminedModel,
  testSet: TestSet,
  frequencies: ReadonlyMap<string, number> | undefined,
  request: ExaminationRequest,
): Promise<ExaminedTest> {
  const { sources, references } = testSet;
  const [first = []] = references;
  const hypotheses = await translateAll(model, sources, request);
  const bleu = await scoreSentences(metrics.bleu(), hypotheses, references, request);
  const chrf = await scoreSentences(metrics.chrf(), hypotheses, references, request);
  const scores = [];
  for (const { metric, statistics } of [bleu, chrf]) {
    const signature = metric.signature(references.length);
    scores.push({ label: metric.label, signature, ...(await scoreInterval({ metric, statistics }, request)) });
  }
  const sentenceScores = Float64Array.from(chrf.statistics, (statistics) => chrf.metric.score(statistics).score);
  const ranks = new FrequencyRanks(frequencies ?? wordFrequencies(sources));
  return {
    ...testSet,
    beam: resolveDecodingOptions(request.decoding).beam,
    hypotheses,
    scores,
    sentenceScores,
    repetition: Int32Array.from(hypotheses, (hypothesis, sentence) => excessRepetition(hypothesis, first[sentence] ?? '')),
    byLength: await scoreBins(bleu, binsByLength(sources), { ...request, label: 'resampling by length' }),
    byRarity: await scoreBins(bleu, binsByRarity(sources, ranks), { ...request, label: 'resampling by rarity' }),
    ranksOf: frequencies === undefined ? 'test set' : 'training corpus',
    map: await mapSentences(model, sources, request),
    attention: await attentionOf(model, sources, sentenceScores, request),
  };
}

/** The best translation of every line; the model's progress becomes that of the whole. */
export async function translateAll(
  model: Pick<ExaminedModel, 'translate'>,
  sources: readonly string[],
  { decoding, signal, onProgress }: Pick<ExaminationRequest, 'decoding' | 'signal' | 'onProgress'>,
): Promise<string[]> {
  const hypotheses: string[] = [];
  for (let start = 0; start < sources.length; start += linesAtOnce) {
    const results = await model.translate(sources.slice(start, start + linesAtOnce), {
      ...decoding,
      ...(signal !== undefined && { signal }),
      onProgress: ({ lines }) => onProgress?.({ label: 'translating', fraction: (start + lines) / sources.length }),
    });
    for (const { text } of results) hypotheses.push(text);
  }
  return hypotheses;
}

async function attentionOf(
  model: ExaminedModel,
  sources: readonly string[],
  sentenceScores: Float64Array,
  { attention, decoding, signal }: ExaminationRequest,
): Promise<ExaminedTest['attention']> {
  const chosen = attention?.map((line) => line - 1) ?? spread(sources, sentenceScores);
  const maps = await model.attentionMaps(
    chosen.map((sentence) => sources[sentence] as string),
    { ...decoding, ...(signal !== undefined && { signal }) },
  );
  return maps.flatMap((map, index) => (map === undefined ? [] : [{ sentence: chosen[index] as number, map }]));
}

/** A few sentences of a length that can be drawn, from well to badly translated. */
function spread(sources: readonly string[], sentenceScores: Float64Array): number[] {
  const drawable = [...sources.keys()].filter((sentence) => {
    const words = (sources[sentence] as string).split(' ').length;
    return words >= leastAttentionWords && words <= mostAttentionWords;
  });
  const order = drawable.sort((a, b) => (sentenceScores[a] as number) - (sentenceScores[b] as number) || a - b);
  const places = attentionQuantiles.map((quantile) => order[Math.floor(quantile * order.length)]);
  return [...new Set(places.filter((sentence) => sentence !== undefined))];
}
