import { html } from '../page/html.js';
import { page, type Section, table } from '../page/page.js';
import { trendPlot } from '../page/plot.js';
import type { FittedTable } from './fit.js';
import type { Estimate, FittedLine, MeasuredPoint } from './line.js';
import type { PointColumns, PointTable } from './points.js';
import {
  describeDifference,
  describeProbability,
  groupName,
  inDecimals,
  inDeviations,
  inShares,
  slopeName,
  whyNotCompared,
} from './wording.js';

export interface FitPage {
  /** Where the points come from. */
  readonly name: string;
  readonly columns: PointColumns;
  readonly points: PointTable;
  readonly fit: FittedTable;
}

/** The groups of a table with their lines: a plot, the slopes, their differences, and what lies far from every line. */
export function fitPage({ name, columns, points, fit }: FitPage): Promise<string> {
  const { isLogarithmic, groups } = fit;
  const scale = isLogarithmic ? 'log' : 'linear';
  const slope = slopeName(fit);
  const named = groups.map(({ name: group, line }) => `${groupName(group)}: ${slope} ${inDecimals(line.slope.value)}`);
  const all = groups.reduce((sum, { points }) => sum + points.length, 0);
  const each = Math.ceil(all / mostDrawn);
  const some = each === 1 ? '' : ` Of ${all.toLocaleString('en-US')} points one in ${each} is drawn, and every outlier.`;
  const plot = trendPlot({
    // Of one line no legend says what it is.
    title: `Both axes ${isLogarithmic ? 'logarithmic' : 'linear'}${named.length === 1 ? `, ${named}` : ''}`,
    note: `A line through each group by least squares${isLogarithmic ? ' of the logarithms' : ''}, with the 95 % interval of its mean.${some}`,
    x: { label: columns.x, scale },
    y: { label: columns.y, scale },
    series: groups.map(({ points, line }, place) => ({
      name: named[place] ?? '',
      points: drawnOf(points, line, each),
      at: (x) => onScale(line.at(x), isLogarithmic),
    })),
  });
  const sections: Section[] = [
    { id: 'plot', title: 'Points and lines', body: html`<div class="alone">${plot}</div>` },
    { id: 'slopes', title: `The ${slope}s`, lead: formula(columns, isLogarithmic), body: slopes(fit) },
  ];
  const notCompared = whyNotCompared(fit);
  if (notCompared !== undefined) {
    sections.push({ id: 'differences', title: 'Do they differ?', body: html`<p class="missing">${notCompared}.</p>` });
  } else if (fit.differences.length > 0) {
    sections.push({
      id: 'differences',
      title: 'Do they differ?',
      lead: 'By the interaction in one regression of both groups, which takes them to scatter equally; beside it by Welch’s test, which does not. Believe the second where the scatters differ.',
      body: differences(fit),
    });
  }
  sections.push({ id: 'outliers', title: 'Outliers', lead: outlierLead, body: outliers(fit) });
  if (points.unusable.length > 0 || fit.unfitted.length > 0) {
    sections.push({ id: 'left-out', title: 'Left out', body: leftOut(points, fit) });
  }
  return page({ title: `${columns.y} over ${columns.x}`, lead: name, sections });
}

/** Points of a plot, beyond which it takes long to draw and shows no more. */
const mostDrawn = 5_000;

/** One of so many points, the least and the greatest, between which the line is drawn, and what lies far from it. */
function drawnOf(points: readonly MeasuredPoint[], { outliers }: FittedLine, each: number): readonly MeasuredPoint[] {
  if (each === 1) return points;
  const keyOf = ({ name, x, y }: MeasuredPoint) => JSON.stringify([name, x, y]);
  const far = new Set(outliers.map(keyOf));
  const order = [...points].sort((one, other) => one.x - other.x);
  return order.filter((point, place) => place % each === 0 || place === order.length - 1 || (far.size > 0 && far.has(keyOf(point))));
}

const outlierLead =
  'Points further from their group’s line than the furthest of so many should be (externally studentised residuals, p below .05 by Bonferroni).';

function onScale({ value, low, high }: Estimate, isLogarithmic: boolean) {
  return isLogarithmic ? { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) } : { value, low, high };
}

function formula({ x, y }: PointColumns, isLogarithmic: boolean): string {
  return isLogarithmic ? `${y} = c · ${x}^b: the exponent is b.` : `${y} = a + b · ${x}: the slope is b.`;
}

function slopes({ groups, isLogarithmic }: FittedTable) {
  return table(
    ['group', 'points', isLogarithmic ? 'exponent' : 'slope', '95 % interval', 'standard error', 'R²', 'scatter'],
    groups.map(({ name, line: { points, slope, explained, scatter } }) => [
      groupName(name),
      points,
      inDecimals(slope.value),
      `${inDecimals(slope.low)} to ${inDecimals(slope.high)}`,
      inDecimals(slope.standardError),
      inShares(explained),
      inDecimals(scatter),
    ]),
  );
}

function differences({ differences }: FittedTable) {
  return table(
    ['of', 'from', 'difference', '95 % interval', 't', 'p', ...(differences.length > 1 ? ['p among all (Holm)'] : []), 'by Welch'],
    differences.map(({ first, second, pooled, separate, adjusted }) => [
      groupName(second.name),
      groupName(first.name),
      inDecimals(pooled.difference.value),
      `${inDecimals(pooled.difference.low)} to ${inDecimals(pooled.difference.high)}`,
      `${Number.isFinite(pooled.t) ? pooled.t.toFixed(2).replace('-', '−') : '∞'} (${pooled.degrees} degrees of freedom)`,
      describeProbability(pooled.probability),
      ...(differences.length > 1 ? [describeProbability(adjusted)] : []),
      describeDifference(separate),
    ]),
  );
}

function outliers({ groups }: FittedTable) {
  const found = groups.flatMap(({ name, line }) => line.outliers.map((outlier) => ({ group: groupName(name), ...outlier })));
  if (found.length === 0) return html`<p>None.</p>`;
  return table(
    ['point', 'group', 'deviations from the line', 'p'],
    found.map(({ name, group, deviations, probability }) => [name, group, inDeviations(deviations), describeProbability(probability)]),
  );
}

function leftOut({ unusable }: PointTable, { unfitted }: FittedTable) {
  return table(
    ['what', 'why'],
    [...unfitted.map(({ name, reason }) => [groupName(name), reason]), ...unusable.map(({ line, reason }) => [`line ${line}`, reason])],
  );
}
