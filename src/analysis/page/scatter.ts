import { type Axis, type NumericScale, numericScale, short } from './axis.js';
import { type Figure, figure, type Titled } from './figure.js';
import { type Html, html } from './html.js';
import { dot, seriesClass, shadeClass, shapedMark } from './marks.js';
import { placeNames } from './place-names.js';

export interface ScatterPlot extends Titled {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly { readonly name: string; readonly points: readonly ScatterPoint[] }[];
  /** Writes each point's name beside it; otherwise it is shown when the point is pointed at. */
  readonly isNamed?: boolean;
  /** The series are steps of one quantity, so their colours are too. */
  readonly isOrdered?: boolean;
}

export interface ScatterPoint {
  readonly x: number;
  readonly y: number;
  readonly name: string;
  /** For the page's scripts, to know the point by. */
  readonly id?: number;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const margin = { top: 10, right: 12, bottom: 40, left: 46 };
/** Of the width, the least and the greatest height that a plane gets. */
const proportions: readonly [number, number] = [0.4, 0.85];
/** About how far a tick is from the next, in units of the drawing. */
const tickDistance = 60;
/** Free on each side, of what the points take. */
const room = 0.04;

/** Points on a plane. A step to the right is as long as a step up, so distances can be compared in every direction. */
export function scatterPlot({ title, note, x, y, series, isNamed = false, isOrdered = false }: ScatterPlot): Figure {
  const width = isNamed ? 680 : 560;
  const colourOf = isOrdered ? shadeClass : seriesClass;
  const points = series.flatMap(({ points }, index) => points.map((point) => ({ ...point, index })));
  const plane = equalPlane(points, width);
  const [across, up] = [
    axisWithin(x, plane.x, [plane.box.left, plane.box.right]),
    axisWithin(y, plane.y, [plane.box.bottom, plane.box.top]),
  ];
  const placed = points.map((point) => ({ ...point, at: { x: across.position(point.x), y: up.position(point.y) } }));
  // Colours that have an order are enough; others are helped by shapes.
  const mark = (at: { x: number; y: number }, index: number, radius = 2.6) =>
    isOrdered || series.length === 1 ? dot(at.x, at.y, radius) : shapedMark(at.x, at.y, index);
  const marks = placed.map(({ at, index }) => html`<g class="${colourOf(index)}">${mark(at, index)}</g>`);
  const written = (isNamed ? placeNames(placed, plane.box) : []).map(({ point: { at, name, index }, x, y, anchor }) => {
    const isFar = Math.abs(y - at.y) > 9;
    const leader = html`<line class="leader" x1="${short(at.x)}" y1="${short(at.y)}" x2="${short(x)}" y2="${short(y)}"/>`;
    return html`<g class="${colourOf(index)}">${isFar ? leader : undefined}<text class="name" x="${short(x)}" y="${short(y + 4)}" text-anchor="${anchor}">${name}</text></g>`;
  });
  return figure({
    title,
    note,
    series,
    svg: [axes(plane.box, { label: x.label, scale: across }, { label: y.label, scale: up }), marks, written],
    table: {
      head: ['point', ...(series.length > 1 ? ['class'] : []), x.label, y.label],
      rows: placed.map(({ at, name, id, index, x, y }) => ({
        at,
        id,
        cells: [name, ...(series.length > 1 ? [series[index]?.name ?? ''] : []), across.format(x), up.format(y)],
      })),
    },
    size: { width, height: plane.height },
    scaling: isNamed ? 'wide' : 'fluid',
    colourOf,
    swatch: (index) => mark({ x: 8, y: 5 }, index, 4),
  });
}

/** What lies on a plane whose two scales are one: as much room as the points need, more where the plane would be too flat or too high. */
function equalPlane(points: readonly { readonly x: number; readonly y: number }[], width: number) {
  const extent = (values: readonly number[]): [number, number] => {
    const [least, greatest] = [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
    return least <= greatest ? [least, greatest] : [0, 0];
  };
  const [left, right] = extent(points.map(({ x }) => x));
  const [bottom, top] = extent(points.map(({ y }) => y));
  const span = Math.max(right - left, top - bottom) || 1;
  const needed = { x: right - left + 2 * room * span, y: top - bottom + 2 * room * span };
  const inner = width - margin.left - margin.right;
  const proportion = Math.min(proportions[1], Math.max(proportions[0], needed.y / needed.x));
  const innerHeight = Math.round(inner * proportion);
  // Units of the values in a unit of the drawing.
  const scale = Math.max(needed.x / inner, needed.y / innerHeight);
  const around = (low: number, high: number, length: number): [number, number] => {
    const middle = (low + high) / 2;
    return [middle - (length * scale) / 2, middle + (length * scale) / 2];
  };
  const box: Box = { left: margin.left, right: width - margin.right, top: margin.top, bottom: margin.top + innerHeight };
  return { x: around(left, right, inner), y: around(bottom, top, innerHeight), box, height: box.bottom + margin.bottom };
}

/** An axis of exactly this domain, with ticks as far from each other as on the other axis. */
function axisWithin({ label, format }: Axis, domain: readonly [number, number], range: readonly [number, number]): NumericScale {
  const ticks = Math.abs(range[1] - range[0]) / tickDistance;
  return numericScale({ label, ...(format && { format }) }, domain, range, { ticks });
}

function axes(
  { left, right, top, bottom }: Box,
  x: { readonly label: string; readonly scale: NumericScale },
  y: { readonly label: string; readonly scale: NumericScale },
): Html {
  const below = x.scale.ticks.map((tick) => {
    const at = short(x.scale.position(tick));
    return html`<path class="rule" d="M${at} ${top}V${bottom}"/><text x="${at}" y="${bottom + 15}" text-anchor="middle">${x.scale.format(tick)}</text>`;
  });
  const beside = y.scale.ticks.map((tick) => {
    const at = y.scale.position(tick);
    return html`<path class="rule" d="M${left} ${short(at)}H${right}"/><text x="${left - 6}" y="${short(at + 4)}" text-anchor="end">${y.scale.format(tick)}</text>`;
  });
  const middle = { x: short((left + right) / 2), y: short((top + bottom) / 2) };
  return html`<rect class="rule" x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/>${below}${beside}<text x="${
    middle.x
  }" y="${bottom + 32}" text-anchor="middle">${x.label}</text><text transform="translate(11 ${middle.y}) rotate(-90)" text-anchor="middle">${y.label}</text>`;
}
