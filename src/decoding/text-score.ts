import * as z from 'zod';
import { counted } from '../core/counted.js';
import { DecadeError } from '../core/errors.js';
import { type ItemKind, requireItem, requireStream } from '../core/lists.js';
import { resolveOptions } from '../core/options.js';
import type { IdPair } from '../data/batch.js';
import { ContextCutter, contextExample, scoredContexts, withPrevious } from '../data/contexts.js';
import type { TextCounts } from '../data/corpus-cache.js';
import { tokensOf } from '../data/passage.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { DecodingExecutor } from './executor.js';
import { score } from './score.js';

/** How likely a language model finds a text. */
export interface TextScore extends TextFigures {
  /** In nats; `</s>` after every document counts. */
  readonly logProbability: number;
  /** `</s>` counted. */
  readonly tokens: number;
  /** Between white space. */
  readonly words: number;
  /** In UTF-8. */
  readonly bytes: number;
  /** Tokens that stand for text which the vocabulary lacks: bits per byte leave out what it takes to say which. */
  readonly unknown: number;
  /** What each token costs, where it was asked for. */
  readonly perToken?: TokenScores | undefined;
}

/** What the tokens of a document cost. */
export interface TokenScores {
  /** `</s>` last. */
  readonly ids: readonly number[];
  /** In nats. */
  readonly logProbabilities: readonly number[];
  /** The UTF-8 that a token adds to the text; none for `</s>` and for what the vocabulary lacks. */
  bytesOf(id: number): Uint8Array;
}

/** What tokens cost at one place of what is read at once: all those with equally many tokens before them. */
export interface PositionScore {
  readonly tokens: number;
  /** Sum, in nats. */
  readonly logProbability: number;
}

/** What a text costs a language model, by three units. */
export type TextFigures = {
  /** Per token, `</s>` counted. */
  readonly perplexity: number;
  /** Per word between white space, each `</s>` counted as one. */
  readonly wordPerplexity: number;
  /** Compares models whatever their tokens are. Infinite for a text without bytes. */
  readonly bitsPerByte: number;
};

export function textFigures(logProbability: number, tokens: number, { documents, words, bytes }: TextCounts): TextFigures {
  return {
    perplexity: Math.exp(-logProbability / tokens),
    wordPerplexity: Math.exp(-logProbability / (words + documents)),
    bitsPerByte: -logProbability / Math.LN2 / bytes,
  };
}

/** Tokens that are scored at once, by all devices. */
const tokensAtOnce = 65_536;

/**
 * Adds up log-probabilities of contexts as they come, each predicted with the one before it in view: a context that slides over the
 * text, so that what a token costs does not depend on where the text was cut.
 */
export class ContextScorer {
  /** Of every document that has ended, and of the one that has not. */
  readonly logProbabilities: number[] = [];
  tokens = 0;
  /** Of all that was read, also of tokens that were read only to predict others; not of documents without a token. */
  readonly byPosition: { tokens: number; logProbability: number }[] = [];
  readonly #executor: DecodingExecutor;
  readonly #signal: AbortSignal | undefined;
  #previous: IdPair | undefined;
  #windows: { readonly pair: IdPair; readonly predicted: number; readonly document: number }[] = [];
  #waiting = 0;
  #documents = 0;

  /** @param take  is given the log-probabilities of tokens in their order, as they become known */
  constructor(
    executor: DecodingExecutor,
    signal: AbortSignal | undefined,
    private readonly take?: (document: number, logProbabilities: Float32Array) => void,
  ) {
    this.#executor = executor;
    this.#signal = signal;
  }

