/** A function's value at a place; writes its gradient there. */
export type Objective = (at: Float64Array, gradient: Float64Array) => number;

export interface Minimum {
  readonly at: Float64Array;
  readonly value: number;
  /** The largest of the gradient's absolute values. */
  readonly slope: number;
  /** Whether the gradient came below the tolerance, or no step within the digits of a number leads further down. */
  readonly hasConverged: boolean;
}

export interface MinimiseOptions {
  /** Of the gradient's largest absolute value. Its unit is the objective's: an objective that is divided by a number needs a smaller one. */
  readonly tolerance?: number;
  readonly iterations?: number;
}

/** How far a step must lead down, and how much of the slope it must leave behind (weak Wolfe conditions). */
const [sufficient, flatter] = [1e-4, 0.9];
const mostTrials = 60;

/**
 * A local minimum by BFGS (Nocedal and Wright 2006, algorithm 6.1), with a line search by bisection, which needs no second derivative and
 * also serves objectives with kinks (Lewis and Overton 2013, algorithm 2.6).
 */
export function minimise(
  objective: Objective,
  start: ArrayLike<number>,
  { tolerance = 1e-9, iterations = 500 }: MinimiseOptions = {},
): Minimum {
  const size = start.length;
  let at: Float64Array = Float64Array.from(start);
  let gradient: Float64Array = new Float64Array(size);
  let value = objective(at, gradient);
  let inverse = identity(size);
  let isFresh = true;
  for (let iteration = 0; iteration < iterations; iteration++) {
    if (steepest(gradient) <= tolerance) break;
    let direction = product(inverse, gradient, -1);
    let slope = dot(direction, gradient);
    if (!(slope < 0)) {
      inverse = identity(size);
      isFresh = true;
      direction = gradient.map((part) => -part);
      slope = -dot(gradient, gradient);
    }
    const found = search(objective, at, value, direction, slope);
    if (found === undefined) {
      // Directions may have gone stale; a second failure, along the gradient itself, is the end.
      if (isFresh) return { at, value, slope: steepest(gradient), hasConverged: true };
      inverse = identity(size);
      isFresh = true;
      continue;
    }
    const step = found.at.map((part, place) => part - (at[place] as number));
    const turn = found.gradient.map((part, place) => part - (gradient[place] as number));
    const curvature = dot(step, turn);
    if (curvature > 0) {
      if (isFresh) inverse = identity(size, curvature / dot(turn, turn));
      updateInverse(inverse, step, turn, curvature);
      isFresh = false;
    }
    [at, gradient, value] = [found.at, found.gradient, found.value];
  }
  const slope = steepest(gradient);
  return { at, value, slope, hasConverged: slope <= tolerance };
}

function search(objective: Objective, from: Float64Array, value: number, direction: Float64Array, slope: number) {
  let [low, high, length] = [0, Number.POSITIVE_INFINITY, 1];
  let best: { at: Float64Array; gradient: Float64Array; value: number } | undefined;
  for (let trial = 0; trial < mostTrials; trial++) {
    const at = from.map((part, place) => part + length * (direction[place] as number));
    const gradient = new Float64Array(from.length);
    const reached = objective(at, gradient);
    if (!(reached <= value + sufficient * length * slope)) high = length;
    else {
      if (reached < value) best = { at, gradient, value: reached };
      if (dot(gradient, direction) >= flatter * slope) break;
      low = length;
    }
    length = Number.isFinite(high) ? (low + high) / 2 : 2 * length;
    if (length === low || length === high) break;
  }
  return best;
}

/** H ← (I - s yᵀ / sᵀy) H (I - y sᵀ / sᵀy) + s sᵀ / sᵀy, with the step s and the turn y of the gradient. */
function updateInverse(inverse: Float64Array[], step: Float64Array, turn: Float64Array, curvature: number): void {
  const turned = product(inverse, turn, 1);
  const factor = (1 + dot(turn, turned) / curvature) / curvature;
  for (const [row, values] of inverse.entries()) {
    for (let column = 0; column < values.length; column++) {
      const [s, t] = [step[row] as number, step[column] as number];
      const [hy, yh] = [turned[row] as number, turned[column] as number];
      values[column] = (values[column] as number) + factor * s * t - (hy * t + s * yh) / curvature;
    }
  }
}

function identity(size: number, scale = 1): Float64Array[] {
  return Array.from({ length: size }, (_, row) => {
    const values = new Float64Array(size);
    values[row] = scale;
    return values;
  });
}

function product(matrix: readonly Float64Array[], vector: Float64Array, sign: 1 | -1): Float64Array {
  return Float64Array.from(matrix, (row) => sign * dot(row, vector));
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let place = 0; place < one.length; place++) sum += (one[place] as number) * (other[place] as number);
  return sum;
}

function steepest(gradient: Float64Array): number {
  return gradient.reduce((most, part) => Math.max(most, Math.abs(part)), 0);
}
