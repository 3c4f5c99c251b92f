import type { AttentionView } from '../../decoding/attention-views.js';
import { type DecodingOptionsInput, describeDecoding, resolveDecodingOptions } from '../../decoding/options.js';
import type { SentenceVectorOptions, SentenceVectors } from '../../decoding/sentence-vectors.js';
import type { TranslateOptions } from '../../decoding/translator.js';
import { bleu } from '../../metrics/bleu.js';
import { metricNamed } from '../../metrics/evaluate.js';
import { resolveScoring, type ScoringOptions } from '../../metrics/scoring-options.js';
import { type ScoredBin, scoreBins } from './bins.js';
import { binsByLength } from './by-length.js';
import { binsByRarity, FrequencyRanks } from './by-rarity.js';
import { wordFrequencies } from './corpus-facts.js';
import { drawnAttention } from './drawn-attention.js';
import { excessRepetition } from './repetition.js';
import { type ScoredSentences, type ScoreInterval, scoreInterval, scoreSentences, type TestSet } from './scored-sentences.js';
import { mapSentences, type SentenceMap } from './sentence-map.js';
import type { WorkControl } from '../work.js';

/** What an examination asks of a model. */
export interface ExaminedModel {
  translate(lines: readonly string[], options?: TranslateOptions): Promise<readonly ModelTranslation[]>;
  readonly hasSentenceVectors: boolean;
  sentenceVectors(lines: readonly string[], options?: SentenceVectorOptions): Promise<SentenceVectors>;
  /** Empty for an empty line, and for a model without attention. */
  attentionViews(lines: readonly string[], options?: TranslateOptions): Promise<readonly (readonly AttentionView[])[]>;
  dispose(): Promise<void>;
}

interface ModelTranslation {
  readonly text: string;
  readonly ids: Int32Array;
  readonly logProbability: number;
}

/** How to look at a test set. */
export interface TestRequest extends WorkControl {
  /** How to search for translations. */
  readonly decoding?: DecodingOptionsInput | undefined;
  /** Lines of the test set, from 1, of which to show the attention. Default: a few between good and bad. */
  readonly attention?: readonly number[] | undefined;
  /** How translations are scored. Parts of the test set are scored by BLEU, sentences by BLEU and chrF, whatever the metrics. */
  readonly scoring?: ScoringOptions | undefined;
}

/** A test set with all that a model makes of it. */
export interface ExaminedTest extends TestSet {
  /** How translations were found: `beam 5`. */
  readonly search: string;
  readonly hypotheses: readonly string[];
  /** Of each translation, in nats. 0 for an empty line. */
  readonly logProbabilities: Float64Array;
  /** The same for a token of it, `</s>` counted: what sentences of different length can be compared by. */
  readonly tokenLogProbabilities: Float64Array;
  /** Words that only repeat, of every translation; more than in the reference, if there is one. */
  readonly repetition: Int32Array;
  /** Undefined without references. */
  readonly scored: ScoredTest | undefined;
  /** Undefined for fewer than three sentences, and for a model without sentence vectors. */
  readonly map: SentenceMap | undefined;
  readonly attention: readonly { readonly sentence: number; readonly views: readonly AttentionView[] }[];
}

/** What comparing translations with references gives. */
export interface ScoredTest {
  readonly scores: readonly (ScoreInterval & { readonly label: string; readonly signature: string })[];
  /** chrF of every sentence by itself: steadier than BLEU on so little text. */
  readonly chrf: Float64Array;
  /** BLEU of every sentence by itself, with effective order as sacreBLEU's `sentence_bleu`. */
  readonly bleu: Float64Array;
  readonly byLength: readonly ScoredBin[];
  readonly byRarity: readonly ScoredBin[];
  /** Whose words the ranks are of. */
  readonly ranksOf: 'training corpus' | 'test set';
}

/** Lines that are translated at a time, so that of a large test set only the texts are kept. */
const linesAtOnce = 10_000;
const leastAttentionWords = 5;
const mostAttentionWords = 25;
/** Places in the order from worst to best, of which the attention is shown. */
const attentionQuantiles = [0.9, 0.65, 0.4, 0.15];

/**
 * Translates a test set and measures what can be measured.
 *
 * @param frequencies  of the words of the training corpus, if it could be read
 */
