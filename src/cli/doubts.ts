import { unsureBelow } from '../decoding/certainty.js';
import type { TranslationResult } from '../decoding/translator.js';
import type { ProgressBar } from './progress.js';
import { figure } from './progress.js';
import { warn } from './warning.js';

/** The most lines to report individually, and the most words of each. */
const linesTold = 5;
const wordsTold = 5;

/**
 * Reports unknown words and uncertain translations on standard error: at the end, so that an error that stops the work is
 * reported alone, or on request.
 */
export class Doubts {
  readonly #progress: Pick<ProgressBar, 'line'>;
  #lines = 0;
  #untold: string[] = [];

  constructor(progress: Pick<ProgressBar, 'line'>) {
    this.#progress = progress;
  }

  note({ line, unknownSourceWords, meanProbability }: TranslationResult): void {
    const isUnsure = meanProbability < unsureBelow;
    if (unknownSourceWords.length === 0 && !isUnsure) return;
    if (++this.#lines > linesTold) return;
    const words = unknownSourceWords.slice(0, wordsTold).join(' ');
    const others = unknownSourceWords.length > wordsTold ? ` and ${figure(unknownSourceWords.length - wordsTold)} more` : '';
    const parts = [
      ...(words === '' ? [] : [`the model does not know ${words}${others}`]),
      ...(isUnsure ? [`the model is unsure of its translation (mean token probability ${meanProbability.toFixed(2)})`] : []),
    ];
    this.#untold.push(`line ${line}: ${parts.join(', and ')}`);
  }

  /** Reports what has been noted since the last call. */
  tell(): void {
    for (const doubt of this.#untold.splice(0)) warn(new Error(doubt), this.#progress);
  }

  /** Reports the rest, and the number of further lines. */
  end(): void {
    this.tell();
    const more = this.#lines - linesTold;
    if (more <= 0) return;
    const lines = more === 1 ? 'another line has' : `${figure(more)} more lines have`;
    warn(new Error(`${lines} unknown words or an uncertain translation`), this.#progress);
  }
}
