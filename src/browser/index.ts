/**
 * decade in a browser: trained models translate in a page.
 *
 *     import { load } from 'decade/browser';
 */
import '../core/globals.js';
import { DecadeError } from '../core/errors.js';
import { requireList } from '../core/lists.js';
import { requireOptions } from '../core/call-options.js';
import { shownValue } from '../core/visible-text.js';
import type { LoadOptions as CommonLoadOptions } from '../loaded-model.js';
import { BrowserModel } from './model.js';

export type { BrowserModel } from './model.js';
export { DecadeError, type ErrorKind, type ErrorParts } from '../core/errors.js';
export type { DecodingOptionsInput } from '../decoding/options.js';
export { unsureBelow } from '../decoding/certainty.js';
export type {
  SourceLine,
  TranslateOptions,
  Translation,
  TranslationProgress,
  TranslationResult,
} from '../decoding/translator.js';

/** Defaults for every translation. A browser computes on one device, with its portable kernels. */
export type LoadOptions = Omit<CommonLoadOptions, 'devices' | 'gemm'>;

/**
 * Opens a trained model in a worker of its own. Runs no code of the model's and checks every size before it allocates.
 *
 * @example
 * await using model = await load('models/en-fr');
 * const [result] = await model.translate(['3 weeks ago'], { beam: 12 });
 *
 * @param runs     URL of a run directory on any web server, relative to the page; several translate together, which needs the same
 *                 tokenizers. Fetched are `model.json`, the files that it names, and nothing else
 * @param options  defaults for every translation: `beam`, `lengthPenalty`, `maximumLength`, ...
 * @returns        a model to translate with; `dispose` it, or declare it with `await using`
 * @throws DecadeError `input` for a directory that is not a run or is damaged; `usage` for runs that cannot be combined; `resource` for a
 *                     network or a worker that fails
 */
export async function load(runs: string | URL | readonly (string | URL)[], options: LoadOptions = {}): Promise<BrowserModel> {
  requireOptions('load options', options);
  const given = Array.isArray(runs) ? runs : [runs];
  requireList('runs', given, { is: (run) => typeof run === 'string' || run instanceof URL, name: 'URLs' });
  const base = typeof document === 'undefined' ? location.href : document.baseURI;
  return BrowserModel.open(
    given.map((run) => absolute(run, base)),
    options,
  );
}

function absolute(run: string | URL, base: string): string {
  try {
    return new URL(run, base).href;
  } catch (cause) {
    throw new DecadeError('usage', { where: 'runs', received: shownValue(String(run)), allowed: 'the URL of a run directory', cause });
  }
}
