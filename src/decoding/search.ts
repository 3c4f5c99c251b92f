import { DecadeError } from '../core/errors.js';
import { type GivenTokens, specialIds, type StepModel, type StepOutput } from '../models/model.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import { normalise } from '../tensor/operations/search.js';
import type { SpecialIds } from '../text/tokenizer.js';
import { Beams } from './beams.js';
import { turns } from '../core/event-loop.js';
import { lengthPenalty } from './length-penalty.js';
import type { DecodingOptions } from './options.js';
import { forbid, forbidRepeats, forcing, inOrder, type Processor } from './processors.js';
import { type Continuation, Samples } from './sampling/samples.js';
import type { Guide } from './constraints/guide.js';
import type { SentencePhrases } from './constraints/sentence-phrases.js';
import type { Surfaces } from './constraints/surfaces.js';
import type { Path } from './search-history.js';
import type { DrawnToken, Hypothesis, SearchRows, SearchRowsOptions } from './search-rows.js';

/** What a search needs of the options. */
export interface SearchOptions
  extends Pick<
    DecodingOptions,
    | 'beam'
    | 'beamWidth'
    | 'stopping'
    | 'nbest'
    | 'sample'
    | 'lengthPenalty'
    | 'maximumLength'
    | 'minimumLength'
    | 'forbidRepeats'
    | 'forbidUnknown'
    | 'attention'
    | 'diversity'
  > {
  /** For samples that go on from their prefixes. `maximumLength` then counts what follows the prefix. */
  readonly continuation?: Continuation | undefined;
  /** Of the target's tokens; for sentences with phrases. */
  readonly surfaces?: Surfaces | undefined;
}

export interface SearchSentence {
  /** Source ids, at least one; none for a language model. */
  readonly source: ArrayLike<number>;
  /** Target ids that the translation must begin with; their log-probabilities count. */
  readonly prefix?: ArrayLike<number> | undefined;
  /** Its number: for messages, and as the key of what is drawn for it. */
  readonly line?: number | undefined;
  /** What its translation must and must not have. */
  readonly phrases?: SentencePhrases | undefined;
}

/** How far the search of a batch is. */
export interface SearchProgress {
  /** Tokens of every hypothesis so far, prefixes not counted. */
  readonly tokens: number;
  /** Most that a hypothesis may have. */
  readonly maximumTokens: number;
  /** Hypotheses that are being extended. */
  readonly hypotheses: number;
}

export interface SearchControl {
  /** Ends the search by throwing, between two steps. */
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined;
  /** Called now and then, at most several times per second. */
  readonly onProgress?: ((progress: SearchProgress) => void) | undefined;
  /** Told what each step of a sampling search drew; the search goes on when the promise resolves. */
  readonly onTokens?: ((tokens: readonly DrawnToken[]) => Promise<void>) | undefined;
}

/**
 * Greedy (beam 1) or beam search, or with `sample` sampling, over a batch of sentences, which share every step of the model. Gives
 * `nbest` hypotheses a sentence, best first (fewer only when fewer exist), or all samples. Finished hypotheses and finished
 * sentences leave the batch.
 *
 * At the maximum length only `</s>` may follow, so every hypothesis is complete and its `logProbability` is what
 * scoring its ids gives. Only a continuation is cut there.
 *
 * Every hypothesis has what its sentence's phrases say it must, and nothing that it must not. Where none is found, the search is
 * repeated without what must occur, and where that finds none either, without phrases.
 *
 * @throws DecadeError `usage` for an id outside the vocabulary, `numeric` when the model gives no finite score
 */
export async function search(
  model: StepModel,
  device: Device,
  sentences: readonly SearchSentence[],
  options: SearchOptions,
  control: SearchControl = {},
): Promise<Hypothesis[][]> {
  control.signal?.throwIfAborted();
  if (sentences.length === 0) return [];
  const found = await searchOnce(model, device, sentences, options, control);
  const failed = [...found.keys()].filter((index) => found[index]?.length === 0);
  const relaxed = failed.map((index) => {
    const { phrases, ...sentence } = sentences[index] as SearchSentence;
    return phrases === undefined || phrases.required.length === 0 ? sentence : { ...sentence, phrases: { ...phrases, required: [] } };
  });
  for (const [place, hypotheses] of (await search(model, device, relaxed, options, control)).entries()) {
    found[failed[place] as number] = hypotheses;
  }
  return found;
}

