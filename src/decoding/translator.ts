import { DecadeError } from '../core/errors.js';
import { requireItem, requireList, requireStream } from '../core/lists.js';
import { oneLine } from '../text/normalisation.js';
import type { Beginning } from '../text/tokenizer.js';
import { unknownWords } from '../text/word-list.js';
import { type LinkedAbort, linkedAbort } from '../core/linked-abort.js';
import type { Hypothesis } from './search-rows.js';
import { meanProbabilityOf } from './certainty.js';
import { turns } from '../core/event-loop.js';
import type { DecodingExecutor } from './executor.js';
import type { CompiledPhrases, PhraseChoice, PhraseCompiler } from './constraints/sentence-phrases.js';
import { type DecodingOptions, type DecodingOptionsInput, resolveCandidateOptions, resolveDecodingOptions } from './options.js';
import { ReadAhead } from './read-ahead.js';
import type { SearchProgress } from './search.js';
import { searchInBatches } from './search-in-batches.js';
import type { SelectionOptions } from './selection/options.js';
import type { LineSelection, SelectedBy, TranslationSelection } from './selection/selected-translations.js';
import { encodeLine, encodePrefix, type SourceLine, sourceLimit, sourceLine } from './source-line.js';
import type { TranslationTokenizers } from './translation-model.js';
import { UnknownReplacement } from './unknown-replacement.js';

/** One translation of a line. */
export interface Translation extends Hypothesis {
  /** Plain, detokenised text. */
  readonly text: string;
  /** What `score` carries. */
  readonly lengthPenalty: DecodingOptions['lengthPenalty'];
  /** What a selection found it worth, where one was asked for. */
  readonly selected?: SelectedBy | undefined;
  /**
   * Where something was asked of the text: what it lacks and has all the same, `must have chat | chatte`. Not empty only where the
   * search has found no text that has it all; this is then the best without.
   */
  readonly unmet?: readonly string[];
}

/** The best translation of a line. An empty line has an empty one, with log-probability 0. */
export interface TranslationResult extends Translation {
  /** From 1 on. */
  readonly line: number;
  /**
   * The `nbest` best, this one first; with `sample`, all samples in the order of their numbers. With `select`, the `nbest` best that it
   * found among all hypotheses of the beam or all samples, each text once.
   */
  readonly nbest: readonly Translation[];
  /** With `select`: what the choice was made from, and what it cost. Undefined for an empty line. */
  readonly selection?: LineSelection | undefined;
  /** Set when the line or its prefix was too long and was cut. */
  readonly warning: DecadeError | undefined;
  /**
   * Words and marks of the line that the model cannot know: those its vocabulary lacks and, for pieces of words and characters,
   * those that training has not shown (of a model that was trained before decade noted them, the former only).
   */
  readonly unknownSourceWords: readonly string[];
  /**
   * How sure the model is: the geometric mean of the probabilities of the tokens that it chose itself, `</s>` among them. Below
   * `unsureBelow` the translation is best read with care; 1 for an empty line.
   */
  readonly meanProbability: number;
}

export interface TranslationProgress {
  /** Lines translated. */
  readonly lines: number;
  /** Lines in all; undefined for a stream. */
  readonly totalLines: number | undefined;
  /** Tokens of the best translations, `</s>` counted. */
  readonly targetTokens: number;
  /** How far a batch is that takes long; undefined when a batch has just ended. */
  readonly search: (SearchProgress & { readonly sentences: number }) | undefined;
}

export interface TranslateOptions extends DecodingOptionsInput {
  /**
   * Chooses among all hypotheses of the beam, or all samples, by other criteria than their scores: `{ by: 'mbr' }` for minimum Bayes
   * risk, `{ by: 'self-consistency' }` for the text that most of them have, several for their weighted sum. Not in a page.
   */
  readonly select?: SelectionOptions | undefined;
  /** Rejects with the signal's reason soon after it aborts. */
  readonly signal?: AbortSignal;
  /** Called after every batch, and several times per second while one takes longer. */
  readonly onProgress?: (progress: TranslationProgress) => void;
}

