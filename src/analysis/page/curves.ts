import { area, line } from 'd3-shape';
import { type Axis, numericScale } from './axis.js';
import { type Figure, type FigureRow, figure, type Titled } from './figure.js';
import { frameOf, horizontalAxis, margin, smallPlot } from './frame.js';
import { type Content, html } from './html.js';
import { describe, dot, extent, type Measured, seriesClass, whisker } from './marks.js';

export interface LinePlot extends Titled {
  readonly x: Axis;
  readonly y: Axis;
  /** Each a line from left to right; with intervals, a band (whiskers and dots where there are few points). */
  readonly series: readonly { readonly name: string; readonly points: readonly CurvePoint[] }[];
}

export type CurvePoint = Measured & { readonly x: number };

/** With more points than this, an interval is a band and a point no dot. */
const fewPoints = 24;

/** Lines over a common axis. */
export function linePlot({ title, note, x, y, series }: LinePlot): Figure {
  const points = series.flatMap((one) => one.points);
  const frame = frameOf(y, points.flatMap(extent));
  const across = numericScale(
    x,
    points.map((point) => point.x),
    [frame.left, smallPlot.width - margin.right],
  );
  const at = (point: { readonly x: number }) => across.position(point.x);
  // A logarithmic axis has no place for 0: an interval that reaches it is drawn to the end.
  const end = (value: number) => (Number.isFinite(frame.y(value)) ? frame.y(value) : frame.bottom);
  const drawn = series.map(({ points }, index) => {
    const present = points.filter(({ value }) => Number.isFinite(frame.y(value)));
    const path = line<CurvePoint>(at, ({ value }) => frame.y(value)).digits(2)(present) ?? '';
    const isSparse = present.length <= fewPoints;
    const ranged = present.filter(({ low, high }) => low !== undefined && high !== undefined);
    const band = area<CurvePoint>(
      at,
      ({ low = 0 }) => end(low),
      ({ high = 0 }) => end(high),
    ).digits(2)(ranged);
    return html`<g class="${seriesClass(index)}">${
      isSparse ? ranged.map((point) => whisker(at(point), point, end)) : html`<path class="band" d="${band ?? ''}"/>`
    }<path class="curve" d="${path}"/>${isSparse ? present.map((point) => dot(at(point), frame.y(point.value))) : undefined}</g>`;
  });
  const undrawn = points.filter(({ value }) => !Number.isFinite(frame.y(value))).length;
  return figure({
    title,
    note: undrawn === 0 ? note : notes(note, `${undrawn} ${undrawn === 1 ? 'value' : 'values'} of 0 or below: not on a logarithmic axis.`),
    unit: y.label,
    omission: frame.omission,
    series,
    swatch: () => html`<path class="curve" d="M0 5H16"/>`,
    svg: [frame.rules, horizontalAxis(x.label, across), drawn],
    table: { head: [x.label, ...series.map(({ name }) => name)], rows: rowsOf(series, across, frame.format) },
  });
}

/** A row for every place at which a curve has a point. */
function rowsOf(
  series: LinePlot['series'],
  across: { position(value: number): number; format(value: number): string },
  format: (value: number) => string,
): FigureRow[] {
  const cells = new Map<number, string[]>();
  for (const [index, { points }] of series.entries()) {
    for (const point of points) {
      const row = cells.get(point.x) ?? series.map(() => '');
      row[index] = describe(point, format);
      cells.set(point.x, row);
    }
  }
  return [...cells]
    .sort(([a], [b]) => a - b)
    .map(([x, values]) => ({ at: { x: across.position(x) }, cells: [across.format(x), ...values] }));
}

function notes(one: Content, other: string): Content {
  return one === undefined ? other : [one, ' ', other];
}
