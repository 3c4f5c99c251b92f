import { DecadeError } from '../core/errors.js';
import { hasRelaxedSimd } from '../tensor/kernels/relaxed-simd.js';
import type { LoadOptions as CommonLoadOptions } from '../loaded-model.js';
import type { LoadProgress } from './download.js';
import { dividedOptions, Engine } from './engine.js';
import { BrowserModel } from './model.js';
import type { Integrity, LoadAnswer } from './requests.js';
import { type Source, sentSource } from './sources.js';
import { pageThreads } from './threads.js';

/** Defaults for every translation, and how the model is loaded. */
export interface LoadOptions extends Omit<CommonLoadOptions, 'devices' | 'gemm'> {
  /** Ends the loading by throwing the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told how much of each file has arrived. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /**
   * Whether what can be checked against a hash is kept in the browser, so that it is loaded without a network the next time: packed
   * models from a URL, and files of `integrity`. Default: true.
   */
  readonly cache?: boolean | undefined;
  /**
   * The hash that a packed model must have, as `decade pack` prints it; for a run that of each of its files by name (SHA-256 in
   * hexadecimal). Of several models a list. What is kept and has this hash is not asked for again.
   */
  readonly integrity?: Integrity | readonly (Integrity | undefined)[] | undefined;
  /** Threads to compute on, where the page is cross-origin isolated; elsewhere there is one. Default: one per core. */
  readonly threads?: number | undefined;
}

/**
 * Opens a trained model in a worker of its own. Runs no code of the model's and checks every size before it allocates.
 *
 * @example
 * await using model = await load('models/en-fr.decade');
 * const [result] = await model.translate(['3 weeks ago'], { beam: 12 });
 *
 * @param source   the URL of a run directory (`model.json` and the files that it names are fetched, nothing else) or of a packed model;
 *                 or a packed model as a Response, a Blob or File, or bytes; or what `train` returned. Several translate together, which
 *                 needs the same tokenizers
 * @param options  defaults for every translation: `beam`, `lengthPenalty`, `maximumLength`, ...; and how to load
 * @returns        a model to translate with; `dispose` it, or declare it with `await using`
 * @throws DecadeError `input` for what is not a model or is damaged; `usage` for models that cannot be combined and for wrong options;
 *                     `resource` for a network or a worker that fails
 */
export async function load(source: Source | readonly Source[], options: LoadOptions = {}): Promise<BrowserModel> {
  const { signal, told, listeners, options: given } = dividedOptions('load options', options);
  const { cache = true, integrity, threads: wanted, ...defaults } = given as LoadOptions;
  if (typeof cache !== 'boolean')
    throw new DecadeError('usage', { where: 'load options.cache', received: String(cache), allowed: 'true or false' });
  const { threads, warnings } = pageThreads(wanted);
  const several = Array.isArray(source) ? (source as readonly Source[]) : [source as Source];
  const hashes = Array.isArray(integrity) ? integrity : [integrity as Integrity | undefined];
  if (integrity !== undefined && hashes.length !== several.length) {
    throw new DecadeError('usage', {
      where: 'load options.integrity',
      received: `${hashes.length} for ${several.length} models`,
      allowed: 'one for each model',
    });
  }
  const { onProgress } = options;
  const nameOf = (index: number) => (Array.isArray(source) ? `source, item ${index + 1}` : 'source');
  const sources = await Promise.all(several.map((each, index) => sentSource(nameOf(index), each, hashes[index], { signal, onProgress })));
  const engine = new Engine(startWorker);
  try {
    const request = { kind: 'load', sources, options: defaults, listeners, cache, threads };
    const answer = await engine.call<LoadAnswer>(request, { signal, listeners: told });
    return new BrowserModel({ ...answer, engine, threads, warnings: [...warnings, ...answer.warnings] });
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

/** Each worker holds the kernels of its engine, so that a page loads one build of them. Bundlers find it by this very expression. */
function startWorker(): Worker {
  return hasRelaxedSimd()
    ? new Worker(new URL('./worker-relaxed.js', import.meta.url), { type: 'module' })
    : new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
}