/** As a translator itself takes them: the selection is made. */
export interface TranslatorOptions extends Omit<TranslateOptions, 'select'> {
  readonly selection?: TranslationSelection | undefined;
}

/** Text in, text out: tokenizes, sorts into batches of like length, searches, puts the translations back into order. */
export class Translator {
  readonly #tokenizers: TranslationTokenizers;
  readonly #executor: DecodingExecutor;
  readonly #options: DecodingOptionsInput;

  /**
   * `options` are the defaults of every call.
   *
   * @throws DecadeError `usage` for options that are not allowed
   */
  constructor(tokenizers: TranslationTokenizers, executor: DecodingExecutor, options: DecodingOptionsInput = {}) {
    resolveDecodingOptions(options);
    this.#tokenizers = tokenizers;
    this.#executor = executor;
    // What a search of a model's own leaves as <unk> it knows the source word of.
    this.#options = tokenizers.model?.sentenceSearch === undefined ? options : { unknownReplacement: 'attention', ...options };
  }

  /**
   * A result for every line, in their order.
   *
   * @throws DecadeError `usage` for options that are not allowed
   */
  async translate(lines: readonly SourceLine[], options: TranslatorOptions = {}): Promise<TranslationResult[]> {
    requireList('lines', lines, sourceLine);
    const call = this.#call(options, lines.length);
    try {
      return await call.translate(lines);
    } finally {
      call.end();
    }
  }

  /**
   * As `translate`, a result for each line as soon as may be: lines that come slowly are answered one by one, lines that
   * are ready are sorted into batches, `readAhead` of them at most.
   */
  async *translateStream(
    lines: AsyncIterable<SourceLine> | Iterable<SourceLine>,
    options: TranslatorOptions = {},
  ): AsyncGenerator<TranslationResult, void, undefined> {
    requireStream('lines', lines);
    const call = this.#call(options, undefined);
    const stream = new ReadAhead(lines, readAheadOf(call.options));
    try {
      for (;;) {
        const ready = await stream.take(call.signal);
        if (ready.length === 0) return;
        yield* await call.translate(ready);
      }
    } finally {
      stream.close();
      call.end();
    }
  }

  #call(options: TranslatorOptions, totalLines: number | undefined): TranslationCall {
    return new TranslationCall(this.#tokenizers, this.#executor, this.#options, options, totalLines);
  }
}

/** Most translations of a stream that wait to be given. */
const heldTranslations = 65_536;

/** Lines to read ahead: fewer when each has very many translations. */
function readAheadOf({ readAhead, nbest, sample }: DecodingOptions): number {
  return Math.max(1, Math.min(readAhead, Math.floor(heldTranslations / (sample?.samples ?? nbest))));
}

/** One call of a translator: its options, what may end it, and what it has done. */
class TranslationCall {
  readonly options: DecodingOptions;
  readonly #tokenizers: TranslationTokenizers;
  readonly #executor: DecodingExecutor;
  readonly #onProgress: TranslateOptions['onProgress'];
  readonly #totalLines: number | undefined;
  /** Aborts when the caller's signal does, or when a batch has failed. */
  readonly #abort: LinkedAbort;
  readonly #turn = turns();
  readonly #selection: TranslationSelection | undefined;
  /** Translations per line that are given, of those that a selection orders. */
  readonly #kept: number;
  readonly #replacement: UnknownReplacement;
  /** With the features of any other, as they stand in one list. */
  readonly #empty: Translation;
  /** Made when it is first needed. */
  #compiler: PhraseCompiler | undefined;
  #lines = 0;
  #linesDone = 0;
  #targetTokens = 0;

