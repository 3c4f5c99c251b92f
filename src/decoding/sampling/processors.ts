import type { SamplingOptions } from '../sampling-options.js';
import { type Candidates, greatest } from './candidates.js';

/** Rules out some of the candidates. */
export type CandidateProcessor = (candidates: Candidates) => void;

/** Those that the options ask for, in the order of the record. */
export function candidateProcessors({ temperature, topK, topP, minP, typical }: SamplingOptions): CandidateProcessor[] {
  return [
    ...(temperature < coldest ? [keepLikeliest(1)] : []),
    ...(topK === undefined ? [] : [keepLikeliest(topK)]),
    ...(topP === 1 ? [] : [keepNucleus(topP)]),
    ...(minP === 0 ? [] : [keepAtLeast(minP)]),
    ...(typical === 1 ? [] : [keepTypical(typical)]),
  ];
}

/** A temperature below this leaves nothing to any but the likeliest token, and quotients that a 32-bit float cannot hold. */
export const coldest = 1e-6;

function keepLikeliest(count: number): CandidateProcessor {
  return (candidates) => candidates.keepFirst(candidates.logProbabilities, count, 'each');
}

function keepNucleus(mass: number): CandidateProcessor {
  return (candidates) => candidates.keepFirst(candidates.logProbabilities, mass * candidates.total, 'probability');
}

/** p ≥ fraction × the greatest p, in logarithms. */
function keepAtLeast(fraction: number): CandidateProcessor {
  return (candidates) => {
    const { logProbabilities } = candidates;
    candidates.keepFrom(logProbabilities, greatest(logProbabilities) + Math.log(fraction));
  };
}

/** Ranks by −|−log p − H|, where H = −Σ p log p. */
function keepTypical(mass: number): CandidateProcessor {
  return (candidates) => {
    const { logProbabilities, probabilities, total } = candidates;
    const ranks = new Float64Array(logProbabilities.length);
    let entropy = 0;
    for (let index = 0; index < ranks.length; index++) {
      const information = Math.log(total) - (logProbabilities[index] as number);
      ranks[index] = information;
      entropy += ((probabilities[index] as number) / total) * information;
    }
    for (let index = 0; index < ranks.length; index++) ranks[index] = -Math.abs((ranks[index] as number) - entropy);
    candidates.keepFirst(ranks, mass * total, 'probability');
  };
}
