import { type Bin, equalBins } from './bins.js';
import { wordsOf } from './words.js';

/** As many as figure 3 of Sutskever et al. (2014) has marks. */
export const binsOfFigure3 = 8;

/** Sentences by the number of words of their source (figure 3, left). */
export function binsByLength(sources: readonly string[]): Bin[] {
  return equalBins(
    sources.map((source) => wordsOf(source).length),
    binsOfFigure3,
  );
}
