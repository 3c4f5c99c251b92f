import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { isByteTokenizer } from '../text/byte-level.js';
import { beginId, endId, type Tokenizer } from '../text/tokenizer.js';
import { type IdPair, predictedTokens } from './batch.js';
import type { Ids, TextCounts } from './corpus-cache.js';
import { describeText, type Passage, readPassages, type TextSource, textOf } from './documents.js';
import { dropLine, emptyReport, type FilterReport } from './filter.js';

/** How text becomes examples. */
export const contextOptions = z.strictObject({
  context: z.int().min(2).max(65_535).optional().meta({
    description: 'Of text: tokens of a context, which is how far back a language model looks in training. Default: 256.',
    example: 256,
  }),
  across: z.boolean().optional().meta({
    description: 'Of text: contexts go on across documents, so that all but the last are of one length. Default: false.',
    example: true,
  }),
});

export interface ContextOptions {
  readonly context: number;
  readonly across: boolean;
}

/** The options with their defaults. */
export function resolveContexts({ context = 256, across = false }: z.output<typeof contextOptions>): ContextOptions {
  return { context, across };
}

/**
 * How a text is cut to be scored: two neighbours are read as one context, of which the second is predicted, so that every token has at
 * least half a context before it.
 */
export function scoredContexts({ context }: Pick<ContextOptions, 'context'>): ContextOptions {
  return { context: Math.max(1, Math.floor(context / 2)), across: false };
}

/** Cuts tokens into contexts and hands each over, as the tokens that are predicted in it. */
export class ContextCutter {
  #held: number[] = [];

  constructor(
    private readonly length: number,
    private readonly take: (predicted: readonly number[]) => Promise<void>,
  ) {}

  async add(ids: Iterable<number>): Promise<void> {
    for (const id of ids) {
      this.#held.push(id);
      if (this.#held.length === this.length) await this.flush();
    }
  }

  async flush(): Promise<void> {
    const predicted = this.#held;
    this.#held = [];
    if (predicted.length > 0) await this.take(predicted);
  }
}

export interface ReadTextOptions extends ContextOptions {
  readonly files: Pick<Files, 'stream'>;
  readonly source: TextSource;
  readonly tokenizer: Tokenizer;
  /** Called before every passage; ends the reading by throwing. */
  readonly turn: (documents: number) => Promise<void> | undefined;
}

/**
 * Cuts the text of a source into contexts and hands each to `take`: `</s>` stands behind every document and, where contexts cross
 * documents, `<s>` in front of the next. Every token is in exactly one context.
 *
 * @throws DecadeError `input` when nothing is left of the source
 */
export async function cutIntoContexts(
  { files, source, tokenizer, context, across, turn }: ReadTextOptions,
  take: (predicted: readonly number[]) => Promise<void>,
): Promise<{ report: FilterReport; text: TextCounts }> {
  const report = emptyReport();
  const text = { documents: 0, bytes: 0, words: 0 };
  const cutter = new ContextCutter(context, take);
  let isInDocument = false;
  for await (const passage of readPassages(files, source)) {
    await turn(report.read);
    const { ids, bytes, words, brokenLines } = tokensOf(passage, tokenizer);
    for (const line of brokenLines) dropLine(report, passage.path, line, 'encoding');
    text.bytes += bytes;
    text.words += words;
    if (ids.length > 0 && !isInDocument) {
      if (across && report.kept > 0) await cutter.add([beginId]);
      isInDocument = true;
    }
    await cutter.add(ids);
    if (!passage.ends) continue;
    report.read++;
    if (isInDocument) {
      report.kept++;
      await cutter.add([endId]);
      if (!across) await cutter.flush();
    } else dropLine(report, passage.path, passage.line, 'empty');
    isInDocument = false;
  }
  await cutter.flush();
  if (report.kept === 0) throw noText(source, report);
  return { report, text: { ...text, documents: report.kept } };
}

function noText(source: TextSource, { dropped }: FilterReport): DecadeError {
  const isBroken = dropped.encoding.count > 0;
  return new DecadeError('input', {
    where: describeText(source),
    received: isBroken ? 'no line of valid UTF-8' : 'no text',
    allowed: 'at least one document that is not empty',
    next: isBroken ? 'convert the file to UTF-8, or use tokenizer: { kind: bytes }' : 'check the paths',
  });
}

/** The tokens of a passage, and how much text they stand for. Lines that are not UTF-8 are left out, unless tokens are bytes. */
export function tokensOf(
  passage: Pick<Passage, 'bytes' | 'line'>,
  tokenizer: Tokenizer,
): { ids: readonly number[]; bytes: number; words: number; brokenLines: readonly number[] } {
  const { text, brokenLines } = textOf(passage);
  if (isByteTokenizer(tokenizer)) {
    const lossy = brokenLines.length === 0 ? text : new TextDecoder('utf-8', { ignoreBOM: true }).decode(passage.bytes);
    return { ids: tokenizer.encodeBytes(passage.bytes), bytes: passage.bytes.length, words: countWords(lossy), brokenLines: [] };
  }
  const bytes = brokenLines.length === 0 ? passage.bytes.length : new TextEncoder().encode(text).length;
  return { ids: tokenizer.encode(text), bytes, words: countWords(text), brokenLines };
}

/** Words between white space. */
function countWords(text: string): number {
  return text.match(/\S+/gu)?.length ?? 0;
}

/** A context as an example. `before` is what stands in front of it, if anything does; `</s>` parts documents. */
export function contextExample(key: number, predicted: Ids, before: number | undefined): IdPair {
  const ends = predicted[predicted.length - 1] === endId;
  const goesOn = before !== undefined && (before !== endId || predicted[0] === beginId);
  return { key, source: [], target: ends ? predicted.subarray(0, -1) : predicted, before: goesOn ? before : beginId, ends };
}

/** A context together with the one in front of it, where that is of the same document; `predicted` tokens at its end are its own. */
export function withPrevious(previous: IdPair | undefined, current: IdPair): { pair: IdPair; predicted: number } {
  const predicted = predictedTokens(current);
  if (previous === undefined || previous.ends !== false || current.before === beginId) return { pair: current, predicted };
  const target = [...Array.from(previous.target), ...Array.from(current.target)];
  return { pair: { ...current, before: previous.before, target }, predicted };
}
