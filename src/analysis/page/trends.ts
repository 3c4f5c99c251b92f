import { area, line } from 'd3-shape';
import { type Axis, numericScale } from './axis.js';
import { type Figure, figure, type Titled } from './figure.js';
import { frameOf, horizontalAxis, margin, type PlotSize } from './frame.js';
import { html } from './html.js';
import { type Measured, seriesClass, shapedMark } from './marks.js';

export interface TrendPlot extends Titled {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Trend[];
}

/** Points, and the line that was fitted to them. */
export interface Trend {
  readonly name: string;
  readonly points: readonly { readonly name: string; readonly x: number; readonly y: number }[];
  /** The line at a place, with its interval. */
  readonly at: (x: number) => Measured;
}

/** Narrow, so that its text can be read on a phone, and high enough for bands that cross. */
const size: PlotSize = { width: 400, height: 300 };
/** Places at which a line's interval is drawn, from its first point to its last. */
const places = 48;

/** Groups of points with a line through each and the band that the line lies in, on axes of their own units. */
export function trendPlot({ title, note, x, y, series }: TrendPlot): Figure {
  const lines = series.map((trend) => lineOf(trend, x));
  const heights = series.flatMap(({ points }, index) => [
    ...points.map((point) => point.y),
    ...(lines[index] ?? []).map(({ value }) => value),
  ]);
  const frame = frameOf(y, heights, 0, size);
  const across = numericScale(
    x,
    series.flatMap(({ points }) => points.map((point) => point.x)),
    [frame.left + 6, size.width - margin.right],
  );
  const within = (value: number) =>
    Math.min(frame.bottom, Math.max(margin.top, Number.isFinite(frame.y(value)) ? frame.y(value) : frame.bottom));
  const drawn = series.map(({ points }, index) => {
    const places = lines[index] ?? [];
    const band = area<LinePoint>(
      (point) => across.position(point.x),
      ({ low = 0 }) => within(low),
      ({ high = 0 }) => within(high),
    ).digits(2)(places);
    const curve = line<LinePoint>(
      (point) => across.position(point.x),
      ({ value }) => frame.y(value),
    ).digits(2)(places);
    return html`<g class="${seriesClass(index)}"><path class="band" d="${band ?? ''}"/>${points.map((point) =>
      shapedMark(across.position(point.x), frame.y(point.y), index, 22),
    )}<path class="curve" d="${curve ?? ''}"/></g>`;
  });
  return figure({
    title,
    note,
    unit: y.label,
    omission: frame.omission,
    series,
    svg: [frame.rules, horizontalAxis(x.label, across, size), drawn],
    swatch: (index) => shapedMark(8, 5, index),
    size,
    table: {
      head: ['point', ...(series.length > 1 ? ['group'] : []), x.label, y.label],
      rows: series.flatMap(({ name: group, points }) =>
        points.map((point) => ({
          at: { x: across.position(point.x), y: frame.y(point.y) },
          cells: [point.name, ...(series.length > 1 ? [group] : []), across.format(point.x), frame.format(point.y)],
        })),
      ),
    },
  });
}

type LinePoint = Measured & { readonly x: number };

function lineOf({ points, at }: Trend, { scale }: Axis): LinePoint[] {
  const [least, greatest] = points.reduce(([low, high], { x }) => [Math.min(low, x), Math.max(high, x)], [Infinity, -Infinity]);
  return Array.from({ length: places + 1 }, (_, place) => {
    const share = place / places;
    const x = scale === 'log' ? least * (greatest / least) ** share : least + (greatest - least) * share;
    return { x, ...at(x) };
  });
}
