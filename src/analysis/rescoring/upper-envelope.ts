import type { RescoredHypothesis } from './rescoring.js';

/** The best hypothesis from a weight up to that of the next piece of the envelope. */
export interface EnvelopePiece {
  readonly from: number;
  /** Undefined for a sentence that has none. */
  readonly hypothesis: RescoredHypothesis | undefined;
}

/**
 * The best hypothesis of a sentence for every weight in [0, 1] (Och 2003, "Minimum error rate training", section 4.1): a
 * hypothesis's combined score is a line over the weight, so the best one changes only where lines cross in their upper envelope.
 */
export function upperEnvelope(hypotheses: readonly RescoredHypothesis[]): EnvelopePiece[] {
  const opinions = hypotheses.filter(({ model }) => Number.isFinite(model));
  const candidates = opinions.length === 0 ? hypotheses.map((hypothesis) => ({ ...hypothesis, model: hypothesis.own })) : opinions;
  const slope = ({ own, model }: RescoredHypothesis) => model - own;
  let current: RescoredHypothesis | undefined;
  for (const candidate of candidates) {
    if (current === undefined || candidate.own > current.own || (candidate.own === current.own && slope(candidate) > slope(current)))
      current = candidate;
  }
  const envelope = [{ from: 0, hypothesis: current }];
  for (let next = current; next !== undefined; ) {
    const line = next;
    next = undefined;
    let crossing = 1;
    for (const candidate of candidates) {
      if (slope(candidate) <= slope(line)) continue;
      const at = (line.own - candidate.own) / (slope(candidate) - slope(line));
      if (at < crossing || (at === crossing && next !== undefined && slope(candidate) > slope(next))) {
        crossing = at;
        next = candidate;
      }
    }
    if (next !== undefined) envelope.push({ from: crossing, hypothesis: next });
  }
  return envelope;
}
