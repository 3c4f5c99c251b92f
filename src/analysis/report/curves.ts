import { type Content, html } from '../page/html.js';
import { figures } from '../page/page.js';
import { type LinePlot, linePlot } from '../page/plot.js';
import { metricAxis, unbounded } from '../page/quantities.js';
import { type RecordedReport, type RecordedValidation, thinned, type TrainingRecord } from '../training-record.js';

type Points = { x: number; value: number }[];

/** How the training went: a plot for everything that was written down. */
export function curves({ reports, validations }: TrainingRecord): Content {
  const reported = (name: keyof RecordedReport) => points(reports, name);
  const validated = (name: string) => points(validations, name);
  const plots: (Pick<LinePlot, 'title' | 'y'> & { series: [string, Points][] })[] = [
    { title: 'Loss', y: { label: 'nats per target token', bounds: unbounded }, series: [['training', reported('loss')]] },
    {
      title: 'Perplexity',
      y: { label: 'per target token', scale: 'log', bounds: [1, Number.POSITIVE_INFINITY] },
      series: [
        ['training', reported('perplexity')],
        ['dev', validated('perplexity')],
      ],
    },
    ...otherMetrics(validations).map(({ name, label }) => ({
      title: `${label} on dev`,
      y: metricAxis(name),
      series: [['dev', validated(name)]] as [string, Points][],
    })),
    { title: 'Learning rate', y: { label: 'of the last update', include: 0 }, series: [['training', reported('learningRate')]] },
    { title: 'Gradient norm', y: { label: 'before clipping', include: 0 }, series: [['training', reported('gradientNorm')]] },
    { title: 'Speed', y: { label: 'words per second, source and target', include: 0 }, series: [['training', reported('wordsPerSecond')]] },
  ];
  const drawn = plots.flatMap(({ title, y, series }) => {
    const present = series.filter(([, curve]) => curve.length > 0).map(([name, curve]) => ({ name, points: thinned(curve) }));
    return present.length === 0 ? [] : [linePlot({ title, x: { label: 'updates', include: 0, isWhole: true }, y, series: present })];
  });
  return drawn.length === 0 ? html`<p class="missing">This run has written no figures down yet.</p>` : figures(drawn);
}

const metricLabels: Readonly<Record<string, string>> = {
  bleu: 'BLEU',
  chrf: 'chrF',
  'chrf++': 'chrF++',
  ter: 'TER',
  exact: 'Exact matches',
};

function otherMetrics(validations: readonly RecordedValidation[]): { name: string; label: string }[] {
  return Object.entries(metricLabels)
    .filter(([name]) => validations.some((validation) => name in validation))
    .map(([name, label]) => ({ name, label }));
}

function points(records: readonly (RecordedReport | RecordedValidation)[], name: string): Points {
  return records.flatMap((record) => {
    const value = record[name];
    return typeof value === 'number' && Number.isFinite(value) ? [{ x: record.steps, value }] : [];
  });
}
