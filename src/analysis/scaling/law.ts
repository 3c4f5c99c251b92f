import { minimise, type Objective } from './minimise.js';

/** A trained network: how large it is, on how much it was trained, and what it reached. */
export interface LossPoint {
  readonly name: string;
  /** N. */
  readonly parameters: number;
  /** D: tokens that it was trained to predict; those that were repeated are counted each time. */
  readonly tokens: number;
  /** Nats per held-out token. */
  readonly loss: number;
}

/** factor / x^exponent */
export interface PowerTerm {
  readonly factor: number;
  readonly exponent: number;
}

/**
 * L(N, D) = E + A / N^α + B / D^β (Hoffmann et al. 2022, equation 2). Of points of one size, or of one amount of data, that term is part
 * of E and absent here.
 */
export interface LossLaw {
  /** E: what no size and no amount of data bring below. */
  readonly irreducible: number;
  /** A and α. */
  readonly size?: PowerTerm | undefined;
  /** B and β. */
  readonly data?: PowerTerm | undefined;
}

/** Of both terms: what the compute-optimal size follows from. */
export type WholeLaw = Required<{ [Part in keyof LossLaw]: NonNullable<LossLaw[Part]> }>;

export interface FittedLaw {
  readonly law: LossLaw;
  /** Logarithm of measured over predicted loss, point by point. */
  readonly residuals: readonly number[];
  /** The objective: the sum of Huber's losses, in units of `huberWidth`. */
  readonly objective: number;
  readonly hasConverged: boolean;
  /** Coefficients that were fitted. */
  readonly coefficients: number;
}

/** Residuals of logarithms beyond this count by their size, not by its square (Hoffmann et al. 2022, appendix D.3). */
export const huberWidth = 1e-3;

/** Points at this many sizes, and at this many amounts of data, make a term of each: two would leave E free. */
const fewestPlaces = 3;

export function predictedLoss(
  { irreducible, size, data }: LossLaw,
  { parameters, tokens }: Pick<LossPoint, 'parameters' | 'tokens'>,
): number {
  return irreducible + termAt(size, parameters) + termAt(data, tokens);
}

function termAt(term: PowerTerm | undefined, at: number): number {
  return term === undefined ? 0 : term.factor * at ** -term.exponent;
}

export function isWhole(law: LossLaw): law is WholeLaw {
  return law.size !== undefined && law.data !== undefined;
}

/** Why points are too few for a law; undefined where they are enough. */
export function whyNoLaw(points: readonly LossPoint[]): string | undefined {
  const terms = termsOf(points);
  // One more than there are coefficients: otherwise nothing is left to judge the fit by.
  const needed = 2 + 2 * terms.length;
  if (terms.length === 0) return `at least ${fewestPlaces} sizes or ${fewestPlaces} amounts of data are needed`;
  return points.length < needed ? `${points.length} of at least ${needed} runs` : undefined;
}

/**
 * Fits the law by the sum of Huber's losses of the logarithms, from many beginnings, each to its end. The sum is not averaged and is in
 * units of the width of Huber's loss, so that no tolerance ends it early (Besiroglu et al. 2024 found that of the published fit).
 *
 * @throws RangeError for fewer points than `whyNoLaw` asks for
 */
export function fitLaw(points: readonly LossPoint[]): FittedLaw {
  const reason = whyNoLaw(points);
  if (reason !== undefined) throw new RangeError(reason);
  const terms = termsOf(points).map((of) => centred(points, of));
  const losses = points.map(({ loss }) => Math.log(loss));
  const objective = objectiveOf(terms, losses);
  const scratch = new Float64Array(1 + 2 * terms.length);
  const begun = beginnings(terms, losses)
    .map((start) => ({ start, value: objective(start, scratch) }))
    .sort((a, b) => a.value - b.value)
    .slice(0, mostBeginnings);
  const reached = begun.map(({ start }) => minimise(objective, start));
  const best = reached.reduce((least, one) => (one.value < least.value ? one : least));
  return fittedAt(points, terms, best.at, best);
}

