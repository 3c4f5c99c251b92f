import { randomKey, uniformInteger } from '../../core/random.js';
import { type LawSamples, estimateOf, resampleLaw, type TestedDifference, testDifference, usualResamples } from './bootstrap.js';
import { type FittedLaw, fitLaw, isWhole, type LossLaw, predictedLoss, type WholeLaw, whyNoLaw } from './law.js';
import { type Estimate, type SlopeDifference, separateDifference } from './line.js';
import { computeOf, optimumExponents } from './optimum.js';
import { type FittedPowerLaw, powerLawsOf, scarcities, type Scarcity } from './power-laws.js';
import { fitRepetition, type RepeatedPoint, repeatedLoss, type Repetition } from './repetition.js';

/** A run of a network, as its kind is fitted by. */
export interface ScalingPoint extends RepeatedPoint {
  /** The kind of network. */
  readonly network: string;
}

/** The coefficients of a law with their intervals. */
export interface LawEstimates {
  readonly irreducible: Estimate;
  readonly size?: { readonly factor: Estimate; readonly exponent: Estimate } | undefined;
  readonly data?: { readonly factor: Estimate; readonly exponent: Estimate } | undefined;
  /** Exponents of compute: of the optimal size, and of the reducible loss at the optimum. Of a law of both. */
  readonly optimum?: { readonly size: Estimate; readonly loss: Estimate } | undefined;
}

export interface ScalingLaw extends FittedLaw {
  readonly samples: LawSamples;
  readonly estimates: LawEstimates;
}

/** How one kind of network scales. */
export interface NetworkScaling {
  readonly network: string;
  /** Runs on fresh data, which the law is fitted to. */
  readonly fresh: readonly ScalingPoint[];
  /** Runs that read their data several times. */
  readonly repeated: readonly ScalingPoint[];
  readonly powerLaws: Partial<Record<Scarcity, FittedPowerLaw>>;
  /** E + A / N^α + B / D^β; the reason where there is none. */
  readonly law: ScalingLaw | string;
  /** Of a law with a term of data, where there are repeated runs. */
  readonly repetition?: { readonly data: Estimate; readonly size?: Estimate | undefined } | undefined;
}

/** Two kinds of networks. */
export interface ComparedNetworks {
  readonly first: string;
  readonly second: string;
  readonly exponents: readonly { readonly name: string; readonly test: TestedDifference }[];
  readonly powerLaws: readonly { readonly of: Scarcity; readonly test: SlopeDifference }[];
}

export interface Scaling {
  readonly networks: readonly NetworkScaling[];
  readonly compared: readonly ComparedNetworks[];
}

/** Fits every kind of network by itself, and compares their exponents. */
export function scalingOf(points: readonly ScalingPoint[], resamples = usualResamples): Scaling {
  const names = [...new Set(points.map(({ network }) => network))];
  const networks = names.map((name, place) => {
    const own = points.filter(({ network }) => network === name);
    return networkScaling(name, own, resamples, place + 1);
  });
  const compared = networks.flatMap((first, place) => networks.slice(place + 1).map((second) => compare(first, second)));
  return { networks, compared };
}

export function isRepeated({ tokens, uniqueTokens }: Pick<RepeatedPoint, 'tokens' | 'uniqueTokens'>): boolean {
  return tokens > 1.001 * uniqueTokens;
}

/** The law of fresh data with its intervals, or why there is none. */
export function scalingLawOf(points: readonly RepeatedPoint[], resamples = usualResamples, seed = 1): ScalingLaw | string {
  const fresh = points.filter((point) => !isRepeated(point));
  const reason = whyNoLaw(fresh);
  if (reason !== undefined) return reason;
  const fitted = fitLaw(fresh);
  const samples = resampleLaw(fresh, fitted, resamples, seed);
  return { ...fitted, samples, estimates: estimatesOf(fitted.law, samples) };
}

function networkScaling(network: string, points: readonly ScalingPoint[], resamples: number, seed: number): NetworkScaling {
  const fresh = points.filter((point) => !isRepeated(point));
  const repeated = points.filter(isRepeated);
  const law = scalingLawOf(points, resamples, seed);
  const ofRepeated = repeated.length === 0 ? law : lawBeside(repeated, fresh, law, resamples, seed);
  const repetition = typeof ofRepeated === 'string' || ofRepeated.law.data === undefined ? undefined : repetitionOf(ofRepeated, repeated);
  return { network, fresh, repeated, powerLaws: powerLawsOf(fresh), law, repetition };
}

/**
 * The law that repeated runs are compared with: of fresh runs of their size, where they have one and these make a law. A law of all sizes may be
 * further from each of them than repetition makes a difference.
 */
