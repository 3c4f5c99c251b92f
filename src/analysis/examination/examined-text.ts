import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { brokenLinesError, brokenPlaces } from '../../data/broken-lines.js';
import { describeText, notEmpty, readPassages, type TextSource } from '../../data/documents.js';
import type { Passage } from '../../data/passage.js';
import type { AttentionView } from '../../decoding/attention-views.js';
import type { GeneratedText, GenerateStreamOptions, GenerationResult } from '../../decoding/generation/generator.js';
import {
  type PositionScore,
  requireTokens,
  type ScoredText,
  type TextScore,
  type TextScoreOptions,
  type TextScores,
} from '../../decoding/text-score.js';
import { whyIncomparable } from '../../decoding/unknown-share.js';
import type { TranslateOptions } from '../../decoding/translator.js';
import type { WorkControl } from '../work.js';
import { drawnAttention } from './drawn-attention.js';
import { type PairedInterval, pairedIntervals, requireLines, type ScoreInterval } from './scored-sentences.js';
import { type CostedLine, type CostedWord, costsOfLines, costsOfWords, lineNumbers } from './text-costs.js';

/** What an examination asks of a language model. */
export interface ExaminedLanguageModel {
  scoreText(texts: AsyncIterable<ScoredText> | Iterable<ScoredText>, options?: TextScoreOptions): Promise<TextScores>;
  generateStream(prompts: Iterable<string>, options?: GenerateStreamOptions): AsyncIterable<GenerationResult>;
  /** Empty for an empty line, and for a model without attention. */
  attentionViews(lines: readonly string[], options?: TranslateOptions): Promise<readonly (readonly AttentionView[])[]>;
}

/** A text that is examined: as much of it as a report reads. */
export interface ReadText {
  /** For people: the files, or the part of the run's data. */
  readonly name: string;
  readonly passages: readonly Passage[];
  /** Set when there is more than was read. */
  readonly isPart: boolean;
}

/** Scoring a megabyte takes as long as a validation does. */
const mostBytes = 1024 ** 2;

/** The beginning of a text, of whole documents or parts of one. Throws `input` for one without a byte. */
export async function readExaminedText(files: Files, name: string, source: TextSource): Promise<ReadText> {
  const passages: Passage[] = [];
  let bytes = 0;
  for await (const passage of notEmpty(describeText(source), readPassages(files, source))) {
    if (bytes >= mostBytes) return { name, passages: ended(passages), isPart: true };
    passages.push(passage);
    bytes += passage.bytes.length;
  }
  return { name, passages, isPart: false };
}

/** A document that was cut ends where it was cut. */
function ended(passages: readonly Passage[]): Passage[] {
  return passages.map((passage, index) => (index === passages.length - 1 ? { ...passage, ends: true } : passage));
}

export interface SampledText extends Pick<GeneratedText, 'text' | 'ending' | 'logProbability'> {
  readonly tokens: number;
}

/** Samples that were drawn alike. */
export interface SampleSet {
  readonly temperature: number;
  readonly seed: number;
  readonly samples: readonly SampledText[];
}

/** A text with all that a language model makes of it. */
export interface ExaminedText extends Pick<ReadText, 'name' | 'isPart'> {
  readonly total: TextScore;
  /** What the figures leave out, in sentences for people. */
  readonly leftOut: readonly string[];
  readonly bitsPerByte: ScoreInterval;
  readonly byPosition: readonly PositionScore[];
  readonly lines: readonly CostedLine[];
  /** The costliest in all first. */
  readonly words: readonly CostedWord[];
  readonly samples: readonly SampleSet[];
  readonly attention: readonly { readonly line: number; readonly text: string; readonly views: readonly AttentionView[] }[];
}

export interface TextRequest extends WorkControl {
  /** Lines of the text, from 1, of which to show the attention. Default: a few between likely and unlikely. */
  readonly attention?: readonly number[] | undefined;
  /** Options of the samples, instead of a few at two temperatures. */
  readonly sample?: Omit<GenerateStreamOptions, 'signal' | 'onProgress'> | undefined;
}

const standardSamples = [1, 0.7].map((temperature) => ({ temperature, samples: 3, maximumLength: 150, seed: 1 }));
const attentionCharacters = { least: 15, most: 45 };
/** Places in the order from likely to unlikely, of which the attention is shown. */
const attentionQuantiles = [0.1, 0.5, 0.9];

/** Scores a text, and measures what can be measured. */
export async function examineText(model: ExaminedLanguageModel, read: ReadText, request: TextRequest): Promise<ExaminedText> {
  const { signal, onProgress } = request;
  const { documents, total, byPosition, lines, broken } = await scoreRead(model, read, { signal, onProgress });
  requireLines(request.attention, read.name, lines.at(-1)?.line ?? 0);
  requireText(request.attention, lines);
  const [interval] = await bitsPerByteIntervals([lines], total.bytes, { signal, onProgress });
  return {
    name: read.name,
    isPart: read.isPart,
    total,
    leftOut: leftOutOf([{ name: read.name, total, broken }]),
    bitsPerByte: interval as ScoreInterval,
    byPosition,
    lines,
    words: costsOfWords(documents),
    samples: await drawSamples(model, request),
    attention: await attentionOf(model, lines, request),
  };
}

interface ScoredLines extends TextScores {
  readonly lines: readonly CostedLine[];
  /** Places of lines that were left out because they are not valid UTF-8. */
  readonly broken: readonly string[];
}