export async function examineTest(
  model: ExaminedModel,
  testSet: TestSet,
  frequencies: ReadonlyMap<string, number> | undefined,
  request: TestRequest,
): Promise<ExaminedTest> {
  const { sources, references } = testSet;
  const translations = await translateAll(model, sources, request);
  const hypotheses = translations.map(({ text }) => text);
  const tokenLogProbabilities = Float64Array.from(translations, ({ logProbability, tokens }) => logProbability / tokens);
  const scored = references.length === 0 ? undefined : await scoreTest(testSet, hypotheses, frequencies, request);
  return {
    ...testSet,
    search: describeDecoding(resolveDecodingOptions(request.decoding)),
    hypotheses,
    logProbabilities: Float64Array.from(translations, ({ logProbability }) => logProbability),
    tokenLogProbabilities,
    repetition: Int32Array.from(hypotheses, (hypothesis, sentence) => excessRepetition(hypothesis, references[0]?.[sentence] ?? '')),
    scored,
    map: model.hasSentenceVectors ? await mapSentences(model, sources, request) : undefined,
    attention: await attentionOf(model, sources, scored?.chrf ?? tokenLogProbabilities, request),
  };
}

async function scoreTest(
  { sources, references }: TestSet,
  hypotheses: readonly string[],
  frequencies: ReadonlyMap<string, number> | undefined,
  { scoring, ...control }: Pick<TestRequest, 'scoring' | keyof WorkControl>,
): Promise<ScoredTest> {
  const { metrics, ...reading } = resolveScoring(scoring);
  const measured = new Map<string, ScoredSentences>();
  const measure = async (name: string): Promise<ScoredSentences> => {
    const found = measured.get(name) ?? (await scoreSentences(metricNamed(name, reading), hypotheses, references, control));
    measured.set(name, found);
    return found;
  };
  const corpus = { bleu: await measure('bleu'), chrf: await measure('chrf') };
  const scores = [];
  for (const name of metrics) {
    const { metric, statistics } = await measure(name);
    const signature = metric.signature(references.length);
    scores.push({ label: metric.label, signature, ...(await scoreInterval({ metric, statistics }, control)) });
  }
  const ranks = new FrequencyRanks(frequencies ?? wordFrequencies(sources));
  return {
    scores,
    chrf: eachAlone(corpus.chrf),
    bleu: eachAlone({ ...corpus.bleu, metric: bleu({ ...reading, effectiveOrder: true }) }),
    byLength: await scoreBins(corpus.bleu, binsByLength(sources), { ...control, label: 'resampling by length' }),
    byRarity: await scoreBins(corpus.bleu, binsByRarity(sources, ranks), { ...control, label: 'resampling by rarity' }),
    ranksOf: frequencies === undefined ? 'test set' : 'training corpus',
  };
}

function eachAlone({ metric, statistics }: Pick<ScoredSentences, 'metric' | 'statistics'>): Float64Array {
  return Float64Array.from(statistics, (sentence) => metric.score(sentence).score);
}

/** A translation, of which the tokens are only counted, `</s>` too. */
export interface CountedTranslation {
  readonly text: string;
  readonly logProbability: number;
  readonly tokens: number;
}

/** The best translation of every line; the model's progress becomes that of the whole. */
export async function translateAll(
  model: Pick<ExaminedModel, 'translate'>,
  sources: readonly string[],
  { decoding, signal, onProgress }: Pick<TestRequest, 'decoding' | 'signal' | 'onProgress'>,
): Promise<CountedTranslation[]> {
  const translations: CountedTranslation[] = [];
  for (let start = 0; start < sources.length; start += linesAtOnce) {
    const results = await model.translate(sources.slice(start, start + linesAtOnce), {
      ...decoding,
      ...(signal !== undefined && { signal }),
      onProgress: ({ lines }) => onProgress?.({ label: 'translating', fraction: (start + lines) / sources.length }),
    });
    for (const { text, logProbability, ids } of results) translations.push({ text, logProbability, tokens: ids.length + 1 });
  }
  return translations;
}

async function attentionOf(
  model: ExaminedModel,
  sources: readonly string[],
  quality: Float64Array,
  { attention, decoding, signal }: TestRequest,
): Promise<ExaminedTest['attention']> {
  const chosen = attention?.map((line) => line - 1) ?? spread(sources, quality);
  const drawn = await drawnAttention(
    chosen.map((sentence) => ({ sentence, line: sentence + 1, text: sources[sentence] as string })),
    attention !== undefined,
    async (text) => (await model.attentionViews([text], { ...decoding, ...(signal !== undefined && { signal }) })).flat(),
  );
  return drawn.map(({ sentence, views }) => ({ sentence, views }));
}

/** A few sentences of a length that can be drawn, from well to badly translated. */
function spread(sources: readonly string[], quality: Float64Array): number[] {
  const drawable = [...sources.keys()].filter((sentence) => {
    const words = (sources[sentence] as string).split(' ').length;
    return words >= leastAttentionWords && words <= mostAttentionWords;
  });
  const order = drawable.sort((a, b) => (quality[a] as number) - (quality[b] as number) || a - b);
  const places = attentionQuantiles.map((quantile) => order[Math.floor(quantile * order.length)]);
  return [...new Set(places.filter((sentence) => sentence !== undefined))];
}