  constructor(
    tokenizers: TranslationTokenizers,
    executor: DecodingExecutor,
    defaults: DecodingOptionsInput,
    { signal, onProgress, selection, ...options }: TranslatorOptions,
    totalLines: number | undefined,
  ) {
    this.#tokenizers = tokenizers;
    this.#executor = executor;
    const { candidates, kept } =
      selection === undefined
        ? { candidates: resolveDecodingOptions(options, defaults), kept: Infinity }
        : resolveCandidateOptions(options, defaults);
    this.options = candidates;
    this.#selection = selection;
    this.#kept = kept;
    this.#replacement = new UnknownReplacement(
      this.options.unknownReplacement,
      tokenizers.sourceTokenizer,
      tokenizers.targetTokenizer.special.unknown,
    );
    this.#empty = emptyTranslation(this.options, tokenizers.model?.sentenceSearch?.features, selection);
    this.#onProgress = onProgress;
    this.#totalLines = totalLines;
    this.#abort = linkedAbort([signal]);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  end(): void {
    this.#abort.release();
  }

  /** The next lines. */
  async translate(lines: readonly SourceLine[]): Promise<TranslationResult[]> {
    const { sourceTokenizer, targetTokenizer, model } = this.#tokenizers;
    const results: TranslationResult[] = [];
    const waiting: WaitingLine[] = [];
    for (const [index, line] of lines.entries()) {
      await this.#turn();
      this.signal.throwIfAborted();
      const number = ++this.#lines;
      requireItem(`line ${number}`, line, sourceLine);
      const { text, prefix = '', ...choice } = typeof line === 'string' ? { text: line } : line;
      const { ids, warning } = encodeLine(sourceTokenizer, text, number, sourceLimit(this.options, model));
      if (ids.length === 0) results[index] = emptyResult(number, this.#empty, this.options.sample?.samples);
      else {
        const limits = model?.lengthLimits;
        const { beginning, warning: cut } = encodePrefix(targetTokenizer, prefix, number, limits && limits.target(ids.length) - 1);
        const phrases = await this.#phrases(choice);
        waiting.push({ index, line: number, text, source: ids, beginning, warning: warning ?? cut, phrases });
      }
    }
    this.#linesDone += lines.length - waiting.length;
    const { unknownReplacement, batch } = this.options;
    await searchInBatches(this.#executor, {
      sentences: waiting.map(({ source, beginning, line, phrases }) => ({
        source,
        prefix: beginning?.ids,
        line,
        ...(phrases?.search && { phrases: phrases.search }),
      })),
      options: {
        ...this.options,
        attention: this.options.attention || unknownReplacement !== 'none',
        surfaces: this.#compiler?.surfaces,
      },
      batch,
      signal: this.signal,
      stop: this.#abort.abort,
      onProgress: (progress) => this.#report(progress),
      take: async (positions, found) => {
        const translated = positions.map((position) => waiting[position] as WaitingLine);
        for (const [index, result] of await this.#results(translated, found)) results[index] = result;
        this.#linesDone += positions.length;
        this.#report(undefined);
      },
    });
    return results;
  }

  /** What is asked of a line and of all. Few ask for anything, and a page loads what it takes only then. */
  async #phrases({ must = [], mustNot = [] }: PhraseChoice): Promise<CompiledPhrases | undefined> {
    const all = { must: [...(this.options.must ?? []), ...must], mustNot: [...(this.options.mustNot ?? []), ...mustNot] };
    if (all.must.length + all.mustNot.length === 0) return undefined;
    const { PhraseCompiler } = await import('./constraints/guide.js');
    this.#compiler ??= new PhraseCompiler(this.#tokenizers.targetTokenizer);
    // A sample is drawn, not led: what it must have could only keep it from ending.
    return this.#compiler.compile(all, { isLed: this.options.sample === undefined });
  }

  #report(search: TranslationProgress['search']): void {
    this.#onProgress?.({ lines: this.#linesDone, totalLines: this.#totalLines, targetTokens: this.#targetTokens, search });
  }

  /** The results of lines, with their places. */
  async #results(lines: readonly WaitingLine[], found: readonly (readonly Hypothesis[])[]): Promise<[number, TranslationResult][]> {
    const turn = turns();
    const results: [number, TranslationResult][] = [];
    const { sourceTokenizer, sourceWords } = this.#tokenizers;
    const translated: Translation[][] = [];
    for (const [sentence, waiting] of lines.entries()) {
      const translations: Translation[] = [];
      for (const hypothesis of found[sentence] ?? []) {
        translations.push(this.#translation(hypothesis, waiting));
        await turn();
      }
      translated.push(translations);
    }
    for (const [sentence, { nbest, selection }] of (await this.#selected(lines, translated)).entries()) {
      const { index, line, text, warning, beginning } = lines[sentence] as WaitingLine;
      const [best = this.#empty] = nbest;
      this.#targetTokens += best.ids.length + 1;
      const unknownSourceWords = unknownWords(sourceTokenizer, text, sourceWords);
      const meanProbability = meanProbabilityOf(best.tokenLogProbabilities.subarray(beginning?.ids.length));
      results.push([index, { ...best, line, nbest, ...(selection && { selection }), warning, unknownSourceWords, meanProbability }]);
    }
    return results;
  }

  /** The translations of lines as they are given: in the order of the selection, if there is one. */
  async #selected(
    lines: readonly WaitingLine[],
    translated: readonly (readonly Translation[])[],
  ): Promise<{ readonly nbest: readonly Translation[]; readonly selection?: LineSelection }[]> {
    if (this.#selection === undefined) return translated.map((nbest) => ({ nbest }));
    const sources = lines.map(({ text, source }, index) => ({ text, tokens: source.length, translations: translated[index] ?? [] }));
    const areSamples = this.options.sample !== undefined;
    return this.#selection.select(sources, { areSamples, kept: this.#kept, signal: this.signal });
  }

  #translation(hypothesis: Hypothesis, { text: source, beginning, phrases }: WaitingLine): Translation {
    const { unknownReplacement, attention, lengthPenalty } = this.options;
    if (unknownReplacement === 'attention' && hypothesis.attention === undefined) {
      throw new DecadeError('usage', {
        where: 'unknownReplacement',
        received: '`attention` for a model without attention',
        allowed: '`none` or a dictionary',
        next: 'train an LSTM with attention: dot',
      });
    }
    const unknown = this.#replacement.of(source, hypothesis);
    // A tokenizer that takes text verbatim may give line ends, and a translation is one line.
    const text = oneLine(this.#tokenizers.targetTokenizer.decode(hypothesis.ids, { unknown, beginning }));
    const unmet = phrases && { unmet: phrases.unmet(text) };
    return { ...hypothesis, attention: attention ? hypothesis.attention : undefined, text, lengthPenalty, ...unmet };
  }
}

interface WaitingLine {
  /** Place among the lines that were given together. */
  readonly index: number;
  readonly line: number;
  readonly text: string;
  readonly source: readonly number[];
  readonly beginning: Beginning | undefined;
  readonly warning: DecadeError | undefined;
  readonly phrases: CompiledPhrases | undefined;
}

function emptyTranslation(
  { lengthPenalty }: DecodingOptions,
  features: readonly string[] | undefined,
  selection: TranslationSelection | undefined,
): Translation {
  return {
    ids: new Int32Array(0),
    tokenLogProbabilities: new Float32Array(0),
    logProbability: 0,
    score: 0,
    attention: undefined,
    text: '',
    lengthPenalty,
    ...(features && { features: Object.fromEntries(features.map((name) => [name, 0])) }),
    ...(selection && { selected: selection.nothing }),
  };
}

function emptyResult(line: number, empty: Translation, samples = 1): TranslationResult {
  const nbest = Array.from({ length: empty.selected === undefined ? samples : 1 }, () => empty);
  return { ...empty, line, nbest, warning: undefined, unknownSourceWords: [], meanProbability: 1 };
}
