import { type Content, html } from '../page/html.js';
import { figures } from '../page/page.js';
import { type Axis, type Figure, linePlot } from '../page/plot.js';
import { metricAxis, unbounded } from '../page/quantities.js';
import {
  type RecordedReport,
  type RecordedValidation,
  thinned,
  type TrainingRecord,
  trainingTime,
} from '../examination/training-record.js';

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
  /** How good the model was, not how it was trained: worth asking how long it took. */
  readonly isResult?: boolean;
}

/** What curves are drawn over. */
interface Course {
  readonly x: Axis;
  /** Where an update lies; undefined where that is not known. */
  readonly placeOf: (record: TrainingRecord) => (step: number) => number | undefined;
}

const byUpdates: Course = { x: { label: 'updates', include: 0, isWhole: true }, placeOf: () => (step) => step };

type Points = { x: number; value: number }[];

/**
 * How trainings went: a plot for everything that was written down. One training has its corpora in one plot; several lie over each
 * other, in a plot for each corpus.
 */
export function curves(runs: readonly NamedRecord[]): Content {
  const drawn = quantities(runs).flatMap((quantity) => plotsOf(quantity, runs, byUpdates));
  return drawn.length === 0 ? html`<p class="missing">There is no training record yet.</p>` : figures(drawn);
}

/** Loss and scores over the time of updates, without validation (which may translate) and checkpoints. */
export function curvesByTime(runs: readonly NamedRecord[]): Content {
  const ends = runs.map(({ record }) => trainingTime(record)(record.reports.at(-1)?.steps ?? 0) ?? 0);
  const unit = units.find(({ from }) => Math.max(0, ...ends) >= from) ?? { name: 'seconds', seconds: 1 };
  const byTime: Course = {
    x: { label: `${unit.name} of updates, without validation`, include: 0 },
    placeOf(record) {
      const time = trainingTime(record);
      return (step) => {
        const seconds = time(step);
        return seconds === undefined ? undefined : seconds / unit.seconds;
      };
    },
  };
  const results = quantities(runs).filter(({ isResult }) => isResult);
  const drawn = results.flatMap((quantity) => plotsOf({ ...quantity, title: `${quantity.title} by time` }, runs, byTime));
  return drawn.length === 0 ? undefined : figures(drawn);
}

const units = [
  { name: 'hours', from: 2 * 3_600, seconds: 3_600 },
  { name: 'minutes', from: 2 * 60, seconds: 60 },
];

function quantities(runs: readonly NamedRecord[]): Quantity[] {
  const reported = (name: keyof RecordedReport) => [{ name: 'training', points: ({ reports }: TrainingRecord) => pointsOf(reports, name) }];
  const validated = (name: string) => [{ name: 'dev', points: ({ validations }: TrainingRecord) => pointsOf(validations, name) }];
  return [
    { title: 'Loss', y: { label: 'nats per target token', bounds: unbounded }, parts: reported('loss'), isResult: true },
    {
      title: 'Perplexity',
      y: { ...metricAxis('perplexity', 'per target token'), scale: 'log' },
      parts: [...reported('perplexity'), ...validated('perplexity')],
      isResult: true,
    },
    ...Object.entries(metricLabels)
      .filter(([name]) => runs.some(({ record }) => record.validations.some((validation) => name in validation)))
      .map(([name, label]) => ({ title: `${label} on dev`, y: metricAxis(name), parts: validated(name), isResult: true })),
    { title: 'Learning rate', y: { label: 'of the last update', include: 0 }, parts: reported('learningRate') },
    { title: 'Gradient norm', y: { label: 'before clipping', include: 0 }, parts: reported('gradientNorm') },
    { title: 'Speed', y: { label: 'words per second, source and target', include: 0 }, parts: reported('wordsPerSecond') },
  ];
}

function plotsOf({ title, y, parts }: Quantity, runs: readonly NamedRecord[], { x, placeOf }: Course): Figure[] {
  const curve = (name: string, record: TrainingRecord, { points }: Quantity['parts'][number]) => {
    const place = placeOf(record);
    const placed = points(record).flatMap(({ x: step, value }) => {
      const at = place(step);
      return at === undefined ? [] : [{ x: at, value }];
    });
    return { name, points: thinned(placed) };
  };
  const [only] = runs;
  const drawings =
    only !== undefined && runs.length === 1
      ? [{ title, series: parts.map((part) => curve(part.name, only.record, part)).filter(({ points }) => points.length > 0) }]
      : parts.map((part) => ({
          title: parts.length === 1 ? title : `${title}, ${part.name}`,
          // One that has no points here keeps its colour for the other plots.
          series: runs.map(({ name, record }) => curve(name, record, part)),
        }));
  return drawings.filter(({ series }) => series.some(({ points }) => points.length > 0)).map((drawing) => linePlot({ ...drawing, x, y }));
}

const metricLabels: Readonly<Record<string, string>> = {
  bitsPerByte: 'Bits per byte',
  wordPerplexity: 'Perplexity per word',
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
