import type { TextScore } from './text-score.js';

/** Share of unknown tokens above which bits per byte mislead. */
const manyUnknown = 0.01;

/** Why bits per byte of a text say nothing beside those of models with another vocabulary; undefined where they do. */
export function whyIncomparable({ unknown, tokens }: Pick<TextScore, 'unknown' | 'tokens'>): string | undefined {
  if (unknown <= manyUnknown * tokens) return undefined;
  const share = Math.round((100 * unknown) / tokens);
  return `${share} % of the tokens are <unk>, and no bits are counted for what they stand for: compare bits per byte only with models of the same vocabulary`;
}