function lawBeside(
  repeated: readonly ScalingPoint[],
  fresh: readonly ScalingPoint[],
  law: ScalingLaw | string,
  resamples: number,
  seed: number,
): ScalingLaw | string {
  const [size, ...others] = new Set(repeated.map(({ parameters }) => parameters));
  const ofSize = fresh.filter(({ parameters }) => parameters === size);
  const own = others.length === 0 ? scalingLawOf(ofSize, resamples, seed) : law;
  return typeof own === 'string' || own.law.data === undefined ? law : own;
}

/** The decay of repetition, fitted anew beside each sample of the law, to losses as predicted, each times a residual of the law's. */
function repetitionOf({ law, samples }: ScalingLaw, repeated: readonly ScalingPoint[]): NetworkScaling['repetition'] {
  const fitted = fitRepetition(law, repeated);
  if (fitted === undefined) return undefined;
  const { laws, residuals } = samples;
  const again = laws.slice(0, mostRepetitions).flatMap((sample, place) => {
    const key = randomKey(3, 'bootstrap', place);
    const scattered = repeated.map((point, index) => ({
      ...point,
      loss: repeatedLoss(law, fitted, point) * Math.exp(residuals[uniformInteger(key, index, residuals.length)] as number),
    }));
    return fitRepetition(sample, scattered, fitted) ?? [];
  });
  const estimate = (of: (one: Repetition) => number | undefined) => {
    const value = of(fitted);
    return value === undefined
      ? undefined
      : estimateOf(
          value,
          again.map((one) => of(one) ?? Number.NaN),
        );
  };
  return { data: estimate(({ data }) => data) as Estimate, size: estimate(({ size }) => size) };
}

const mostRepetitions = 100;

function estimatesOf(law: LossLaw, { laws }: LawSamples): LawEstimates {
  const estimate = (of: (law: LossLaw) => number | undefined) =>
    estimateOf(
      of(law) ?? Number.NaN,
      laws.map((one) => of(one) ?? Number.NaN),
    );
  const term = (name: 'size' | 'data') =>
    law[name] && { factor: estimate((one) => one[name]?.factor), exponent: estimate((one) => one[name]?.exponent) };
  const ofWhole = (of: (law: WholeLaw) => number) => estimate((one) => (isWhole(one) ? of(one) : undefined));
  return {
    irreducible: estimate(({ irreducible }) => irreducible),
    size: term('size'),
    data: term('data'),
    optimum: isWhole(law)
      ? { size: ofWhole((one) => optimumExponents(one).size), loss: ofWhole((one) => optimumExponents(one).loss) }
      : undefined,
  };
}

function compare(first: NetworkScaling, second: NetworkScaling): ComparedNetworks {
  const exponents = comparedExponents.flatMap(({ name, of }) => {
    const [one, other] = [samplesOf(first, of), samplesOf(second, of)];
    if (one === undefined || other === undefined) return [];
    const differences = one.samples.map((sample, place) => (other.samples[place] as number) - sample);
    return [{ name, test: testDifference(other.value - one.value, differences) }];
  });
  const powerLaws = scarcities.flatMap((of) => {
    const [one, other] = [first.powerLaws[of], second.powerLaws[of]];
    return one === undefined || other === undefined ? [] : [{ of, test: separateDifference(one.line, other.line) }];
  });
  return { first: first.network, second: second.network, exponents, powerLaws };
}

const comparedExponents: readonly { readonly name: string; of(law: LossLaw): number | undefined }[] = [
  { name: 'α, of size', of: ({ size }) => size?.exponent },
  { name: 'β, of data', of: ({ data }) => data?.exponent },
  { name: 'αβ / (α + β), of compute', of: (law) => (isWhole(law) ? optimumExponents(law).loss : undefined) },
];

function samplesOf({ law }: NetworkScaling, of: (law: LossLaw) => number | undefined) {
  if (typeof law === 'string') return undefined;
  const value = of(law.law);
  return value === undefined ? undefined : { value, samples: law.samples.laws.map((sample) => of(sample) ?? Number.NaN) };
}

/** The greatest compute that a kind of network was trained with. */
export function mostCompute({ fresh }: Pick<NetworkScaling, 'fresh'>): ScalingPoint | undefined {
  return fresh.reduce<ScalingPoint | undefined>(
    (most, point) => (most === undefined || computeOf(point) > computeOf(most) ? point : most),
    undefined,
  );
}

/** The law at a place, with its interval over samples. */
export function lawAt({ law, samples }: ScalingLaw, at: Pick<ScalingPoint, 'parameters' | 'tokens'>): Estimate {
  return estimateOf(
    predictedLoss(law, at),
    samples.laws.map((sample) => predictedLoss(sample, at)),
  );
}
