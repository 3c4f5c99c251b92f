import { type Candidates, greatest } from './candidates.js';
import type { SamplingOptions } from '../sampling-options.js';

/** Changes with what probability each token follows. `ids` reads the tokens of the row so far. */
export type CandidateProcessor = (candidates: Candidates, ids: () => Int32Array) => void;

/** Those that the options ask for, in the order of the record. */
export function candidateProcessors(options: SamplingOptions): CandidateProcessor[] {
  const { repetitionPenalty: penalty, temperature, topK, topP, minP, typical } = options;
  return [
    ...(penalty === 1 ? [] : [repetitionPenalty(penalty)]),
    ...(temperature === 0 ? [keepLikeliest(1)] : temperature === 1 ? [] : [divideBy(temperature)]),
    ...(topK === undefined ? [] : [keepLikeliest(topK)]),
    ...(topP === 1 ? [] : [keepNucleus(topP)]),
    ...(minP === 0 ? [] : [keepAtLeast(minP)]),
    ...(typical === 1 ? [] : [keepTypical(typical)]),
  ];
}

function repetitionPenalty(penalty: number): CandidateProcessor {
  return ({ ids, logits }, idsSoFar) => {
    const repeated = new Set(idsSoFar());
    for (let index = 0; index < logits.length; index++) {
      if (!repeated.has(ids[index] as number)) continue;
      const logit = logits[index] as number;
      logits[index] = logit > 0 ? logit / penalty : logit * penalty;
    }
  };
}

function divideBy(temperature: number): CandidateProcessor {
  return ({ logits }) => {
    // From the greatest on, so that no quotient overflows: a softmax sees differences only.
    const most = greatest(logits);
    for (let index = 0; index < logits.length; index++) logits[index] = ((logits[index] as number) - most) / temperature;
  };
}

function keepLikeliest(count: number): CandidateProcessor {
  return (candidates) => candidates.keepFirst(candidates.logits, count);
}

function keepNucleus(mass: number): CandidateProcessor {
  return (candidates) => candidates.keepFirst(candidates.logits, mass, candidates.probabilities());
}

/** p ≥ fraction × the greatest p, in logits. */
function keepAtLeast(fraction: number): CandidateProcessor {
  return (candidates) => candidates.keepFrom(candidates.logits, greatest(candidates.logits) + Math.log(fraction));
}

/** Ranks by −|−log p − H|, where H = −Σ p log p. */
function keepTypical(mass: number): CandidateProcessor {
  return (candidates) => {
    const probabilities = candidates.probabilities();
    const ranks = new Float64Array(probabilities.length);
    let entropy = 0;
    for (let index = 0; index < ranks.length; index++) {
      const probability = probabilities[index] as number;
      const information = -Math.log(probability);
      ranks[index] = information;
      if (probability > 0) entropy += probability * information;
    }
    for (let index = 0; index < ranks.length; index++) ranks[index] = -Math.abs((ranks[index] as number) - entropy);
    candidates.keepFirst(ranks, mass, probabilities);
  };
}
