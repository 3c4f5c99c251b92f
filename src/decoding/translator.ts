import { DecadeError } from '../core/errors.js';
import type { Device } from '../tensor/device.js';
import { batchesByLength } from './batches.js';
import type { Hypothesis } from './beams.js';
import { turns } from './event-loop.js';
import { type DecodingOptions, type DecodingOptionsInput, resolveDecodingOptions } from './options.js';
import { ReadAhead } from './read-ahead.js';
import { search } from './search.js';
import { encodeLine } from './source-line.js';
import type { TranslationModel } from './translation-model.js';
import { unknownWords } from './unknown-words.js';

/** A line to translate; `prefix` is text that its translation must begin with (whole words). */
export type SourceLine = string | { readonly text: string; readonly prefix?: string };

/** One translation of a line. */
export interface Translation extends Hypothesis {
  /** Plain, detokenised text. */
  readonly text: string;
}

/** The best translation of a line. An empty line has an empty one, with log-probability 0. */
export interface TranslationResult extends Translation {
  /** From 1 on. */
  readonly line: number;
  /** The `nbest` best, this one first. */
  readonly nbest: readonly Translation[];
  /** Set when the line was too long and was cut. */
  readonly warning: DecadeError | undefined;
}

export interface TranslationProgress {
  /** Lines translated. */
  readonly lines: number;
  /** Lines in all; undefined for a stream. */
  readonly totalLines: number | undefined;
  /** Tokens of the best translations, `</s>` counted. */
  readonly targetTokens: number;
}

export interface TranslateOptions extends DecodingOptionsInput {
  /** Rejects with the signal's reason soon after it aborts. */
  readonly signal?: AbortSignal;
  /** Called after every batch. */
  readonly onProgress?: (progress: TranslationProgress) => void;
}

/** Text in, text out: tokenizes, sorts into batches of like length, searches, puts the translations back into order. */
export class Translator {
  readonly #model: TranslationModel;
  readonly #device: Device;
  readonly #options: DecodingOptionsInput;
  readonly #disposal = new AbortController();

  /**
   * `options` are the defaults of every call.
   *
   * @throws DecadeError `usage` for options that are not allowed
   */
  constructor(model: TranslationModel, device: Device, options: DecodingOptionsInput = {}) {
    resolveDecodingOptions(options);
    this.#model = model;
    this.#device = device;
    this.#options = options;
  }