/** The same from where another fit of nearly the same points ended. */
export function refitLaw(points: readonly LossPoint[], { law }: Pick<FittedLaw, 'law'>): FittedLaw {
  const terms = termsOf(points).map((of) => centred(points, of));
  const objective = objectiveOf(
    terms,
    points.map(({ loss }) => Math.log(loss)),
  );
  const start = [Math.log(law.irreducible), ...terms.flatMap(({ of, mean }) => coefficientsOf(law[of], mean))];
  const best = minimise(objective, start, { iterations: 200 });
  return fittedAt(points, terms, best.at, best);
}

const mostBeginnings = 12;
const exponentsTried = [0.08, 0.2, 0.35, 0.5, 0.8, 1.3];
/** Of the least loss: an irreducible part that is none. */
const negligible = 1e-4;

type TermName = 'size' | 'data';

/** Logarithms of what a term depends on, from their mean: otherwise factor and exponent would hardly be told apart. */
interface CentredTerm {
  readonly of: TermName;
  readonly mean: number;
  readonly logs: readonly number[];
}

function termsOf(points: readonly LossPoint[]): TermName[] {
  const places = (of: (point: LossPoint) => number) => new Set(points.map(of)).size;
  const names: TermName[] = [];
  if (places(({ parameters }) => parameters) >= fewestPlaces) names.push('size');
  if (places(({ tokens }) => tokens) >= fewestPlaces) names.push('data');
  return names;
}

function centred(points: readonly LossPoint[], of: TermName): CentredTerm {
  const logs = points.map(({ parameters, tokens }) => Math.log(of === 'size' ? parameters : tokens));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  return { of, mean, logs: logs.map((log) => log - mean) };
}

/** log of a term's factor where its logarithm is the mean, and its exponent. */
function coefficientsOf(term: PowerTerm | undefined, mean: number): [number, number] {
  return term === undefined ? [Math.log(negligible), 0.3] : [Math.log(term.factor) - term.exponent * mean, term.exponent];
}

/** Coefficients: log E, then of each term the logarithm of its factor and its exponent; the sum of terms as their log-sum-exp. */
function objectiveOf(terms: readonly CentredTerm[], losses: readonly number[]): Objective {
  return (at, gradient) => {
    gradient.fill(0);
    let sum = 0;
    for (const [point, loss] of losses.entries()) {
      let total = Math.exp(at[0] as number);
      for (const [index, { logs }] of terms.entries()) {
        total += Math.exp((at[1 + 2 * index] as number) - (at[2 + 2 * index] as number) * (logs[point] as number));
      }
      const residual = Math.log(total) - loss;
      const size = Math.abs(residual) / huberWidth;
      sum += size <= 1 ? (size * size) / 2 : size - 1 / 2;
      const weight = (size <= 1 ? residual / huberWidth : Math.sign(residual)) / huberWidth;
      gradient[0] = (gradient[0] as number) + (weight * Math.exp(at[0] as number)) / total;
      for (const [index, { logs }] of terms.entries()) {
        const log = logs[point] as number;
        const share = Math.exp((at[1 + 2 * index] as number) - (at[2 + 2 * index] as number) * log) / total;
        gradient[1 + 2 * index] = (gradient[1 + 2 * index] as number) + weight * share;
        gradient[2 + 2 * index] = (gradient[2 + 2 * index] as number) - weight * share * log;
      }
    }
    // A log-sum-exp without a finite value is no place to go to.
    return Number.isNaN(sum) ? Number.POSITIVE_INFINITY : sum;
  };
}

