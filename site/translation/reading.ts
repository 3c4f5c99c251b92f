import { type AttentionMap, type BrowserModel, unsureBelow } from '../../src/browser/index.js';
import { type Word, wordAttention, wordProbabilities, wordsOf } from './words.js';

/** A translation of a line, word by word. */
export interface Alternative {
  readonly text: string;
  /** Of the whole translation, in (0, 1]. */
  readonly probability: number;
  /** By which alternatives are ranked: the logarithm of the probability, corrected for length. Undefined where the server does not say. */
  readonly score: number | undefined;
  readonly words: readonly ReadWord[];
}

export interface ReadWord {
  readonly text: string;
  /** Given the words before it; undefined where the server does not say. */
  readonly probability: number | undefined;
  /** To each word of the source; undefined for a model without attention. */
  readonly attention: readonly number[] | undefined;
}

export interface SourceWord {
  readonly text: string;
  /** Whether it is none that the model can know. */
  readonly isUnknown: boolean;
}

/** A line and what a model made of it. */
export interface Reading {
  readonly source: readonly SourceWord[];
  /** Best first. */
  readonly alternatives: readonly Alternative[];
}

const shown = { beam: 4, nbest: 4 } as const;

/** Translates lines in this page. An empty line has no alternatives. */
export async function readLines(model: BrowserModel, lines: readonly string[], signal: AbortSignal): Promise<Reading[]> {
  const results = await model.translate(lines, { ...shown, attention: true, signal });
  return Promise.all(
    results.map(async ({ nbest, unknownSourceWords }, index) => {
      const line = lines[index] ?? '';
      const maps = await Promise.all(nbest.map((translation) => model.attentionMap(line, translation)));
      const source = sourceWords(line, maps[0]);
      const alternatives = nbest.map((translation, rank) => alternative(translation, source, maps[rank]));
      return { source: marked(source, unknownSourceWords), alternatives: line.trim() === '' ? [] : alternatives };
    }),
  );
}

/** What the server's API answers, with the fields of decade's own. */
interface ServerAnswer {
  readonly translatedText: readonly string[];
  readonly nbest: readonly (readonly { readonly text: string; readonly logProbability: number }[])[];
  readonly attention: readonly (readonly AttentionMap[])[];
}

/** Translates lines on the server that the page came from. */
export async function readLinesOnServer(
  { from, to }: { readonly from: string; readonly to: string },
  lines: readonly string[],
  signal: AbortSignal,
): Promise<Reading[]> {
  const request = { q: lines, source: from, target: to, format: 'text', ...shown, scores: true, attention: true };
  const headers = { 'content-type': 'application/json' };
  const response = await fetch('translate', { method: 'POST', headers, body: JSON.stringify(request), signal });
  const answer = (await response.json()) as ServerAnswer | { readonly error: string };
  if ('error' in answer) throw new Error(answer.error);
  return lines.map((line, index) => {
    const nbest = answer.nbest[index] ?? [];
    const [map, ...others] = answer.attention[index] ?? [];
    // Attention of several sentences of one line is not put together here, and the server gives that of the best only.
    const best = others.length === 0 ? map : undefined;
    const source = sourceWords(line, best);
    const alternatives = nbest.map((translation, rank) => alternative(translation, source, rank === 0 ? best : undefined));
    return { source: marked(source, []), alternatives: line.trim() === '' ? [] : alternatives };
  });
}

function sourceWords(line: string, map: AttentionMap | undefined): Word[] {
  return map === undefined ? spaced(line) : wordsOf(map.source, line);
}

/** Words with the marks of those that are unknown, which the model names without what stands around them, such as a comma. */
function marked(words: readonly Word[], unknown: readonly string[]): SourceWord[] {
  const named = new Set(unknown);
  return words.map(({ text }) => ({ text, isUnknown: named.has(text) || named.has(bare(text)) }));
}

/** Whether the model found it more likely that another word is right. */
export function isUnlikely({ probability = 1 }: ReadWord): boolean {
  return probability < unsureBelow;
}

/** A word without the punctuation around it. */
export function bare(word: string): string {
  return word.replace(/^\p{P}+|\p{P}+$/gu, '') || word;
}

/** What is known of a translation, here or from the server. */
interface Found {
  readonly text: string;
  readonly logProbability: number;
  readonly score?: number;
  readonly tokenLogProbabilities?: ArrayLike<number>;
}

function alternative(
  { text, logProbability, score, tokenLogProbabilities: logProbabilities }: Found,
  source: readonly Word[],
  map: AttentionMap | undefined,
): Alternative {
  const words = map === undefined ? spaced(text) : wordsOf(map.target.slice(0, -1), text);
  const attention = map === undefined ? undefined : wordAttention(words, source, map.weights);
  const probabilities = map === undefined || logProbabilities === undefined ? undefined : wordProbabilities(words, logProbabilities);
  return {
    text,
    probability: Math.exp(logProbability),
    score,
    words: words.map(({ text: word }, index) => ({ text: word, probability: probabilities?.[index], attention: attention?.[index] })),
  };
}

function spaced(text: string): Word[] {
  return text.split(/\s+/).flatMap((word) => (word === '' ? [] : [{ text: word, tokens: [] }]));
}
