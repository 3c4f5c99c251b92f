import { type ComparedRun, trainingTime } from '../compared-runs.js';
import { configurationDifferences } from '../configuration-difference.js';
import { type Content, html } from '../page/html.js';
import { figures, table } from '../page/page.js';
import { type LinePlot, linePlot } from '../page/plot.js';
import { metricAxis, unbounded } from '../page/quantities.js';
import { thinned } from '../training-record.js';

/** What is drawn over updates and over time. */
interface Quantity extends Pick<LinePlot, 'title' | 'y'> {
  of(run: ComparedRun): { readonly steps: number; readonly value: number }[];
}

const quantities: readonly Quantity[] = [
  {
    title: 'Training loss',
    y: { label: 'nats per target token', bounds: unbounded },
    of: ({ record }) => figuresOf(record.reports, 'loss'),
  },
  {
    title: 'Dev perplexity',
    y: { label: 'per target token', scale: 'log', bounds: [1, Number.POSITIVE_INFINITY] },
    of: ({ record }) => figuresOf(record.validations, 'perplexity'),
  },
  ...[
    { name: 'bleu', title: 'Dev BLEU' },
    { name: 'chrf', title: 'Dev chrF' },
    { name: 'chrf++', title: 'Dev chrF++' },
    { name: 'ter', title: 'Dev TER' },
    { name: 'exact', title: 'Dev exact matches' },
  ].map(({ name, title }): Quantity => ({ title, y: metricAxis(name), of: ({ record }) => figuresOf(record.validations, name) })),
];

/** Curves of several runs over each other, by updates and by time. */
export function comparedCurves(runs: readonly ComparedRun[]): Content {
  const seconds = runs.map(({ record }) => trainingTime(record));
  const longest = Math.max(0, ...runs.map(({ record }, run) => seconds[run]?.(record.reports.at(-1)?.steps ?? 0) ?? 0));
  const unit = units.find(({ from }) => longest >= from) ?? { name: 'seconds', seconds: 1 };
  const drawn = quantities.flatMap(({ title, y, of }) => {
    const curves = runs.map((run) => ({ name: run.name, points: of(run) }));
    const byUpdates = curves.map(({ name, points }) => ({ name, points: points.map(({ steps, value }) => ({ x: steps, value })) }));
    const byTime = curves.map(({ name, points }, run) => ({
      name,
      points: points.flatMap(({ steps, value }) => {
        const time = seconds[run]?.(steps);
        return time === undefined ? [] : [{ x: time / unit.seconds, value }];
      }),
    }));
    return [
      plotOf(`${title} by updates`, { label: 'updates', include: 0, isWhole: true }, y, byUpdates),
      plotOf(`${title} by time`, { label: `${unit.name} of updates, validation not counted`, include: 0 }, y, byTime),
    ];
  });
  const silent = runs.filter(({ record }) => record.reports.length === 0);
  return [
    drawn.some((plot) => plot !== undefined) ? figures(drawn) : undefined,
    silent.length === 0
      ? undefined
      : html`<p class="missing">No figures were written down by ${silent.map(({ name }) => name).join(', ')}.</p>`,
  ];
}

const units = [
  { name: 'hours', from: 2 * 3_600, seconds: 3_600 },
  { name: 'minutes', from: 2 * 60, seconds: 60 },
];

function plotOf(title: string, x: LinePlot['x'], y: LinePlot['y'], curves: LinePlot['series']): Content {
  // Every run keeps its colour, also where others have no points.
  if (curves.every(({ points }) => points.length === 0)) return undefined;
  return linePlot({ title, x, y, series: curves.map(({ name, points }) => ({ name, points: thinned(points) })) });
}

function figuresOf(records: readonly { readonly steps: number; readonly [name: string]: unknown }[], name: string) {
  return records.flatMap((record) => {
    const value = record[name];
    return typeof value === 'number' && Number.isFinite(value) ? [{ steps: record.steps, value }] : [];
  });
}

/** The keys in which the configurations of runs differ. */
export function differentConfigurations(runs: readonly ComparedRun[]): Content {
  const different = configurationDifferences(runs.map(({ configuration }) => configuration));
  if (different.length === 0) return html`<p>The configurations are the same, key by key.</p>`;
  return table(
    ['key', ...runs.map(({ name }) => name)],
    different.map(({ key, values }) => [
      html`<code>${key}</code>`,
      ...values.map((value) => (value === undefined ? html`<small>not there</small>` : html`<code>${value}</code>`)),
    ]),
  );
}