/** For a grid of exponents, the factors that fit the losses best by relative least squares, none of them below 0. */
function beginnings(terms: readonly CentredTerm[], losses: readonly number[]): Float64Array[] {
  const grid = terms.reduce<number[][]>((rows, _) => rows.flatMap((row) => exponentsTried.map((exponent) => [...row, exponent])), [[]]);
  const floor = Math.log(negligible) + losses.reduce((least, loss) => Math.min(least, loss), Number.POSITIVE_INFINITY);
  return grid.map((exponents) => {
    const columns = [
      losses.map((loss) => Math.exp(-loss)),
      ...terms.map(({ logs }, index) =>
        losses.map((loss, point) => Math.exp(-(exponents[index] as number) * (logs[point] as number) - loss)),
      ),
    ];
    const factors = factorsOf(columns).map((factor) => (factor > 0 ? Math.max(floor, Math.log(factor)) : floor));
    return Float64Array.from([factors[0] as number, ...exponents.flatMap((exponent, index) => [factors[index + 1] as number, exponent])]);
  });
}

/** Factors not below 0 whose columns sum to about 1 in every row: of all choices of columns the best that is possible. */
function factorsOf(columns: readonly (readonly number[])[]): number[] {
  let best: { readonly factors: number[]; readonly error: number } | undefined;
  for (let chosen = 1; chosen < 1 << columns.length; chosen++) {
    const present = columns.flatMap((_, place) => (chosen & (1 << place) ? [place] : []));
    const solved = solve(
      present.map((row) => present.map((column) => inner(columns[row], columns[column]))),
      present.map((row) => (columns[row] ?? []).reduce((sum, value) => sum + value, 0)),
    );
    if (solved === undefined || solved.some((factor) => !(factor > 0))) continue;
    const factors = columns.map((_, place) => solved[present.indexOf(place)] ?? 0);
    const error = (columns[0] ?? []).reduce(
      (sum, _, row) => sum + (1 - factors.reduce((total, factor, place) => total + factor * (columns[place]?.[row] ?? 0), 0)) ** 2,
      0,
    );
    if (best === undefined || error < best.error) best = { factors, error };
  }
  return best?.factors ?? columns.map(() => 0);
}

function inner(one: readonly number[] = [], other: readonly number[] = []): number {
  return one.reduce((sum, value, row) => sum + value * (other[row] ?? 0), 0);
}

/** Gaussian elimination with pivoting; undefined where rows depend on each other. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | undefined {
  const rows = matrix.map((row, place) => [...row, right[place] as number]);
  for (let column = 0; column < rows.length; column++) {
    const size = (row: number) => Math.abs(rows[row]?.[column] ?? 0);
    let pivot = column;
    for (let row = column + 1; row < rows.length; row++) if (size(row) > size(pivot)) pivot = row;
    if (!(size(pivot) > 1e-12)) return undefined;
    [rows[column], rows[pivot]] = [rows[pivot] as number[], rows[column] as number[]];
    const leading = rows[column] as number[];
    for (const [place, row] of rows.entries()) {
      if (place === column) continue;
      const factor = (row[column] as number) / (leading[column] as number);
      for (let at = column; at < row.length; at++) row[at] = (row[at] as number) - factor * (leading[at] as number);
    }
  }
  return rows.map((row, place) => (row.at(-1) as number) / (row[place] as number));
}

function fittedAt(
  points: readonly LossPoint[],
  terms: readonly CentredTerm[],
  at: Float64Array,
  { value, hasConverged }: { readonly value: number; readonly hasConverged: boolean },
): FittedLaw {
  const [irreducible = 0, ...rest] = at;
  const powers = terms.map(({ of, mean }, index): [TermName, PowerTerm] => {
    const [factor, exponent] = [rest[2 * index] as number, rest[2 * index + 1] as number];
    return [of, { factor: Math.exp(factor + exponent * mean), exponent }];
  });
  const law: LossLaw = { irreducible: Math.exp(irreducible), ...Object.fromEntries(powers) };
  const residuals = points.map((point) => Math.log(point.loss / predictedLoss(law, point)));
  return { law, residuals, objective: value, hasConverged, coefficients: at.length };
}
