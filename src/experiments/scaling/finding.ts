import type { Figure } from '../../analysis/page/plot.js';
import { usualResamples } from '../../analysis/scaling/bootstrap.js';
import { isWhole } from '../../analysis/scaling/law.js';
import type { Estimate } from '../../analysis/scaling/line.js';
import { computeOf, optimumExponents, whatAFactorBrings } from '../../analysis/scaling/optimum.js';
import { compact, deviationOf, lossPlot, powerLawPlot, profilePlot, repetitionPlot, residualPlot } from '../../analysis/scaling/plots.js';
import { kaplanExponents, scarcities } from '../../analysis/scaling/power-laws.js';
import { publishedRepetition, worthOf } from '../../analysis/scaling/repetition.js';
import { mostCompute, type NetworkScaling, type Scaling, scalingOf } from '../../analysis/scaling/scaling.js';
import { describeProbability, inDecimals, inShares } from '../../analysis/scaling/wording.js';
import type { Finding, FindingTable, Source } from '../experiment.js';
import type { MeasuredRuns } from './measure.js';

export const hoffmann: Source = {
  paper: 'Hoffmann et al., 2022',
  where: 'approach 3',
  claim:
    'loss follows E + A / N^α + B / D^β, with α 0.34 and β 0.28 (0.35 and 0.37 in the refit of Besiroglu et al. 2024), so size and data should grow equally',
};

/** Published coefficients, as rows of the table: E, A, α, B, β, and the exponent of the optimal size. */
const published: readonly (readonly string[])[] = [
  ['Hoffmann et al. 2022', '', '1.69', '406.4', '0.34', '410.7', '0.28', '0.46'],
  ['Besiroglu et al. 2024', '240', '1.8172', '482.01', '0.3478', '2085.43', '0.3658', '0.513'],
];

/** What the runs show: laws, predictions that held or not, differences between kinds of networks, and what more would bring. */
export function scalingFinding(measured: MeasuredRuns, resamples = usualResamples): Finding {
  const scaling = scalingOf(measured.points, resamples);
  const { networks } = scaling;
  const plots = [
    ...networks.map(lossPlot),
    ...scarcities.map((of) => powerLawPlot(of, networks)),
    residualPlot(networks),
    ...networks.map(profilePlot),
    repetitionPlot(networks),
  ].filter((plot): plot is Figure => plot !== undefined);
  const tables = [
    predictionTable(measured),
    optimumTable(networks),
    powerLawTable(networks),
    differenceTable(scaling),
    repetitionTable(networks),
    runTable(measured),
  ].filter((table) => table !== undefined && table.rows.length > 0) as FindingTable[];
  return {
    head: ['network', 'runs', 'E', 'A', 'α', 'B', 'β', 'optimal size ∝ C^'],
    rows: [...networks.map(lawRow), ...published],
    conclusions: [
      ...networks.map(aboutLaw),
      ...aboutPredictions(measured),
      ...scaling.compared.flatMap(({ first, second, exponents }) => exponents.map((one) => aboutDifference(first, second, one))),
      ...networks.flatMap(aboutRepetition),
      ...(measured.failed.length === 0
        ? []
        : [
            `${measured.failed.length} runs did not learn and are in no fit: ${measured.failed.map(({ run, reason }) => `${run} (${reason})`).join('; ')}.`,
          ]),
      'Loss is that of held-out tokens in nats; N counts all parameters, embeddings too; D counts predicted tokens; C is 6 N D. Intervals are 95 %: of the law by resampling residuals, of power laws by Student’s t. They show how far these runs fix the law, not how far the law holds beyond them.',
    ],
    plots,
    tables,
    figures: figuresOf(scaling, measured),
  };
}

function lawRow({ network, fresh, law }: NetworkScaling): string[] {
  if (typeof law === 'string') return [network, String(fresh.length), `no law: ${law}`, '', '', '', '', ''];
  const { irreducible, size, data, optimum } = law.estimates;
  const of = (estimate: Estimate | undefined) => (estimate === undefined ? '–' : interval(estimate));
  return [
    network,
    String(fresh.length),
    ...[irreducible, size?.factor, size?.exponent, data?.factor, data?.exponent, optimum?.size].map(of),
  ];
}

function interval({ value, low, high }: Pick<Estimate, 'value' | 'low' | 'high'>): string {
  return `${short(value)} (${short(low)} to ${short(high)})`;
}

