import { DecadeError } from '../core/errors.js';
import type { SourceLine, TranslateOptions, TranslationResult } from '../decoding/translator.js';
import type { LoadOptions } from '../loaded-model.js';
import { type SentDecadeError, sentDecadeError } from './ports.js';

/** Options that a message can carry. */
type Sendable<Options> = Omit<Options, 'signal' | 'onProgress'>;

/** Requests of a page to its worker. Answers come over the port: an empty one for `load`, results for the others. */
export type ModelRequest = { readonly answers: MessagePort } & (
  | { readonly kind: 'load'; readonly runs: readonly string[]; readonly options: LoadOptions }
  /** Answered by all results at once. */
  | { readonly kind: 'translate'; readonly lines: readonly SourceLine[]; readonly options: Sendable<TranslateOptions> }
  /** Lines come over a port of their own; answered by one result at a time. */
  | { readonly kind: 'translate-stream'; readonly lines: MessagePort; readonly options: Sendable<TranslateOptions> }
);

export type SentResult = Omit<TranslationResult, 'warning'> & { readonly warning: SentDecadeError | undefined };

export function sentResult(result: TranslationResult): SentResult {
  return { ...result, warning: result.warning && sentDecadeError(result.warning) };
}

export function receivedResult(result: SentResult): TranslationResult {
  return { ...result, warning: result.warning && new DecadeError(result.warning.kind, result.warning.parts) };
}
