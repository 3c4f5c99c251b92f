import { type Content, html } from '../page/html.js';
import { figures } from '../page/page.js';
import { type Axis, type Figure, linePlot } from '../page/plot.js';
import { metricAxis, unbounded } from '../page/quantities.js';
import { type RecordedReport, type RecordedValidation, thinned, type TrainingRecord } from '../training-record.js';

/** A training, and what it is called beside others. */
export interface NamedRecord {
  readonly name: string;
  readonly record: TrainingRecord;
}

/** Something that was written down while training, of one or two corpora. */
interface Quantity {
  readonly title: string;
  readonly y: Axis;
  readonly parts: readonly { readonly name: string; readonly points: (record: TrainingRecord) => Points }[];
}

type Points = { x: number; value: number }[];

/**
 * How trainings went: a plot for everything that was written down. One training has its corpora in one plot; several lie over each
 * other, in a plot for each corpus.
 */
export function curves(runs: readonly NamedRecord[]): Content {
  const drawn = quantities(runs).flatMap((quantity) => plotsOf(quantity, runs));
  return drawn.length === 0 ? html`<p class="missing">No figures of training have been written down yet.</p>` : figures(drawn);
}

function quantities(runs: readonly NamedRecord[]): Quantity[] {
  const reported = (name: keyof RecordedReport) => [{ name: 'training', points: ({ reports }: TrainingRecord) => pointsOf(reports, name) }];
  const validated = (name: string) => [{ name: 'dev', points: ({ validations }: TrainingRecord) => pointsOf(validations, name) }];
  return [
    { title: 'Loss', y: { label: 'nats per target token', bounds: unbounded }, parts: reported('loss') },
    {
      title: 'Perplexity',
      y: { ...metricAxis('perplexity', 'per target token'), scale: 'log' },
      parts: [...reported('perplexity'), ...validated('perplexity')],
    },
    ...Object.entries(metricLabels)
      .filter(([name]) => runs.some(({ record }) => record.validations.some((validation) => name in validation)))
      .map(([name, label]) => ({ title: `${label} on dev`, y: metricAxis(name), parts: validated(name) })),
    { title: 'Learning rate', y: { label: 'of the last update', include: 0 }, parts: reported('learningRate') },
    { title: 'Gradient norm', y: { label: 'before clipping', include: 0 }, parts: reported('gradientNorm') },
    { title: 'Speed', y: { label: 'words per second, source and target', include: 0 }, parts: reported('wordsPerSecond') },
  ];
}

function plotsOf({ title, y, parts }: Quantity, runs: readonly NamedRecord[]): Figure[] {
  const curve = (name: string, points: Points) => (points.length === 0 ? [] : [{ name, points: thinned(points) }]);
  const [only] = runs;
  const drawings =
    only !== undefined && runs.length === 1
      ? [{ title, series: parts.flatMap(({ name, points }) => curve(name, points(only.record))) }]
      : parts.map((part) => ({
          title: parts.length === 1 ? title : `${title}, ${part.name}`,
          series: runs.flatMap(({ name, record }) => curve(name, part.points(record))),
        }));
  return drawings
    .filter(({ series }) => series.length > 0)
    .map((drawing) => linePlot({ ...drawing, x: { label: 'updates', include: 0, isWhole: true }, y }));
}

const metricLabels: Readonly<Record<string, string>> = {
  bleu: 'BLEU',
  chrf: 'chrF',
  'chrf++': 'chrF++',
  ter: 'TER',
  exact: 'Exact matches',
};

function pointsOf(records: readonly (RecordedReport | RecordedValidation)[], name: string): Points {
  return records.flatMap((record) => {
    const value = record[name];
    return typeof value === 'number' && Number.isFinite(value) ? [{ x: record.steps, value }] : [];
  });
}