/** Three digits behind the point, fewer of large figures. Beyond a thousand millions a coefficient is as good as unknown. */
function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${value < 0 ? '≤ −' : '≥ '}1G`;
  const text = size >= 100 ? Math.round(value).toLocaleString('en-US') : size >= 10 ? value.toFixed(1) : value.toFixed(3);
  return (Number(text) === 0 ? text.replace('-', '') : text).replace('-', '−');
}

/** Decays beyond what any repetition here could show are one. */
const mostDecay = 1_000;

function decay(estimate: Estimate): string {
  if (estimate.value > mostDecay) return `beyond ${mostDecay.toLocaleString('en-US')}: none is seen`;
  const { value, low, high } = estimate;
  return `${short(value)} (${short(low)} to ${high > mostDecay ? `beyond ${mostDecay.toLocaleString('en-US')}` : short(high)})`;
}

function predictionTable({ forecast, checked }: MeasuredRuns): FindingTable | undefined {
  if (forecast === undefined) return undefined;
  const already =
    forecast.trainedBefore === 0 ? '' : ` ${forecast.trainedBefore} of these runs had been trained before: of them it is no prediction.`;
  return {
    title: 'Predicted before they were trained',
    note: `The law fitted to all smaller runs, with the interval in which 95 of 100 such runs should lie, written down before the first of these began.${already}`,
    head: ['run', 'parameters', 'tokens', 'predicted loss', 'measured', 'held'],
    rows: checked.map(({ run, parameters, tokens, predicted, measured, held }) => [
      run,
      compact(parameters),
      compact(tokens),
      interval(predicted),
      measured?.toFixed(3) ?? 'did not learn',
      held ? 'yes' : 'no',
    ]),
  };
}

function aboutPredictions({ forecast, checked }: MeasuredRuns): string[] {
  if (forecast === undefined) return [];
  const held = checked.filter((one) => one.held).length;
  const impossible = forecast.impossible.map(({ network, reason }) => `Nothing was predicted of ${network}: ${reason}.`);
  if (checked.length === 0) return impossible;
  return [`Losses predicted before training that lie in their interval: ${held} of ${checked.length}.`, ...impossible];
}

function optimumTable(networks: readonly NetworkScaling[]): FindingTable {
  const rows = networks.flatMap((network) => {
    const most = mostCompute(network);
    const { law } = network;
    if (typeof law === 'string' || !isWhole(law.law) || most === undefined) return [];
    const brought = whatAFactorBrings(law.law, most, 10);
    const row = (name: string, parameters: number, tokens: number, loss: number) => [
      network.network,
      name,
      compact(computeOf({ parameters, tokens })),
      compact(parameters),
      compact(tokens),
      loss.toFixed(3),
    ];
    const { parameters, tokens } = most;
    const optimal = (one: typeof brought.optimal) => [one.parameters, one.tokens, one.loss] as const;
    return [
      row('the largest run, by the law', parameters, tokens, brought.now),
      row('its compute, best spent', ...optimal(brought.optimalNow)),
      row('ten times its size', 10 * parameters, tokens, brought.larger),
      row('ten times its data', parameters, 10 * tokens, brought.longer),
      row('ten times its compute, best spent', ...optimal(brought.optimal)),
    ];
  });
  return {
    title: 'The compute-optimal size, and what the next factor of ten would bring',
    note: 'By the fitted law, on fresh data. It is an extrapolation, the more so the further it goes.',
    head: ['network', 'what', 'compute', 'parameters', 'tokens', 'loss'],
    rows,
  };
}

function powerLawTable(networks: readonly NetworkScaling[]): FindingTable {
  const of = { size: 'N, parameters', data: 'D, tokens', compute: 'C, compute' } as const;
  return {
    title: 'Power laws of one quantity',
    note: 'Without an irreducible part, as in Kaplan et al. 2020, whose exponents stand beside them: each of the runs in which nothing else is scarce.',
    head: ['network', 'of', 'runs', 'exponent', 'R²', 'Kaplan et al.'],
    rows: networks.flatMap(({ network, powerLaws }) =>
      scarcities.flatMap((scarcity) => {
        const law = powerLaws[scarcity];
        if (law === undefined) return [];
        const { points, slope, explained } = law.line;
        return [[network, of[scarcity], String(points), interval(slope), inShares(explained), `−${kaplanExponents[scarcity]}`]];
      }),
    ),
  };
}

function differenceTable({ compared }: Scaling): FindingTable {
  return {
    title: 'Do the exponents differ between kinds of networks?',
    note: 'Of the law by resampling; of power laws by Welch’s test of their slopes.',
    head: ['of', 'from', 'exponent', 'difference', 'p'],
    rows: compared.flatMap(({ first, second, exponents, powerLaws }) => [
      ...exponents.map(({ name, test }) => [second, first, name, interval(test.difference), describeProbability(test.probability)]),
      ...powerLaws.map(({ of, test }) => [
        second,
        first,
        `of L(${{ size: 'N', data: 'D', compute: 'C' }[of]})`,
        interval(test.difference),
        describeProbability(test.probability),
      ]),
    ]),
  };
}

function aboutDifference(first: string, second: string, { name, test }: Scaling['compared'][number]['exponents'][number]): string {
  const { difference, probability } = test;
  const said = difference.low > 0 || difference.high < 0 ? 'differs' : 'is not shown to differ';
  return `The exponent ${name} ${said} between ${first} and ${second}: ${interval(difference)}, p ${describeProbability(probability)}.`;
}

function aboutLaw(network: NetworkScaling): string {
  const { network: name, law, fresh } = network;
  if (typeof law === 'string') return `${name}: no law: ${law}.`;
  const scatter = `runs scatter around it by ${(100 * deviationOf(law)).toFixed(1)} %`;
  const isLoose = [law.estimates.size, law.estimates.data].some(
    (term) => term !== undefined && term.exponent.high - term.exponent.low > 2 * term.exponent.value,
  );
  const loose = isLoose ? ' These runs hardly fix its exponents: that takes more sizes, more amounts of data, or more seeds.' : '';
  const ended = `${loose}${law.hasConverged ? '' : ' The fit did not reach a minimum.'}`;
  const most = mostCompute(network);
  if (!isWhole(law.law) || most === undefined) return `${name}: the law is fitted to ${fresh.length} runs; ${scatter}.${ended}`;
  const { now, optimal, optimalNow } = whatAFactorBrings(law.law, most, 10);
  const share = optimumExponents(law.law);
  const factor = (exponent: number) => `× ${(10 ** exponent).toFixed(1)}`;
  return `${name}: fitted to ${fresh.length} runs; ${scatter}. Ten times the compute is best spent on ${factor(share.size)} the size and ${factor(share.data)} the data, and would bring loss from ${optimalNow.loss.toFixed(3)} (the largest run: ${now.toFixed(3)}) to ${optimal.loss.toFixed(3)}.${ended}`;
}

/** Numbers of epochs that a table says the worth of. */
const epochsTold = [2, 4, 8, 16, 40];

function repetitionTable(networks: readonly NetworkScaling[]): FindingTable {
  const row = (name: string, decay: number) => [name, ...epochsTold.map((epochs) => worthOf(epochs, decay).toFixed(1))];
  const found = networks.flatMap(({ network, repetition }) =>
    repetition === undefined ? [] : [row(`${network}: R* ${decay(repetition.data)}`, repetition.data.value)],
  );
  return {
    title: 'What repeated epochs are worth',
    note: 'In epochs of fresh data. R* is the number of repetitions after which a further one is worth 1/e of fresh data.',
    head: ['network', ...epochsTold.map((epochs) => `${epochs} epochs`)],
    rows: found.length === 0 ? [] : [...found, row('Muennighoff et al. 2023: R* 15.39', publishedRepetition.data)],
  };
}

function aboutRepetition({ network, repetition }: NetworkScaling): string[] {
  if (repetition === undefined) return [];
  const { data, size } = repetition;
  const beside =
    data.low > publishedRepetition.data ? 'more than' : data.high < publishedRepetition.data ? 'less than' : 'not told apart from';
  const excess = size === undefined ? '' : ` Of parameters beyond what the unique data need, R*_N is ${decay(size)}; published: 5.31.`;
  return [
    `${network}: repeated data count with R*_D ${decay(data)}, ${beside} the published 15.39: four epochs are worth ${worthOf(4, data.value).toFixed(1)} of fresh data.${excess}`,
  ];
}

function runTable({ points }: MeasuredRuns): FindingTable {
  return {
    title: 'Runs',
    head: ['run', 'parameters', 'tokens', 'different tokens', 'loss'],
    rows: points.map(({ name, parameters, tokens, uniqueTokens, loss }) => [
      name,
      parameters.toLocaleString('en-US'),
      tokens.toLocaleString('en-US'),
      uniqueTokens.toLocaleString('en-US'),
      inDecimals(loss),
    ]),
  };
}

/** Everything measured, without samples. */
function figuresOf({ networks, compared }: Scaling, { points, failed, forecast, checked }: MeasuredRuns): object {
  return {
    points,
    failed,
    forecast,
    checked,
    networks: networks.map(({ network, powerLaws, law, repetition }) => ({
      network,
      law:
        typeof law === 'string' ? law : { ...law.law, estimates: law.estimates, residuals: law.residuals, hasConverged: law.hasConverged },
      powerLaws: Object.fromEntries(Object.entries(powerLaws).map(([of, { line }]) => [of, { exponent: line.slope, points: line.points }])),
      repetition,
    })),
    compared,
  };
}