  /**
   * A result for every line, in their order.
   *
   * @throws DecadeError `usage` for options that are not allowed
   */
  async translate(lines: readonly SourceLine[], options: TranslateOptions = {}): Promise<TranslationResult[]> {
    const call = new TranslationCall(this.#model, this.#device, this.#options, options, this.#disposal.signal, lines.length);
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
    options: TranslateOptions = {},
  ): AsyncGenerator<TranslationResult, void, undefined> {
    const call = new TranslationCall(this.#model, this.#device, this.#options, options, this.#disposal.signal, undefined);
    const stream = new ReadAhead(lines, call.options.readAhead);
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

  /** Ends what is under way, by an error, and refuses further calls. The model is its owner's to release. */
  dispose(): void {
    this.#disposal.abort(
      new DecadeError('usage', {
        where: 'translator',
        received: 'a call after dispose',
        allowed: 'calls before it',
        next: 'make a new one',
      }),
    );
  }
}

/** One call of a translator: its options, what may end it, and what it has done. */
class TranslationCall {
  readonly options: DecodingOptions;
  readonly #model: TranslationModel;
  readonly #device: Device;
  readonly #onProgress: TranslateOptions['onProgress'];
  readonly #totalLines: number | undefined;
  readonly #controller = new AbortController();
  readonly #endings: readonly AbortSignal[];
  readonly #turn = turns();
  #lines = 0;
  #linesDone = 0;
  #targetTokens = 0;

  constructor(
    model: TranslationModel,
    device: Device,
    defaults: DecodingOptionsInput,
    { signal, onProgress, ...options }: TranslateOptions,
    disposal: AbortSignal,
    totalLines: number | undefined,
  ) {
    this.#model = model;
    this.#device = device;
    this.options = resolveDecodingOptions({ ...defaults, ...options });
    this.#onProgress = onProgress;
    this.#totalLines = totalLines;
    this.#endings = signal === undefined ? [disposal] : [disposal, signal];
    for (const ending of this.#endings) ending.addEventListener('abort', this.#stop);
    this.#stop();
  }

  /** Aborts when the caller's signal does, or with the translator. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #stop = (): void => {
    const ended = this.#endings.find(({ aborted }) => aborted);
    if (ended !== undefined) this.#controller.abort(ended.reason);
  };

  end(): void {
    for (const ending of this.#endings) ending.removeEventListener('abort', this.#stop);
  }

  /** The next lines. */
  async translate(lines: readonly SourceLine[]): Promise<TranslationResult[]> {
    const { sourceTokenizer, targetTokenizer } = this.#model;
    const results: TranslationResult[] = [];
    const waiting: WaitingLine[] = [];
    for (const [index, line] of lines.entries()) {
      await this.#turn();
      this.signal.throwIfAborted();
      const { text, prefix = '' } = typeof line === 'string' ? { text: line } : line;
      const number = ++this.#lines;
      const { ids, warning } = encodeLine(sourceTokenizer, text, number, this.options.maximumSourceLength);
      if (ids.length === 0) results[index] = emptyResult(number);
      else waiting.push({ index, line: number, text, source: ids, prefix: targetTokenizer.encode(prefix), warning });
    }
    this.#linesDone += lines.length - waiting.length;
    const lengths = waiting.map(({ source }) => source.length);
    for (const positions of batchesByLength(lengths, this.options.batch)) {
      const batch = positions.map((position) => waiting[position] as WaitingLine);
      for (const [index, result] of await this.#translateBatch(batch)) results[index] = result;
      this.#linesDone += batch.length;
      this.#onProgress?.({ lines: this.#linesDone, totalLines: this.#totalLines, targetTokens: this.#targetTokens });
    }
    return results;
  }

  async #translateBatch(batch: readonly WaitingLine[]): Promise<[number, TranslationResult][]> {
    const { unknownReplacement } = this.options;
    const attention = this.options.attention || unknownReplacement !== 'none';
    const found = await search(this.#model.model, this.#device, batch, { ...this.options, attention }, { signal: this.signal });
    return batch.map(({ index, line, text, warning }, sentence) => {
      const nbest = (found[sentence] ?? []).map((hypothesis) => this.#translation(hypothesis, text));
      const [best = emptyTranslation] = nbest;
      this.#targetTokens += best.ids.length + 1;
      return [index, { ...best, line, nbest, warning }];
    });
  }

  #translation(hypothesis: Hypothesis, source: string): Translation {
    const { unknownReplacement, attention } = this.options;
    if (unknownReplacement === 'attention' && hypothesis.attention === undefined) {
      throw new DecadeError('usage', {
        where: 'unknownReplacement',
        received: '`attention` for a model without attention',
        allowed: '`none` or a dictionary',
        next: 'train with attention: dot or additive',
      });
    }
    const unknown = unknownWords(unknownReplacement, this.#model.sourceTokenizer, source, hypothesis);
    const text = this.#model.targetTokenizer.decode(hypothesis.ids, unknown);
    return { ...hypothesis, attention: attention ? hypothesis.attention : undefined, text };
  }
}

interface WaitingLine {
  /** Place among the lines that were given together. */
  readonly index: number;
  readonly line: number;
  readonly text: string;
  readonly source: readonly number[];
  readonly prefix: readonly number[];
  readonly warning: DecadeError | undefined;
}

const emptyTranslation: Translation = {
  ids: new Int32Array(0),
  tokenLogProbabilities: new Float32Array(0),
  logProbability: 0,
  score: 0,
  attention: undefined,
  text: '',
};

function emptyResult(line: number): TranslationResult {
  return { ...emptyTranslation, line, nbest: [emptyTranslation], warning: undefined };
}