  async add(context: IdPair): Promise<void> {
    const window = withPrevious(this.#previous, context);
    this.#windows.push({ ...window, document: this.#documents });
    this.#previous = context;
    this.#waiting += window.pair.target.length;
    if (context.ends !== false) this.#documents++;
    if (this.#waiting >= tokensAtOnce) await this.flush();
  }

  /** Scores what is waiting. */
  async flush(): Promise<void> {
    const windows = this.#windows;
    this.#windows = [];
    this.#waiting = 0;
    const scores = await score(
      this.#executor,
      windows.map(({ pair }) => pair),
      { signal: this.#signal },
    );
    for (const [index, { pair, predicted, document }] of windows.entries()) {
      const all = scores[index]?.tokenLogProbabilities ?? new Float32Array();
      const own = all.slice(-predicted);
      this.logProbabilities[document] = own.reduce((sum, value) => sum + value, this.logProbabilities[document] ?? 0);
      this.tokens += predicted;
      this.take?.(document, own);
      if (pair.target.length === 0) continue;
      for (const [position, logProbability] of all.entries()) {
        this.byPosition[position] ??= { tokens: 0, logProbability: 0 };
        const place = this.byPosition[position];
        place.tokens++;
        place.logProbability += logProbability;
      }
    }
  }
}

/** A document, or a part of one; the last of them ends it. */
export type ScoredText = string | Uint8Array | { readonly bytes: Uint8Array; readonly ends: boolean; readonly line?: number };

export interface TextScoreOptions {
  /** Tokens that a context has at most. Default: as in training, or as many as the model has positions for. */
  readonly context?: number | undefined;
  /** Also tell what each token costs. Default: false. */
  readonly perToken?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after every part with the bytes that were read so far. */
  readonly onProgress?: ((progress: { readonly bytes: number }) => void) | undefined;
}

const textScoreOptions = z.strictObject({ context: z.int().min(2), perToken: z.boolean().default(false) });

export interface TextScores {
  /** Of every document; one without a token, such as white space to a vocabulary of words, costs its `</s>`. */
  readonly documents: readonly TextScore[];
  /** Of those with a token: training and validation leave out the others, too. NaN where there are none. */
  readonly total: TextScore;
  /** The first has nothing before it, the second one token, and so on. */
  readonly byPosition: readonly PositionScore[];
  /** Lines that were left out because they are not valid UTF-8, where a part says on which line it begins. */
  readonly brokenLines: readonly number[];
}

/**
 * A score for every document, and one for all.
 *
 * @throws DecadeError `usage` for a single text in the place of a list, for a part that is no text, a last one that does not end its
 *   document, and options that are not allowed; `input` for texts without a single byte
 */
export async function scoreDocuments(
  tokenizer: Tokenizer,
  executor: DecodingExecutor,
  parts: AsyncIterable<ScoredText> | Iterable<ScoredText>,
  { signal, onProgress, ...given }: TextScoreOptions & { readonly context: number },
): Promise<TextScores> {
  requireTexts(parts);
  const { context, perToken } = resolveOptions(textScoreOptions, given, 'scoreText options', ['signal', 'onProgress']);
  const tokenScores: { ids: number[]; logProbabilities: number[] }[] = [];
  const tokensOfDocument = (document: number) => {
    tokenScores[document] ??= { ids: [], logProbabilities: [] };
    return tokenScores[document];
  };
  const scorer = new ContextScorer(executor, signal, (document, logProbabilities) => {
    if (perToken) for (const value of logProbabilities) tokensOfDocument(document).logProbabilities.push(value);
  });
  const counts: (TextCounts & { tokens: number; unknown: number })[] = [];
  const brokenLines: number[] = [];
  let [last, number, read, isWhole]: [number | undefined, number, number, boolean] = [undefined, 0, 0, true];
  const cutter = new ContextCutter(scoredContexts({ context }).context, async (predicted) => {
    if (perToken) for (const id of predicted) tokensOfDocument(counts.length).ids.push(id);
    await scorer.add(contextExample(0, Uint32Array.from(predicted), last, tokenizer.special));
    last = predicted.at(-1);
  });
  let current = { documents: 1, bytes: 0, words: 0, tokens: 0, unknown: 0 };
  for await (const part of parts) {
    signal?.throwIfAborted();
    requireItem(`scoreText, text ${++number}`, part, scoredText);
    const { bytes: content, ends, line = 1 } = passageOf(part);
    const { ids, bytes, words, brokenLines: broken } = tokensOf({ bytes: content, line }, tokenizer);
    brokenLines.push(...broken);
    current = {
      documents: 1,
      bytes: current.bytes + bytes,
      words: current.words + words,
      tokens: current.tokens + ids.length,
      unknown: current.unknown + ids.filter((id) => id === tokenizer.special.unknown).length,
    };
    await cutter.add(ids);
    read += content.length;
    onProgress?.({ bytes: read });
    isWhole = ends;
    if (!ends) continue;
    await cutter.add([tokenizer.special.end]);
    await cutter.flush();
    counts.push({ ...current, tokens: current.tokens + 1 });
    current = { documents: 1, bytes: 0, words: 0, tokens: 0, unknown: 0 };
  }
  if (!isWhole)
    throw new DecadeError('usage', { where: `scoreText, text ${number}`, received: 'ends: false', allowed: 'ends: true of the last' });
  await scorer.flush();
  const documents = counts.map(({ tokens, unknown, ...count }, document) => {
    const logProbability = scorer.logProbabilities[document] ?? 0;
    const { words, bytes } = count;
    const figures = { logProbability, tokens, words, bytes, unknown, ...textFigures(logProbability, tokens, count) };
    const ofTokens = tokenScores[document];
    return ofTokens === undefined ? figures : { ...figures, perToken: { ...ofTokens, bytesOf: (id: number) => tokenizer.bytes(id) } };
  });
  if (documents.every(({ bytes }) => bytes === 0)) throw noText(documents.length);
  const total = together(documents.filter(({ tokens }) => tokens > 1));
  return { documents, total, byPosition: scorer.byPosition, brokenLines };
}

/** Throws `usage` for a context of more tokens than a model has room for. */
export function requireContext(context: number, room: number): void {
  if (context <= room) return;
  throw new DecadeError('usage', {
    where: 'scoreText options.context',
    received: context.toLocaleString('en'),
    allowed: `at most ${room.toLocaleString('en')}, for so many positions were learned (model.maximumLength)`,
  });
}

/** Throws `input` for a text of which no document has a token, so that nothing can be said of the whole. */
export function requireTokens({ tokens }: TextScore, where: string): void {
  if (tokens > 0) return;
  throw new DecadeError('input', {
    where,
    received: 'no text',
    allowed: 'at least one document that is not empty',
    next: 'check the file',
  });
}

function noText(documents: number): DecadeError {
  return new DecadeError('input', {
    where: 'text to score',
    received: documents === 0 ? 'no text' : `${counted(documents, 'document')} without a byte`,
    allowed: 'at least one byte',
    next: 'check the file',
  });
}

/** A text by itself would be taken for a list of its characters. */
function requireTexts(parts: unknown): void {
  if (typeof parts === 'string' || parts instanceof Uint8Array) {
    throw new DecadeError('usage', { where: 'scoreText', received: 'a single text', allowed: 'a list of texts, such as [text]' });
  }
  requireStream('scoreText', parts);
}

const scoredText: ItemKind = {
  is(part) {
    if (typeof part === 'string' || part instanceof Uint8Array) return true;
    if (typeof part !== 'object' || part === null || !('bytes' in part && 'ends' in part)) return false;
    const { bytes, ends, line } = part as Record<keyof Exclude<ScoredText, string | Uint8Array>, unknown>;
    return bytes instanceof Uint8Array && typeof ends === 'boolean' && (line === undefined || Number.isSafeInteger(line));
  },
  name: 'text, its bytes in UTF-8, or { bytes, ends, line }',
};

function passageOf(part: ScoredText): { readonly bytes: Uint8Array; readonly ends: boolean; readonly line?: number } {
  if (typeof part === 'string') return { bytes: new TextEncoder().encode(part), ends: true };
  return part instanceof Uint8Array ? { bytes: part, ends: true } : part;
}

/** The score of several documents together. */
function together(documents: readonly TextScore[]): TextScore {
  const sum = (of: 'logProbability' | 'tokens' | 'words' | 'bytes' | 'unknown') =>
    documents.reduce((total, document) => total + document[of], 0);
  const [logProbability, tokens, words, bytes] = [sum('logProbability'), sum('tokens'), sum('words'), sum('bytes')];
  const figures = textFigures(logProbability, tokens, { documents: documents.length, words, bytes });
  return { logProbability, tokens, words, bytes, unknown: sum('unknown'), ...figures };
}
