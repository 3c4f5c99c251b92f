import { counted } from '../core/counted.js';
import { DecadeError } from '../core/errors.js';

/** Texts of a ranking that were scored cut short. There may be very many, of which one warning tells. */
export class CutScores {
  #count = 0;
  #first: DecadeError | undefined;

  /** The warning of a score, if it has one. */
  add(warning: DecadeError | undefined): void {
    if (warning === undefined) return;
    this.#count++;
    this.#first ??= warning;
  }

  /** Undefined where no text was cut. */
  warning(where: string): DecadeError | undefined {
    if (this.#first === undefined) return undefined;
    const { received, allowed } = this.#first.parts;
    return new DecadeError('input', {
      where,
      received: `${counted(this.#count, 'text')} scored cut short, so that the ranking may be wrong (the first: ${received})`,
      ...(allowed !== undefined && { allowed }),
      next: 'split the lines into sentences, or score with a model that reads longer ones',
    });
  }
}
