import type { Device } from '../tensor/device.js';
import { ensemble } from './ensemble.js';
import { type LineScore, type ScoreOptions, type ScoringModel, scoreLines } from './score.js';
import type { TranslationModel } from './translation-model.js';

/**
 * The log-probability that several models together give to every pair of lines: at each token the mean of their
 * probabilities, which is what a search with the same ensemble reports. One model after another, so the memory needed is
 * that of one.
 *
 * @throws DecadeError `usage` for no model, or for models with different tokenizers
 */
export async function scoreLinesTogether(
  members: readonly (ScoringModel & TranslationModel)[],
  device: Device,
  pairs: readonly { readonly source: string; readonly target: string }[],
  { onProgress, ...options }: ScoreOptions & { readonly maximumLength?: number } = {},
): Promise<LineScore[]> {
  // The check of what can be an ensemble is that of the search.
  ensemble(members);
  const scored: LineScore[][] = [];
  for (const [index, member] of members.entries()) {
    const told = onProgress && {
      onProgress: ({ done, total }: { done: number; total: number }) =>
        onProgress({ done: index * total + done, total: members.length * total }),
    };
    scored.push(await scoreLines(member, device, pairs, { ...options, ...told }));
  }
  const [first = [], ...others] = scored;
  if (others.length === 0) return first;
  return first.map((line, index) => together([line, ...others.map((lines) => lines[index] as LineScore)]));
}

function together(scores: readonly LineScore[]): LineScore {
  const [first] = scores as readonly [LineScore, ...LineScore[]];
  // An empty source: no model was asked.
  if (first.tokenLogProbabilities.length === 0) return first;
  const tokenLogProbabilities = first.tokenLogProbabilities.map((_, token) =>
    meanProbability(scores.map((score) => score.tokenLogProbabilities[token] as number)),
  );
  return { ...first, tokenLogProbabilities, logProbability: tokenLogProbabilities.reduce((sum, value) => sum + value, 0) };
}

/** log(mean(exp(x))), without overflow. */
function meanProbability(logProbabilities: readonly number[]): number {
  const most = Math.max(...logProbabilities);
  if (most === Number.NEGATIVE_INFINITY) return most;
  return most + Math.log(logProbabilities.reduce((sum, value) => sum + Math.exp(value - most), 0) / logProbabilities.length);
}
