import { DecadeError } from '../core/errors.js';
import { Lifetime } from '../core/lifetime.js';
import { requireStream } from '../core/lists.js';
import { requireOptions } from '../core/call-options.js';
import type { SourceLine, TranslateOptions, TranslationProgress, TranslationResult } from '../decoding/translator.js';
import type { LoadOptions } from '../loaded-model.js';
import { give, take, type TakeOptions } from './ports.js';
import { receivedResult, type ModelRequest, type SentResult } from './requests.js';
import { hasRelaxedSimd } from '../tensor/kernels/relaxed-simd.js';

/** A request but for the port that is made for its answers. */
type Unanswered<Asked extends ModelRequest = ModelRequest> = Asked extends ModelRequest ? Omit<Asked, 'answers'> : never;

/**
 * A trained model or an ensemble in its own worker, so the page stays responsive. Holds the worker and its memory until it is
 * disposed of; later calls throw.
 */
export class BrowserModel implements AsyncDisposable {
  readonly #worker: Worker;
  /** Why calls are refused. */
  #refusal = new DecadeError('usage', {
    where: 'model',
    received: 'a call after dispose',
    allowed: 'calls before it',
    next: 'load the model again',
  });
  readonly #lifetime = new Lifetime(() => this.#refusal);

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.onerror = ({ message }) => {
      this.#refusal = new DecadeError('resource', {
        where: 'worker',
        received: message ? `an error (${message})` : 'a worker that could not be started',
        next: message
          ? 'load the model again'
          : 'check that worker.js and worker-relaxed.js lie beside the file that starts it, on a server, and that the page may start workers (worker-src)',
      });
      void this.dispose();
    };
  }

  /** See `load`. */
  static async open(runs: readonly string[], options: LoadOptions): Promise<BrowserModel> {
    if (typeof Worker === 'undefined') {
      throw new DecadeError('resource', {
        where: 'decade/browser',
        received: 'a runtime without web workers',
        allowed: 'a browser',
        next: "under Node, import from 'decade'",
      });
    }
    // Each worker holds the kernels of its engine, so that a page loads one build of them. Bundlers find it by this very expression.
    const worker = hasRelaxedSimd()
      ? new Worker(new URL('./worker-relaxed.js', import.meta.url), { type: 'module' })
      : new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    const model = new BrowserModel(worker);
    try {
      await model.#call({ kind: 'load', runs, options });
      return model;
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  /** A translation for every line, in order; `''` for an empty line. */
  async translate(lines: readonly SourceLine[], given: TranslateOptions = {}): Promise<TranslationResult[]> {
    requireOptions('translate options', given);
    const { signal, onProgress, ...options } = given;
    const control = { signal, onProgress };
    const results = await this.#call<SentResult[], TranslationProgress>({ kind: 'translate', lines, options }, control);
    return results.map(receivedResult);
  }

  /** Like `translate`, but yields each translation as soon as it is ready: lines may come from a network or a keyboard. */
  async *translateStream(
    lines: AsyncIterable<SourceLine> | Iterable<SourceLine>,
    given: TranslateOptions = {},
  ): AsyncGenerator<TranslationResult, void, undefined> {
    requireOptions('translateStream options', given);
    requireStream('lines', lines);
    const { signal, onProgress, ...options } = given;
    const { port1, port2 } = new MessageChannel();
    const close = give(port1, () => (Symbol.asyncIterator in lines ? lines[Symbol.asyncIterator]() : lines[Symbol.iterator]()));
    try {
      const control = { signal, onProgress };
      const request = { kind: 'translate-stream', lines: port2, options } as const;
      for await (const result of this.#stream<SentResult, TranslationProgress>(request, control)) yield receivedResult(result);
    } finally {
      close();
    }
  }

  /** Ends running calls with an error, and the worker. A second call does nothing. */
  async dispose(): Promise<void> {
    await this.#lifetime.end();
    this.#worker.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #call<Result, Progress = never>(request: Unanswered, options: TakeOptions<Progress> = {}): Promise<Result> {
    for await (const result of this.#stream<Result, Progress>(request, options)) return result;
    throw new Error('no answer');
  }

  #stream<Item, Progress>(request: Unanswered, { signal, onProgress }: TakeOptions<Progress>): AsyncGenerator<Item, void, undefined> {
    return this.#lifetime.stream((either) => {
      const { port1, port2 } = new MessageChannel();
      const transferred = request.kind === 'translate-stream' ? [port2, request.lines] : [port2];
      this.#worker.postMessage({ ...request, answers: port2 }, transferred);
      return take<Item, Progress>(port1, { signal: either, onProgress });
    }, signal);
  }
}
