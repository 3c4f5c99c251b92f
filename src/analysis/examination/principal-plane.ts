import { normal, randomKey } from '../../core/random.js';
import { turns } from '../../core/event-loop.js';
import type { WorkControl } from '../work.js';

/** A plane through many points, along which they differ most. */
export interface PrincipalPlane {
  /** Where each point lies on the plane. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Which share of all variance each of the two directions has. */
  readonly shares: readonly [number, number];
}

/** Two directions settle within a few dozen rounds unless their variances are nearly equal; then either will do. */
const mostRounds = 200;
const tolerance = 1e-10;

/**
 * The first two principal components (Pearson 1901) of vectors, by orthogonal iteration on the centred data: multiply the
 * two directions by X and by its transpose, make them orthogonal, until they no longer turn. The covariance is never
 * formed, so long vectors cost no square. The sign of each direction is chosen so that its largest value is positive.
 */
export async function principalPlane(vectors: readonly Float32Array[], { signal, onProgress }: WorkControl = {}): Promise<PrincipalPlane> {
  const size = vectors[0]?.length ?? 0;
  const mean = new Float64Array(size);
  for (const vector of vectors)
    for (let index = 0; index < size; index++) mean[index] = (mean[index] as number) + (vector[index] as number);
  for (let index = 0; index < size; index++) mean[index] = (mean[index] as number) / vectors.length;
  let total = 0;
  for (const vector of vectors)
    for (let index = 0; index < size; index++) total += ((vector[index] as number) - (mean[index] as number)) ** 2;
  if (total === 0) return { points: vectors.map(() => ({ x: 0, y: 0 })), shares: [0, 0] };

  const key = randomKey(0, 'sample');
  let directions: TwoVectors = orthonormal([
    Float64Array.from({ length: size }, (_, index) => normal(key, index)),
    Float64Array.from({ length: size }, (_, index) => normal(key, size + index)),
  ]).directions;
  let variances: [number, number] = [0, 0];
  const turn = turns();
  for (let round = 0; round < mostRounds; round++) {
    const next: TwoVectors = [new Float64Array(size), new Float64Array(size)];
    for (const vector of vectors) {
      const { x, y } = project(vector, mean, directions);
      for (let index = 0; index < size; index++) {
        const centred = (vector[index] as number) - (mean[index] as number);
        next[0][index] = (next[0][index] as number) + x * centred;
        next[1][index] = (next[1][index] as number) + y * centred;
      }
      await turn();
    }
    signal?.throwIfAborted();
    onProgress?.({ label: 'mapping sentences', fraction: (round + 1) / mostRounds });
    const { directions: turned, lengths } = orthonormal(next);
    const settled = lengths.every((length, index) => Math.abs(length - (variances[index] as number)) <= tolerance * total);
    directions = turned;
    variances = lengths;
    if (settled) break;
  }
  for (const direction of directions) {
    const largest = direction.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    if (largest < 0) for (let index = 0; index < size; index++) direction[index] = -(direction[index] as number);
  }
  return {
    points: vectors.map((vector) => project(vector, mean, directions)),
    shares: [variances[0] / total, variances[1] / total],
  };
}

type TwoVectors = [Float64Array, Float64Array];

function project(vector: Float32Array, mean: Float64Array, [first, second]: TwoVectors): { x: number; y: number } {
  let [x, y] = [0, 0];
  for (let index = 0; index < vector.length; index++) {
    const centred = (vector[index] as number) - (mean[index] as number);
    x += centred * (first[index] as number);
    y += centred * (second[index] as number);
  }
  return { x, y };
}

/** Gram-Schmidt, with the lengths that were taken out. */
function orthonormal([first, second]: TwoVectors): { directions: TwoVectors; lengths: [number, number] } {
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, index) => sum + value * (b[index] as number), 0);
  const unit = (vector: Float64Array, length: number) => (length === 0 ? vector : vector.map((value) => value / length));
  const firstLength = Math.sqrt(dot(first, first));
  const one = unit(first, firstLength);
  const overlap = dot(one, second);
  const rest = second.map((value, index) => value - overlap * (one[index] as number));
  const secondLength = Math.sqrt(dot(rest, rest));
  return { directions: [one, unit(rest, secondLength)], lengths: [firstLength, secondLength] };
}
