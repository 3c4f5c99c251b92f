import { type Figure, linePlot, type Measured, trendPlot } from '../page/plot.js';
import { isWhole, predictedLoss } from './law.js';
import { computeOf, operationsPerParameterAndToken, optimalAllocation } from './optimum.js';
import type { Scarcity } from './power-laws.js';
import { publishedRepetition, worthOf } from './repetition.js';
import { lawAt, mostCompute, type NetworkScaling, type ScalingLaw } from './scaling.js';

const lossAxis = { label: 'loss, nats per token', scale: 'log' } as const;
const tokensAxis = { label: 'tokens', scale: 'log' } as const;
const sizeAxis = { label: 'parameters', scale: 'log' } as const;

/** Loss over tokens, a line of the law for each size. */
export function lossPlot({ network, fresh, law }: NetworkScaling): Figure | undefined {
  if (typeof law === 'string') return undefined;
  const sizes = [...new Set(fresh.map(({ parameters }) => parameters))].sort((a, b) => a - b);
  return trendPlot({
    title: `${network}: loss by tokens`,
    note: 'Points are runs on fresh data; lines are the fitted law at their sizes, with its 95 % interval.',
    x: tokensAxis,
    y: lossAxis,
    series: sizes.map((parameters) => ({
      name: `${compact(parameters)} parameters`,
      points: fresh.filter((point) => point.parameters === parameters).map(({ name, tokens, loss }) => ({ name, x: tokens, y: loss })),
      at: (tokens) => lawAt(law, { parameters, tokens }),
    })),
  });
}

const powerLawTitles: Readonly<Record<Scarcity, { readonly title: string; readonly label: string }>> = {
  size: { title: 'L(N): on the most data', label: 'parameters' },
  data: { title: 'L(D): by the largest size', label: 'tokens' },
  compute: { title: 'L(C): what no run with less compute reaches', label: 'operations of training, 6 N D' },
};

/** Loss over what is scarce, a straight line for each kind of network. */
export function powerLawPlot(of: Scarcity, networks: readonly NetworkScaling[]): Figure | undefined {
  const series = networks.flatMap(({ network, powerLaws }) => {
    const law = powerLaws[of];
    if (law === undefined) return [];
    const name = `${network}: exponent ${law.line.slope.value.toFixed(3).replace('-', '−')}`;
    return [{ name, points: law.points, at: (x: number) => exponential(law.line.at(x)) }];
  });
  if (series.length === 0) return undefined;
  const { title, label } = powerLawTitles[of];
  const named = series.length === 1 ? `${title}; ${series[0]?.name}` : title;
  return trendPlot({ title: named, note: 'Lines by least squares of the logarithms.', x: { label, scale: 'log' }, y: lossAxis, series });
}

function exponential({ value, low, high }: { readonly value: number; readonly low: number; readonly high: number }): Measured {
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
}

/** How far runs lie from the law, in per cent. */
export function residualPlot(networks: readonly NetworkScaling[]): Figure | undefined {
  const series = networks.flatMap(({ network, fresh, law }) => {
    if (typeof law === 'string') return [];
    const points = fresh.map(({ name, parameters, tokens, loss }, place) => ({
      name,
      x: predictedLoss(law.law, { parameters, tokens }),
      y: 100 * Math.expm1(law.residuals[place] ?? Math.log(loss)),
    }));
    const reach = 200 * deviationOf(law);
    return [{ name: network, points, at: () => ({ value: 0, low: -reach, high: reach }) }];
  });
  if (series.length === 0) return undefined;
  return trendPlot({
    title: 'Residuals',
    note: 'Measured over predicted loss. The band is two standard deviations; a bow in the points is what the law does not describe.',
    x: { label: 'predicted loss', scale: 'log' },
    y: { label: 'difference, %', include: 0 },
    series,
  });
}

/** Standard deviation of residuals, with the coefficients counted. */
export function deviationOf({ residuals, coefficients }: Pick<ScalingLaw, 'residuals' | 'coefficients'>): number {
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0);
  return Math.sqrt(squares / Math.max(1, residuals.length - coefficients));
}

/** Iso-compute profiles from the least to ten times the greatest compute of the runs. */
const profiles = 5;
const placesOfProfile = 33;

/** Loss by size at equal compute: each curve's lowest point is the compute-optimal size. */
export function profilePlot(network: NetworkScaling): Figure | undefined {
  const { law, fresh } = network;
  const most = mostCompute(network);
  if (typeof law === 'string' || !isWhole(law.law) || most === undefined) return undefined;
  const whole = law.law;
  const least = Math.min(...fresh.map(computeOf));
  const greatest = 10 * computeOf(most);
  const computes = Array.from({ length: profiles }, (_, place) => least * (greatest / least) ** ((place + 1) / profiles));
  return linePlot({
    title: `${network.network}: loss by size at equal compute`,
    note: 'By the fitted law, up to ten times the compute of the largest run. Lowest is the compute-optimal size.',
    x: sizeAxis,
    y: lossAxis,
    series: computes.map((compute) => {
      const optimum = optimalAllocation(whole, compute).parameters;
      return {
        name: `${exponent(compute)} operations`,
        points: Array.from({ length: placesOfProfile }, (_, place) => {
          const parameters = optimum * 30 ** ((2 * place) / (placesOfProfile - 1) - 1);
          return {
            x: parameters,
            value: predictedLoss(whole, { parameters, tokens: compute / operationsPerParameterAndToken / parameters }),
          };
        }),
      };
    }),
  });
}

/** What repeated epochs are worth, beside the published law. */
export function repetitionPlot(networks: readonly NetworkScaling[]): Figure | undefined {
  const found = networks.filter(({ repetition }) => repetition !== undefined);
  if (found.length === 0) return undefined;
  const most = Math.max(...found.flatMap(({ repeated }) => repeated.map(({ tokens, uniqueTokens }) => tokens / uniqueTokens)));
  const epochs = Array.from({ length: 25 }, (_, place) => most ** (place / 24));
  const curve = (decay: number) => epochs.map((x) => ({ x, value: worthOf(x, decay) }));
  return linePlot({
    title: 'What repeated epochs are worth',
    note: 'In epochs of fresh data, by the fitted decay of each kind of network. The published one has R* = 15.39.',
    x: { label: 'epochs', scale: 'log' },
    y: { label: 'epochs of fresh data', scale: 'log' },
    series: [
      { name: 'fresh data', points: epochs.map((x) => ({ x, value: x })) },
      { name: 'Muennighoff et al. 2023', points: curve(publishedRepetition.data) },
      ...found.map(({ network, repetition }) => ({ name: network, points: curve(repetition?.data.value ?? Number.NaN) })),
    ],
  });
}

const shortened = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** `12.3K`; beyond trillions `1.2e+15`. */
export function compact(value: number): string {
  return value >= 1e15 ? exponent(value) : shortened.format(value);
}

function exponent(value: number): string {
  return value.toExponential(1).replace('e+', 'e');
}