async function searchOnce(
  model: StepModel,
  device: Device,
  sentences: readonly SearchSentence[],
  options: SearchOptions,
  { signal, onProgress, onTokens }: SearchControl,
): Promise<Hypothesis[][]> {
  const special = specialIds(model.vocabularies);
  const { begin, end, forbidden } = special.target;
  // What is written on from may hold what parts documents.
  const notInPrefix = options.continuation === undefined ? [...forbidden, end] : forbidden.filter((id) => id !== begin);
  for (const [index, { source, prefix = [], line }] of sentences.entries()) {
    if (model.vocabularies.source === undefined) requireNoSource(nameOf(index, line), source);
    else requireIds(`${nameOf(index, line)}, source`, source, model.vocabularies.source, [...special.source.forbidden, special.source.end]);
    requireIds(`${nameOf(index, line)}, prefix`, prefix, model.vocabularies.target, notInPrefix);
  }
  const maximumLengths = Int32Array.from(sentences, (sentence) => {
    const room = model.lengthLimits?.target(sentence.source.length) ?? Infinity;
    return Math.min(longestTranslation(sentence, options), Math.max(sentence.prefix?.length ?? 0, room - 1));
  });
  const guide = await guideOf(sentences, options, end);
  const process = processorFor(options, maximumLengths, special.target, guide);
  const maximumTokens = Math.max(...sentences.map(({ prefix = [] }, index) => (maximumLengths[index] as number) - prefix.length));
  const turn = turns();
  const scope = new Scope(device, new Arena(device.memory));
  const session = model.decode(
    device,
    sentences.map(({ source }) => source),
  );
  try {
    const begun = session.read(sentences.map(({ prefix = [] }) => [...beforePrefix(model, prefix), ...Array.from(prefix)]));
    const rows = rowsFor(sentences, options, {
      penalty: lengthPenalty(options.lengthPenalty),
      prefixes: sentences.map(({ prefix = [] }, row) => givenPath(prefix, begun.given(row), options)),
      maximumLengths,
      endId: special.target.end,
      nameOf: (sentence) => nameOf(sentence, sentences[sentence]?.line),
      guide,
    });
    for (let output: StepOutput = begun; ; output = session.step(rows.previousIds)) {
      scope.arena.reset();
      const { logits, bias } = output;
      const normalisers = normalise(scope, logits, bias);
      process(logits, rows);
      const attention = options.attention ? attentionOf(output, rows.count) : undefined;
      const parents = rows.advance(scope, { logits, normalisers, attention });
      if (rows.drawn !== undefined) await onTokens?.(rows.drawn);
      if (rows.count === 0) return rows.results;
      if (parents !== undefined) session.select(parents);
      guide?.follow((row) => rows.sentence(row), rows.count, parents, rows.previousIds);
      const waited = turn();
      if (waited !== undefined) {
        onProgress?.({ tokens: rows.steps, maximumTokens, hypotheses: rows.count });
        await waited;
      }
      signal?.throwIfAborted();
    }
  } finally {
    session.dispose();
    scope.arena.dispose();
  }
}

/** What a model reads before a prefix: `<s>`, unless it is there or the model does without. */
export function beforePrefix({ vocabularies, beginsPrompts }: StepModel, prefix: ArrayLike<number>): number[] {
  const { begin } = specialIds(vocabularies).target;
  return prefix.length === 0 || (beginsPrompts !== false && prefix[0] !== begin) ? [begin] : [];
}

/** Most tokens that a translation may have, `</s>` not counted. */
export function longestTranslation(
  { source, prefix = [] }: { readonly source: { readonly length: number }; readonly prefix?: { readonly length: number } | undefined },
  { maximumLength = 2 * source.length + 10, continuation }: Pick<SearchOptions, 'maximumLength' | 'continuation'>,
): number {
  return continuation === undefined ? Math.max(prefix.length, maximumLength) : prefix.length + maximumLength;
}

