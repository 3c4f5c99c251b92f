import { DecadeError } from '../../core/errors.js';
import { turns, unlessAborted } from '../../core/event-loop.js';
import type { Give } from '../../core/iterated.js';
import { type LinkedAbort, linkedAbort } from '../../core/linked-abort.js';
import { type ItemKind, requireItem, requireStream } from '../../core/lists.js';
import { firstBrokenByte } from '../../core/utf8.js';
import type { Beginning, Tokenizer } from '../../text/tokenizer.js';
import type { DecodingExecutor } from '../executor.js';
import type { LocalDecodingExecutor } from '../local-executor.js';
import { ReadAhead } from '../read-ahead.js';
import { byteString, type StopStrings } from '../sampling/stop-strings.js';
import type { SearchOptions, SearchProgress } from '../search.js';
import { searchInBatches } from '../search-in-batches.js';
import { type PredictedToken, predictTokens } from '../token-predictions.js';
import type { Hypothesis } from '../search-rows.js';
import { type GenerationOptions, type GenerationOptionsInput, resolveGenerationOptions } from './options.js';
import { StoppedText } from './stopped-text.js';
import { TextPieces } from './text-pieces.js';

/** What a model has written after a prompt. */
export interface GeneratedText {
  /** Without the prompt and without the string at which it stopped. */
  readonly text: string;
  /** Of all tokens that were written, those of the stop string too. */
  readonly ids: Int32Array;
  /** The model's own log-probability of each, in nats, whatever was made of it before it was drawn; that of `</s>` last where it ended the text. */
  readonly tokenLogProbabilities: Float32Array;
  /** Their sum. */
  readonly logProbability: number;
  /** What ended the text: `</s>`, a stop string, or the maximum length. */
  readonly ending: 'end' | 'stop' | 'length';
}

/** What is written on from: a text, or the tokens of one, which are read as they are. */
export type Prompt = string | readonly number[];

/** A prompt as a model reads it. */
export interface ReadPrompt {
  /** What the text that follows goes on from: the prompt without spaces that the model would not see. */
  readonly text: string;
  /** Set when the prompt was too long, and only its end was read. */
  readonly warning: DecadeError | undefined;
}

export interface GenerationResult {
  /** Number of the prompt, from 1 on. */
  readonly line: number;
  readonly prompt: ReadPrompt;
  readonly samples: readonly GeneratedText[];
}

export interface GenerationProgress {
  /** Prompts that have been continued. */
  readonly lines: number;
  /** Tokens of their samples, `</s>` counted. */
  readonly tokens: number;
  /** How far a batch is that takes long; undefined when a batch has just ended. */
  readonly search: (SearchProgress & { readonly sentences: number }) | undefined;
}

export interface GenerateOptions extends Omit<GenerationOptionsInput, 'samples'> {
  /** Ends the text by throwing the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called once, before the first piece. */
  readonly onPrompt?: ((prompt: ReadPrompt) => void) | undefined;
  /** Called once, after the last piece, unless the reader has left. */
  readonly onEnd?: ((end: { readonly tokens: number; readonly ending: GeneratedText['ending'] }) => void) | undefined;
}

export interface GenerateStreamOptions extends GenerationOptionsInput {
  readonly signal?: AbortSignal | undefined;
  /** Called after every batch, and several times a second while one takes longer. */
  readonly onProgress?: ((progress: GenerationProgress) => void) | undefined;
}

interface EncodedPrompt extends ReadPrompt {
  readonly line: number;
  readonly ids: readonly number[];
}

/** Text in, text out: writes on from prompts, with samples of what a language model predicts. */
export class TextGenerator {
  readonly #tokenizer: Tokenizer;
  readonly #executor: DecodingExecutor;
  readonly #local: Pick<LocalDecodingExecutor, 'search' | 'with'>;
  readonly #promptRoom: number;
  #spellings: Omit<StopStrings, 'strings'> | undefined;

  /**
   * @param local       this thread's device, where a single text is followed token by token
   * @param promptRoom  tokens of a prompt that the model can read, and still write one; up to half of them are kept for more
   */
  constructor(
    tokenizer: Tokenizer,
    executor: DecodingExecutor,
    local: Pick<LocalDecodingExecutor, 'search' | 'with'>,
    promptRoom = Infinity,
  ) {
    this.#tokenizer = tokenizer;
    this.#executor = executor;
    this.#local = local;
    this.#promptRoom = promptRoom;
  }

