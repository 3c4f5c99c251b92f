import { predictedLoss, type LossPoint, type WholeLaw } from './law.js';

/** Operations of training per parameter and token (Kaplan et al. 2020, section 2.1): C = 6 N D. */
export const operationsPerParameterAndToken = 6;

export function computeOf({ parameters, tokens }: Pick<LossPoint, 'parameters' | 'tokens'>): number {
  return operationsPerParameterAndToken * parameters * tokens;
}

/** What compute is best spent on. */
export interface Allocation {
  readonly compute: number;
  readonly parameters: number;
  readonly tokens: number;
  readonly loss: number;
}

/**
 * N = G (C / 6)^a and D = (C / 6)^b / G, with a = β / (α + β), b = α / (α + β) and G = (α A / (β B))^(1 / (α + β)): of all with
 * 6 N D = C the least loss (Hoffmann et al. 2022, equation 4).
 */
export function optimalAllocation(law: WholeLaw, compute: number): Allocation {
  const product = compute / operationsPerParameterAndToken;
  const parameters = balance(law) * product ** optimumExponents(law).size;
  const tokens = product / parameters;
  return { compute, parameters, tokens, loss: predictedLoss(law, { parameters, tokens }) };
}

/** The size that is compute-optimal for so many tokens. */
export function optimalSizeFor(law: WholeLaw, tokens: number): number {
  const { size, data } = optimumExponents(law);
  return balance(law) * (tokens * balance(law)) ** (size / data);
}

/** How the optimal size, the optimal amount of data, and the reducible loss at the optimum go with compute. */
export function optimumExponents({ size: { exponent: alpha }, data: { exponent: beta } }: WholeLaw) {
  const sum = alpha + beta;
  return { size: beta / sum, data: alpha / sum, loss: (alpha * beta) / sum };
}

function balance({ size, data }: WholeLaw): number {
  return ((size.exponent * size.factor) / (data.exponent * data.factor)) ** (1 / (size.exponent + data.exponent));
}

/** What a factor brings over a point: of size alone, of data alone, and of compute from the optimum to the optimum. */
export function whatAFactorBrings(law: WholeLaw, { parameters, tokens }: Pick<LossPoint, 'parameters' | 'tokens'>, factor = 10) {
  const compute = computeOf({ parameters, tokens });
  return {
    now: predictedLoss(law, { parameters, tokens }),
    larger: predictedLoss(law, { parameters: factor * parameters, tokens }),
    longer: predictedLoss(law, { parameters, tokens: factor * tokens }),
    optimalNow: optimalAllocation(law, compute),
    optimal: optimalAllocation(law, factor * compute),
  };
}
