import { huberWidth, isWhole, type LossLaw, type LossPoint, predictedLoss } from './law.js';
import { minimise } from './minimise.js';
import { optimalSizeFor } from './optimum.js';

/** A run that read its data several times. */
export interface RepeatedPoint extends LossPoint {
  /** U: different tokens, of all `tokens`. */
  readonly uniqueTokens: number;
}

/**
 * How fast repetition loses its worth: R*_D, and R*_N of parameters beyond what the unique data need; of runs without such parameters
 * it is absent. Muennighoff et al. (2023) found 15.39 and 5.31.
 */
export interface Repetition {
  readonly data: number;
  readonly size?: number | undefined;
}

export const publishedRepetition = { data: 15.39, size: 5.31 } as const;

/**
 * What repeated data count for: D' = U + U R* (1 - exp(-R / R*)), with R = D / U - 1 repetitions; and likewise parameters beyond the
 * compute-optimal size of the unique data (Muennighoff et al. 2023, equations 5 and 6).
 */
export function repeatedLoss(law: LossLaw, { data, size }: Repetition, { parameters, tokens, uniqueTokens }: RepeatedPoint): number {
  const needed = isWhole(law) ? Math.min(parameters, optimalSizeFor(law, uniqueTokens)) : parameters;
  return predictedLoss(law, {
    tokens: uniqueTokens * worthOf(tokens / uniqueTokens, data),
    parameters: size === undefined ? parameters : needed * worthOf(parameters / needed, size),
  });
}

/** What so many epochs are worth, in epochs of fresh data. */
export function worthOf(epochs: number, decay: number): number {
  // From expm1, since a decay that is slow is a difference of nearly equal numbers.
  return 1 - decay * Math.expm1(-(epochs - 1) / decay);
}

/**
 * Fits how repetition decays to runs that repeat their data, by the same robust loss as the law, which is that of fresh data.
 *
 * @param from  a fit to nearly the same runs, to begin from. Default: many beginnings
 * @returns     undefined without a run
 */
export function fitRepetition(law: LossLaw, repeated: readonly RepeatedPoint[], from?: Repetition): Repetition | undefined {
  if (repeated.length === 0) return undefined;
  const hasExcess = isWhole(law) && repeated.some(({ parameters, uniqueTokens }) => parameters > 1.2 * optimalSizeFor(law, uniqueTokens));
  const of = (at: ArrayLike<number>): Repetition => ({
    data: decayOf(at[0] as number),
    ...(at[1] !== undefined && { size: decayOf(at[1]) }),
  });
  const objective = (at: ArrayLike<number>) =>
    repeated.reduce((sum, point) => {
      const size = Math.abs(Math.log(repeatedLoss(law, of(at), point) / point.loss)) / huberWidth;
      return sum + (size <= 1 ? (size * size) / 2 : size - 1 / 2);
    }, 0);
  const begun = from && [[Math.log(from.data), ...(hasExcess ? [Math.log(from.size ?? from.data)] : [])]];
  const starts = begun ?? startsTried.flatMap((data) => (hasExcess ? startsTried.map((size) => [data, size]) : [[data]]));
  const reached = starts.map((start) => minimise(withDifferences(objective), start, { tolerance: 1e-6, iterations: 100 }));
  return of(reached.reduce((least, one) => (one.value < least.value ? one : least)).at);
}

/** Logarithms of decays to begin from. */
const startsTried = [0.5, 5, 50].map(Math.log);
/** Repetition that loses nothing, and repetition that is worth nothing, have no decay: its logarithm would run away. */
const [least, most] = [-5, 9];

function decayOf(logarithm: number): number {
  return Math.exp(Math.min(most, Math.max(least, logarithm)));
}

/** A gradient by central differences: there are two coefficients at most. */
function withDifferences(objective: (at: ArrayLike<number>) => number) {
  const distance = 1e-5;
  return (at: Float64Array, gradient: Float64Array): number => {
    for (let place = 0; place < at.length; place++) {
      const beside = (by: number) => objective(at.map((value, index) => (index === place ? value + by : value)));
      gradient[place] = (beside(distance) - beside(-distance)) / (2 * distance);
    }
    return objective(at);
  };
}