  /**
   * Gives what follows the prompt, as it is written: pieces of whole characters. It is the first sample that `continueAll` gives for it.
   *
   * @throws DecadeError `usage` for options that are not allowed
   */
  async write(prompt: Prompt, { signal, onPrompt, onEnd, ...given }: GenerateOptions, give: Give<string>): Promise<void> {
    requireItem('prompt', prompt, promptItem);
    if ('samples' in given) {
      const next = 'call generateStream for several samples';
      throw new DecadeError('usage', { where: 'generate options.samples', received: 'given for a single text', allowed: 'one text', next });
    }
    const options = resolveGenerationOptions(given, ['signal', 'onPrompt', 'onEnd']);
    const { ids, text, warning } = this.#prompt(prompt, 1, options);
    onPrompt?.({ text, warning });
    const pieces = new TextPieces(this.#tokenizer, ids);
    const stopped = new StoppedText(options.stop);
    const giveText = async (text: string) => {
      if (text !== '') await unlessAborted(give(text), signal);
    };
    const [[written] = []] = await this.#local.search([{ source: [], prefix: ids, line: 1 }], this.#searchOptions(options), {
      signal,
      onTokens: async (tokens) => {
        for (const { id } of tokens) await giveText(stopped.push(pieces.push(id)));
      },
    });
    await giveText(stopped.push(pieces.end()) + stopped.end());
    if (written === undefined) return;
    const ending = written.tokenLogProbabilities.length > written.ids.length ? 'end' : stopped.isStopped ? 'stop' : 'length';
    onEnd?.({ tokens: written.tokenLogProbabilities.length - ids.length, ending });
  }

  /** Tokens of a prompt that leave room for one more; Infinity where any number can be read. */
  get promptRoom(): number {
    return this.#promptRoom;
  }

  /**
   * The tokens of a prompt, and the text that they stand for.
   *
   * @throws DecadeError `usage` for a token that no text has
   */
  readPrompt(prompt: Prompt): Beginning {
    if (typeof prompt === 'string') return this.#tokenizer.encodeBeginning(prompt) ?? { ids: [], text: '' };
    const { size, special } = this.#tokenizer;
    const never = special.forbidden.filter((id) => id !== special.begin);
    const place = prompt.findIndex((id) => !(id < size) || never.includes(id));
    if (place < 0) return { ids: [...prompt], text: this.pieces(prompt).join('') };
    throw new DecadeError('usage', {
      where: 'prompt',
      received: `token id ${prompt[place]} at position ${place}`,
      allowed: `0 to ${size - 1}${never.map((id) => `, but not ${id} (${this.#tokenizer.token(id)})`).join('')}`,
      next: 'take the ids from the tokenizer of this model',
    });
  }

  /** See `predictTokens`. */
  predict(ids: ArrayLike<number>, control: Parameters<typeof predictTokens>[3]): Promise<(PredictedToken | undefined)[]> {
    return this.#local.with((model, device) => predictTokens(model, device, ids, control));
  }

  /** What each of the tokens adds to the text: a character's parts come with its last one. */
  pieces(ids: ArrayLike<number>): string[] {
    const pieces = new TextPieces(this.#tokenizer, []);
    const texts = Array.from(ids, (id) => pieces.push(id));
    const rest = pieces.end();
    return texts.map((text, index) => (index === texts.length - 1 ? text + rest : text));
  }

  /** A token by itself: its text, `bytes:\xe2\x80` for a part of a character, and its name for one that has no text. */
  spelling(id: number): string {
    const bytes = this.#tokenizer.bytes(id);
    if (bytes.length === 0) return this.#tokenizer.token(id);
    if (firstBrokenByte(bytes) === bytes.length) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }

  /**
   * Continues every prompt, `samples` times each, and gives the results in their order, each as soon as may be: prompts that come slowly
   * are answered one by one, those that are ready share batches on all devices.
   */
  async *continueAll(
    prompts: AsyncIterable<Prompt> | Iterable<Prompt>,
    { signal, onProgress, ...given }: GenerateStreamOptions = {},
  ): AsyncGenerator<GenerationResult, void, undefined> {
    requireStream('prompts', prompts);
    const options = resolveGenerationOptions(given, ['signal', 'onProgress']);
    const abort = linkedAbort([signal]);
    const stream = new ReadAhead(prompts, Math.max(1, Math.min(options.readAhead, Math.floor(heldSamples / options.samples))));
    const done = { lines: 0, tokens: 0 };
    const report = (search: GenerationProgress['search']) => onProgress?.({ ...done, search });
    let line = 0;
    try {
      for (;;) {
        const ready = (await stream.take(abort.signal)).map((prompt) => {
          requireItem(`prompt ${++line}`, prompt, promptItem);
          return this.#prompt(prompt, line, options);
        });
        if (ready.length === 0) return;
        yield* await this.#continue(ready, options, abort, (progress, results) => {
          done.lines += results.length;
          for (const { samples } of results) for (const each of samples) done.tokens += each.tokenLogProbabilities.length;
          report(progress);
        });
      }
    } finally {
      stream.close();
      abort.release();
    }
  }

  async #continue(
    prompts: readonly EncodedPrompt[],
    options: GenerationOptions,
    abort: LinkedAbort,
    report: (progress: GenerationProgress['search'], results: readonly GenerationResult[]) => void,
  ): Promise<GenerationResult[]> {
    const results = new Array<GenerationResult>(prompts.length);
    const turn = turns();
    await searchInBatches(this.#executor, {
      sentences: prompts.map(({ ids, line }) => ({ source: [], prefix: ids, line })),
      options: this.#searchOptions(options),
      batch: options.batch,
      signal: abort.signal,
      stop: abort.abort,
      onProgress: (progress) => report(progress, []),
      take: async (positions, found) => {
        const taken: GenerationResult[] = [];
        for (const [index, position] of positions.entries()) {
          const { line, text, ids, warning } = prompts[position] as EncodedPrompt;
          const samples = (found[index] ?? []).map((hypothesis) => this.#generated(hypothesis, ids, options));
          const result = { line, prompt: { text, warning }, samples };
          results[position] = result;
          taken.push(result);
          await turn();
        }
        report(undefined, taken);
      },
    });
    return results;
  }

  #generated(
    { ids: all, tokenLogProbabilities: logProbabilities }: Hypothesis,
    prompt: readonly number[],
    options: GenerationOptions,
  ): GeneratedText {
    const [ids, tokenLogProbabilities] = [all.slice(prompt.length), logProbabilities.slice(prompt.length)];
    const pieces = new TextPieces(this.#tokenizer, prompt);
    const stopped = new StoppedText(options.stop);
    let text = '';
    for (const id of ids) text += stopped.push(pieces.push(id));
    text += stopped.push(pieces.end()) + stopped.end();
    const logProbability = tokenLogProbabilities.reduce((sum, value) => sum + value, 0);
    const ending = tokenLogProbabilities.length > ids.length ? 'end' : stopped.isStopped ? 'stop' : 'length';
    return { text, ids, tokenLogProbabilities, logProbability, ending };
  }

  #prompt(prompt: Prompt, line: number, { maximumPromptLength, maximumLength }: GenerationOptions): EncodedPrompt {
    const { ids, text } = this.readPrompt(prompt);
    const room = this.#promptRoom;
    if (typeof prompt !== 'string') {
      if (ids.length <= room) return { line, text, ids, warning: undefined };
      throw new DecadeError('usage', { where: `prompt ${line}`, received: `${ids.length} tokens`, allowed: `at most ${room}` });
    }
    const most = Math.min(maximumPromptLength, room - Math.min(maximumLength, Math.floor(room / 2)));
    if (ids.length <= most) return { line, text, ids, warning: undefined };
    const warning = new DecadeError('input', {
      where: `prompt ${line}`,
      received: `${ids.length.toLocaleString('en')} tokens; only the last ${most.toLocaleString('en')} were read`,
      allowed: `at most ${most.toLocaleString('en')}`,
      next:
        most < maximumPromptLength
          ? 'shorten the prompt, or write less (--max-length): the model has room for no more'
          : 'shorten the prompt, or raise maximumPromptLength (--max-prompt-length)',
    });
    return { line, text, ids: ids.slice(-most), warning };
  }

  #searchOptions(options: GenerationOptions): SearchOptions {
    const { maximumLength, stop, forbidRepeats, forbidUnknown, maximumPromptLength: _, batch: __, readAhead: ___, ...sample } = options;
    const ofBeams = {
      beam: 1,
      beamWidth: 'shrinking',
      stopping: 'exact',
      nbest: 1,
      lengthPenalty: { kind: 'power', alpha: 1 },
      minimumLength: 0,
      attention: false,
    } as const;
    return { ...ofBeams, sample, maximumLength, forbidRepeats, forbidUnknown, continuation: { stop: this.#stopStrings(stop) } };
  }

  #stopStrings(strings: readonly string[]): StopStrings | undefined {
    if (strings.length === 0) return undefined;
    this.#spellings ??= spellingsOf(this.#tokenizer);
    const utf8 = new TextEncoder();
    return { strings: strings.map((string) => byteString(utf8.encode(string))), ...this.#spellings };
  }
}

function spellingsOf(tokenizer: Tokenizer): Omit<StopStrings, 'strings'> {
  const spellings = Array.from({ length: tokenizer.size }, (_, id) => byteString(tokenizer.bytes(id)));
  const withSpace = spellings.findIndex((spelling) => spelling.startsWith(' '));
  return { spellings, dropsFirstSpace: withSpace >= 0 && !tokenizer.decode([withSpace]).startsWith(' ') };
}

const promptItem: ItemKind = {
  is: (item) => typeof item === 'string' || (Array.isArray(item) && item.every((id) => Number.isInteger(id) && id >= 0)),
  name: 'text, or a list of token ids',
};

/** Most samples of a stream that wait to be given. */
const heldSamples = 65_536;