/** What a model makes of a text that was read, token by token and line by line. */
export async function scoreRead(
  model: Pick<ExaminedLanguageModel, 'scoreText'>,
  { name, passages }: ReadText,
  { signal, onProgress }: WorkControl,
): Promise<ScoredLines> {
  const all = passages.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const scores = await model.scoreText(passages, {
    perToken: true,
    signal,
    onProgress: ({ bytes }) => onProgress?.({ label: 'scoring', fraction: bytes / all }),
  });
  requireTokens(scores.total, name);
  // Where tokens are bytes, none is left out.
  const leavesOutBroken = scores.brokenLines.length > 0;
  const lines = costsOfLines(scores.documents, lineNumbers(passages, leavesOutBroken));
  return { ...scores, lines, broken: leavesOutBroken ? [...new Set(passages.flatMap(brokenPlaces))] : [] };
}

/** What the figures of a text by one model or several leave out, in sentences for people. */
export function leftOutOf(scores: readonly (Pick<ScoredLines, 'total' | 'broken'> & { readonly name: string })[]): string[] {
  const unknown = scores.map(({ name, total }) => [name, whyIncomparable(total)] as const);
  const without = scores.filter(({ broken }) => broken.length > 0);
  const ofWhom = without.length === scores.length ? '' : ` of ${without.map(({ name }) => name).join(' and ')}`;
  const lines = brokenLinesError(without[0]?.broken ?? [], `left out of the figures${ofWhom}`);
  return [
    ...unknown.flatMap(([name, reason]) => (reason === undefined ? [] : [`${name}: ${reason}`])),
    ...(lines === undefined ? [] : [lines.message]),
  ];
}

/** Of bits per byte: what is rounded as an ARPA file rounds, to seven digits, differs by less. */
const rounding = 1e-6;

/**
 * Bits per byte of several models of the same lines, each with its interval and its difference from that of the first, from resampled
 * lines. What rounding alone may have made is no difference.
 *
 * @param bytes  of the text; what the vocabulary of a model lacks is shared out among its lines
 */
export async function bitsPerByteIntervals(
  systems: readonly (readonly CostedLine[])[],
  bytes: number,
  control: WorkControl,
): Promise<PairedInterval[]> {
  const statistics = systems.map((lines) => {
    const known = lines.reduce((sum, line) => sum + line.bytes, 0);
    return lines.map((line) => Float64Array.of(-line.logProbability / Math.LN2, (line.bytes * bytes) / known));
  });
  const score = ([bits = 0, inBytes = 0]: Float64Array) => ({ score: bits / inBytes, details: {} });
  const intervals = await pairedIntervals({ label: 'bits per byte', score }, statistics, control);
  return intervals.map(({ difference, ...interval }) => {
    const isRounding = difference !== undefined && Math.abs(difference.score) <= rounding * interval.score;
    return { ...interval, difference: isRounding ? { ...difference, probability: 1 } : difference };
  });
}

async function drawSamples(model: ExaminedLanguageModel, { sample, signal, onProgress }: TextRequest): Promise<SampleSet[]> {
  const sets: SampleSet[] = [];
  for (const [index, options] of (sample === undefined ? standardSamples : [sample]).entries()) {
    signal?.throwIfAborted();
    onProgress?.({ label: 'writing samples', fraction: index / standardSamples.length });
    for await (const { samples } of model.generateStream([''], { ...options, signal })) {
      const { temperature = 1, seed = 1 } = options;
      const texts = samples.map(({ text, ending, logProbability, tokenLogProbabilities }) => {
        return { text, ending, logProbability, tokens: tokenLogProbabilities.length };
      });
      sets.push({ temperature, seed, samples: texts });
    }
  }
  return sets;
}

async function attentionOf(
  model: ExaminedLanguageModel,
  lines: readonly CostedLine[],
  { attention, signal }: TextRequest,
): Promise<ExaminedText['attention']> {
  const chosen = attention?.map((number) => lines.find(({ line }) => line === number) as CostedLine) ?? spread(lines);
  return drawnAttention(
    chosen.map(({ line, text }) => ({ line, text })),
    attention !== undefined,
    async (text) => (await model.attentionViews([text], signal && { signal })).flat(),
  );
}

/** Throws `usage` for a line without text: an empty one, or one that was left out. */
function requireText(chosen: readonly number[] = [], lines: readonly CostedLine[]): void {
  const without = chosen.find((number) => !lines.some(({ line }) => line === number));
  if (without === undefined) return;
  throw new DecadeError('usage', { where: '--attention', received: `line ${without}, which has no text`, allowed: 'lines with text' });
}

/** A few lines of a length that can be drawn, from likely to unlikely. */
function spread(lines: readonly CostedLine[]): CostedLine[] {
  const { least, most } = attentionCharacters;
  const order = lines
    .filter(({ text }) => text.trim() !== '' && text.length >= least && text.length <= most)
    .sort((a, b) => bitsPerByte(a) - bitsPerByte(b) || a.line - b.line);
  return [...new Set(attentionQuantiles.map((quantile) => order[Math.floor(quantile * order.length)]))].filter(
    (line) => line !== undefined,
  );
}

/** What compares lines of different length. */
export function bitsPerByte({ logProbability, bytes }: Pick<CostedLine, 'logProbability' | 'bytes'>): number {
  return -logProbability / Math.LN2 / bytes;
}
