import type { ComparedRun } from '../examination/compared-runs.js';
import { configurationDifferences } from '../examination/configuration-difference.js';
import { type Content, html } from '../page/html.js';
import { table } from '../page/page.js';
import { curves, curvesByTime } from './curves.js';

/** Curves of several runs over each other, by updates and by time. */
export function comparedCurves(runs: readonly ComparedRun[]): Content {
  const silent = runs.filter(({ record }) => record.reports.length === 0);
  return [
    curves(runs),
    curvesByTime(runs),
    silent.length === 0
      ? undefined
      : html`<p class="missing">There is no training record of ${silent.map(({ name }) => name).join(', ')}.</p>`,
  ];
}

/** The keys in which the configurations of runs differ. */
export function differentConfigurations(runs: readonly ComparedRun[]): Content {
  const different = configurationDifferences(runs.map(({ configuration }) => configuration));
  if (different.length === 0) return html`<p>The configurations are identical.</p>`;
  return table(
    ['key', ...runs.map(({ name }) => name)],
    different.map(({ key, values }) => [
      html`<code>${key}</code>`,
      ...values.map((value) => (value === undefined ? html`<small>not set</small>` : html`<code>${value}</code>`)),
    ]),
  );
}