/** Most hypotheses of a sentence that are extended at the same time. */
export function rowsPerSentence({ beam, sample }: Pick<SearchOptions, 'beam' | 'sample'>): number {
  return sample?.samples ?? beam;
}

/** What leads the search elsewhere than to the best alone. Few searches have one, and a page loads it only then. */
async function guideOf(sentences: readonly SearchSentence[], options: SearchOptions, endId: number): Promise<Guide | undefined> {
  const { diversity, beam, surfaces } = options;
  if (diversity === undefined && sentences.every(({ phrases }) => phrases === undefined)) return undefined;
  const { Guide } = await import('./constraints/guide.js');
  const prefixes = sentences.map(({ prefix = [] }) => prefix);
  return new Guide({ phrases: sentences.map(({ phrases }) => phrases), surfaces, prefixes, diversity, beam, endId });
}

interface GuidedRowsOptions extends SearchRowsOptions {
  readonly guide: Guide | undefined;
}

function rowsFor(sentences: readonly SearchSentence[], options: SearchOptions, { guide, ...shared }: GuidedRowsOptions): SearchRows {
  const { beam, beamWidth, stopping, nbest, sample, continuation, diversity } = options;
  if (sample === undefined) return new Beams({ ...shared, beam, beamWidth, stopping, nbest, groups: diversity?.groups, guide });
  return new Samples({ ...shared, sample, continuation, numbers: sentences.map(({ line }, sentence) => line ?? sentence) });
}

function givenPath(prefix: ArrayLike<number>, { logProbabilities, attention }: GivenTokens, options: SearchOptions): Path {
  // Nothing predicts the first token where nothing comes before it.
  const unpredicted = prefix.length - logProbabilities.length;
  const tokenLogProbabilities = new Float32Array(prefix.length);
  tokenLogProbabilities.set(logProbabilities, unpredicted);
  return { ids: Int32Array.from(prefix), tokenLogProbabilities, attention: options.attention ? attention : undefined };
}

function processorFor(
  options: SearchOptions,
  maximumLengths: Int32Array,
  { end, unknown, forbidden }: SpecialIds,
  guide: Guide | undefined,
): Processor {
  return forcing(
    (sentence, length) => (length === maximumLengths[sentence] ? end : undefined),
    inOrder(
      forbid(options.forbidUnknown && unknown !== undefined ? [...forbidden, unknown] : forbidden),
      ...(options.minimumLength > 0 ? [forbid([end], options.minimumLength)] : []),
      ...(options.forbidRepeats > 0 ? [forbidRepeats(options.forbidRepeats)] : []),
      ...(guide === undefined ? [] : [guide.forbid]),
    ),
  );
}

function attentionOf(output: StepOutput, rows: number): Float32Array[] | undefined {
  if (output.attention === undefined) return undefined;
  const attention = new Array<Float32Array>(rows);
  for (let row = 0; row < rows; row++) attention[row] = output.attention(row);
  return attention;
}

function nameOf(sentence: number, line: number | undefined): string {
  return line === undefined ? `sentence ${sentence} of the batch` : `line ${line}`;
}

function requireNoSource(where: string, { length }: ArrayLike<number>): void {
  if (length === 0) return;
  throw new DecadeError('usage', {
    where: `search, ${where}`,
    received: `a source of ${length} tokens for a language model`,
    allowed: 'no source',
    next: 'give the text as a prefix',
  });
}

function requireIds(where: string, ids: ArrayLike<number>, vocabulary: number, never: readonly number[]): void {
  const refused = new Set(never);
  let first = 0;
  while (refused.has(first)) first++;
  const others = [...refused].filter((id) => id > first);
  for (let position = 0; position < ids.length; position++) {
    const id = ids[position] as number;
    if (Number.isInteger(id) && id >= 0 && id < vocabulary && !refused.has(id)) continue;
    throw new DecadeError('usage', {
      where: `search, ${where}`,
      received: `token id ${id} at position ${position}`,
      allowed: `integers from ${first} to ${vocabulary - 1}${others.length > 0 ? `, but not ${others.join(', ')}` : ''}`,
      next: 'check that the model and the tokenizer belong together',
    });
  }
}
