import { unsureBelow } from '../decoding/certainty.js';
import type { TranslationResult } from '../decoding/translator.js';
import type { ProgressBar } from './progress.js';
import { figure } from './progress.js';
import { warn } from './warning.js';

/** So many lines are told one by one, and so many words of each. */
const linesTold = 5;
const wordsTold = 5;

/**
 * Says on standard error where a model has met words that it does not know, or is not sure of its translation: at the end, so
 * that what stops the work is told alone, or whenever asked.
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

  /** Tells what has been noted since. */
  tell(): void {
    for (const doubt of this.#untold.splice(0)) warn(new Error(doubt), this.#progress);
  }

  /** Tells the rest, and how many lines more there were. */
  end(): void {
    this.tell();
    const more = this.#lines - linesTold;
    if (more <= 0) return;
    const lines = more === 1 ? 'another line has' : `${figure(more)} more lines have`;
    warn(new Error(`${lines} unknown words or an uncertain translation`), this.#progress);
  }
}
