import { scaleBand, scaleLinear, scaleLog } from 'd3-scale';
import { area, line } from 'd3-shape';
import type { Drawing } from './drawing.js';
import { type Content, Html, html } from './html.js';
import { seriesColours, shadeSteps } from './style.js';

/** A direction in which values are drawn. */
export interface Axis {
  /** What it shows, with its unit: `loss, nats a word`. */
  readonly label: string;
  /** Default: linear. Needs values above 0. */
  readonly scale?: 'linear' | 'log';
  /** A value that must be in sight, such as 0. */
  readonly include?: number;
  /** What no value can be below or above, such as 0 and 100. */
  readonly bounds?: readonly [number, number];
  /** How a value is written. Default: 1,234, 12.3K. */
  readonly format?: (value: number) => string;
}

/** A figure, and the ends of its interval if it has one. */
export interface Measured {
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

interface Titled {
  readonly title: string;
  /** Said below the title. */
  readonly note?: Content;
}

export interface LinePlot extends Titled {
  readonly x: Axis;
  readonly y: Axis;
  /** Each a line from left to right; with intervals, a band (whiskers and dots where there are few points). */
  readonly series: readonly { readonly name: string; readonly points: readonly (Measured & { readonly x: number })[] }[];
}

export interface CategoryPlot extends Titled {
  /** What the categories are. */
  readonly x: string;
  readonly y: Axis;
  /** A name for each category, and what stands below it, such as a count. */
  readonly categories: readonly { readonly name: string; readonly note?: string }[];
  /** A figure for each category; undefined where there is none. */
  readonly series: readonly { readonly name: string; readonly values: readonly (Measured | undefined)[] }[];
  /** Default: dots with whiskers. Bars begin at 0. `joined` draws a line from dot to dot, for categories with an order. */
  readonly mark?: 'dots' | 'joined' | 'bars';
}

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
  /** For the page's script, which then shows the name itself. */
  readonly id?: number;
}

/** A plot on a page, which can also be a file of its own (`svgFile`). */
export class Figure extends Html {
  readonly drawing: Drawing;

  constructor(text: string, drawing: Drawing) {
    super(text);
    this.drawing = drawing;
  }
}

const width = 400;
const height = 250;
const margin = { top: 8, right: 10, bottom: 38 };
const characterWidth = 6.1;
const lineHeight = 14;
/** With more points than this, an interval is a band and a point no dot. */
const fewPoints = 24;

/** Lines over a common axis. */
export function linePlot({ title, note, x, y, series }: LinePlot): Figure {
  const points = series.flatMap((one) => one.points);
  const frame = frameOf(y, points.flatMap(extent));
  const across = numericScale(
    x,
    points.map((point) => point.x),
    frame.left,
    width - margin.right,
  );
  const at = (point: { readonly x: number }) => across.position(point.x);
  const drawn = series.map(({ points }, index) => {
    // A logarithmic axis has no place for 0.
    const present = points.filter(({ value }) => Number.isFinite(frame.y(value)));
    const path = line<(typeof present)[number]>(at, ({ value }) => frame.y(value))(present) ?? '';
    const isSparse = present.length <= fewPoints;
    const ranged = present.filter(({ low, high }) => low !== undefined && high !== undefined);
    const band =
      area<(typeof present)[number]>(
        at,
        ({ low = 0 }) => frame.y(low),
        ({ high = 0 }) => frame.y(high),
      )(ranged) ?? '';
    return html`<g class="${seriesClass(index)}">${
      isSparse ? ranged.map((point) => whisker(at(point), point, frame)) : html`<path class="band" d="${band}"/>`
    }<path class="curve" d="${path}"/>${
      isSparse
        ? present.map((point) => dot(at(point), frame.y(point.value), describe(across.format(point.x), point, frame.format)))
        : undefined
    }</g>`;
  });
  return figure({ title, note, unit: y.label, series, svg: [frame.rules, horizontalAxis(x.label, across), drawn] });
}

/** Figures of things that have names, side by side. */
export function categoryPlot({ title, note, x, y, categories, series, mark = 'dots' }: CategoryPlot): Figure {
  const measured = series.flatMap(({ values }) => values.filter((value) => value !== undefined));
  const axis = mark === 'bars' ? { ...y, include: 0 } : y;
  const notes = categories.some((category) => category.note !== undefined);
  const frame = frameOf(axis, measured.flatMap(extent), notes ? lineHeight : 0);
  const groups = scaleBand<number>([...categories.keys()], [frame.left, width - margin.right]).padding(mark === 'bars' ? 0.25 : 0.1);
  const within = scaleBand<number>([...series.keys()], [0, groups.bandwidth()]).padding(mark === 'bars' ? 0.08 : 0.3);
  const shift = (index: number) => (mark === 'joined' ? groups.bandwidth() / 2 : (within(index) ?? 0) + within.bandwidth() / 2);
  const drawn = series.map(({ name, values }, index) => {
    const places = values.flatMap((value, category) =>
      value === undefined ? [] : [{ ...value, category, centre: (groups(category) ?? 0) + shift(index) }],
    );
    const path =
      mark === 'joined'
        ? line<(typeof places)[number]>(
            ({ centre }) => centre,
            ({ value }) => frame.y(value),
          )(places)
        : null;
    const marks = places.map((place) => {
      const described = `${series.length > 1 ? `${name}, ` : ''}${describe(categories[place.category]?.name ?? '', place, frame.format)}`;
      const top = frame.y(place.value);
      const bar = html`<rect class="bar" x="${short(place.centre - within.bandwidth() / 2)}" y="${short(Math.min(top, frame.y(0)))}" width="${short(
        within.bandwidth(),
      )}" height="${short(Math.abs(frame.y(0) - top))}"><title>${described}</title></rect>`;
      return [mark === 'bars' ? bar : dot(place.centre, top, described), whisker(place.centre, place, frame, mark === 'bars')];
    });
    return html`<g class="${seriesClass(index)}">${path === null ? undefined : html`<path class="curve" d="${path}"/>`}${marks}</g>`;
  });
  const names = categories.map(({ name, note: below }, category) => {
    const centre = short((groups(category) ?? 0) + groups.bandwidth() / 2);
    return html`<text x="${centre}" y="${frame.bottom + 15}" text-anchor="middle">${name}</text>${
      below === undefined ? undefined : html`<text x="${centre}" y="${frame.bottom + 15 + lineHeight}" text-anchor="middle">${below}</text>`
    }`;
  });
  return figure({ title, note, unit: y.label, series, svg: [frame.rules, names, axisLabel(x, frame.left), drawn] });
}

/** Points on a plane, where what counts is only what lies near to what: it has no numbers. */
export function scatterPlot({ title, note, x, y, series, isNamed = false, isOrdered = false }: ScatterPlot): Figure {
  const size = isNamed ? { width: 680, height: 420 } : { width: 520, height: 420 };
  const colourOf = isOrdered ? shadeClass : seriesClass;
  const points = series.flatMap(({ points }, index) => points.map((point) => ({ ...point, colour: colourOf(index) })));
  const inner = { left: 14, right: size.width - 14, top: 14, bottom: size.height - 14 };
  const across = numericScale(
    x,
    points.map((point) => point.x),
    inner.left,
    inner.right,
  );
  const up = numericScale(
    y,
    points.map((point) => point.y),
    inner.bottom,
    inner.top,
  );
  const placed = points.map((point) => ({ ...point, at: { x: across.position(point.x), y: up.position(point.y) } }));
  const dots = placed.map(({ at, name, colour, id }) =>
    id === undefined
      ? html`<g class="${colour}">${dot(at.x, at.y, name, isNamed ? 3.5 : 2.6)}</g>`
      : html`<circle class="dot ${colour}" data-id="${id}" cx="${short(at.x)}" cy="${short(at.y)}" r="2.6"/>`,
  );
  const names = isNamed ? placeNames(placed, inner) : [];
  const written = names.map(({ point: { at, name, colour }, x, y, anchor }) => {
    const isFar = Math.abs(y - at.y) > 9;
    const leader = html`<line class="leader" x1="${short(at.x)}" y1="${short(at.y)}" x2="${short(x)}" y2="${short(y)}"/>`;
    return html`<g class="${colour}">${isFar ? leader : undefined}<text class="name" x="${short(x)}" y="${short(y + 4)}" text-anchor="${anchor}">${name}</text></g>`;
  });
  const frame = html`<rect class="rule" x="1" y="1" width="${size.width - 2}" height="${size.height - 2}" rx="4"/>`;
  const described = html`${note}${note === undefined ? '' : ' '}Across: ${x.label}. Up: ${y.label}.`;
  return figure({
    title,
    note: described,
    unit: undefined,
    series,
    svg: [frame, dots, written],
    size,
    isWide: isNamed,
    hasLegend: !isNamed,
    colourOf,
  });
}

interface Placed {
  readonly at: { readonly x: number; readonly y: number };
  readonly name: string;
  readonly colour: string;
}

/** Names beside their points, moved up and down until none lies on another (or a hundred times). */
function placeNames(points: readonly Placed[], inner: { left: number; right: number; top: number; bottom: number }) {
  const names = points.map((point) => {
    const { at, name } = point;
    const length = name.length * characterWidth;
    const isLeft = at.x + 7 + length > inner.right && at.x - 7 - length > inner.left - 10;
    const from = isLeft ? at.x - 7 - length : at.x + 7;
    return { point, x: isLeft ? at.x - 7 : at.x + 7, y: at.y, anchor: isLeft ? 'end' : 'start', from, to: from + length };
  });
  for (let round = 0; round < 100; round++) {
    let moved = false;
    for (const [index, one] of names.entries()) {
      for (const other of names.slice(index + 1)) {
        if (one.from >= other.to || other.from >= one.to || Math.abs(one.y - other.y) >= lineHeight) continue;
        const push = (lineHeight - Math.abs(one.y - other.y)) / 2 + 0.1;
        const [upper, lower] = one.y <= other.y ? [one, other] : [other, one];
        upper.y -= push;
        lower.y += push;
        moved = true;
      }
    }
    for (const name of names) name.y = Math.min(inner.bottom, Math.max(inner.top, name.y));
    if (!moved) break;
  }
  return names;
}

/** A figure with its title, its legend where there are several series, and its drawing. */
function figure(parts: {
  title: string;
  note: Content;
  unit: string | undefined;
  series: readonly { readonly name: string }[];
  svg: Content;
  size?: { width: number; height: number };
  isWide?: boolean;
  hasLegend?: boolean;
  colourOf?: (index: number) => string;
}): Figure {
  const {
    title,
    note,
    unit,
    series,
    svg,
    size = { width, height },
    isWide = false,
    hasLegend = series.length > 1,
    colourOf = seriesClass,
  } = parts;
  const legend = hasLegend ? series.map(({ name }, index) => ({ name, colour: `var(--${colourOf(index)})` })) : [];
  const names = legend.map(({ name, colour }) => html`<span><i style="background:${colour}"></i>${name}</span>`);
  const { text } = html`<figure${isWide ? html` class="wide"` : undefined}>
<figcaption><b>${title}</b>${unit === undefined ? undefined : html` · ${unit}`}${note === undefined ? undefined : html`<br>${note}`}</figcaption>
${hasLegend ? html`<div class="legend">${names}</div>` : undefined}
<svg class="plot" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${title}">${svg}</svg>
</figure>
`;
  return new Figure(text, { title, unit, legend, body: svg, ...size });
}

/** Colours repeat after the last; the names in the legend do not. */
function seriesClass(index: number): string {
  return `series-${1 + (index % seriesColours)}`;
}

/** Steps from light to dark. */
function shadeClass(index: number): string {
  return `shade-${Math.min(index + 1, shadeSteps)}`;
}

interface NumericScale {
  position(value: number): number;
  readonly ticks: readonly number[];
  format(value: number): string;
}

/** `isRounded`: begins and ends with a tick. */
function numericScale(axis: Axis, values: readonly number[], from: number, to: number, isRounded = false): NumericScale {
  const drawable = values.concat(axis.include ?? []).filter((value) => Number.isFinite(value) && (axis.scale !== 'log' || value > 0));
  const domain = domainOf(drawable, axis.scale);
  const scale = axis.scale === 'log' ? scaleLog(domain, [from, to]) : scaleLinear(domain, [from, to]);
  if (isRounded && axis.scale !== 'log') scale.nice(5);
  const [least = 0, greatest = 1] = scale.domain();
  const [lowest, highest] = axis.bounds ?? [least, greatest];
  scale.domain([Math.max(lowest, least), Math.min(highest, greatest)]);
  const all = scale.ticks(5);
  return { position: (value) => scale(value), ticks: axis.scale === 'log' ? fewTicks(all) : all, format: axis.format ?? shortNumber };
}

/** From the least to the greatest; a single value gets room on both sides. */
function domainOf(values: readonly number[], scale: Axis['scale']): [number, number] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  if (least < greatest) return [least, greatest];
  if (least > greatest) return scale === 'log' ? [1, 10] : [0, 1];
  const room = Math.max(1, Math.abs(least) / 10);
  return scale === 'log' ? [least / 2, least * 2] : [least - room, least + room];
}

/** Of a logarithmic axis's ticks those that leave room for their numbers. */
function fewTicks(ticks: readonly number[]): readonly number[] {
  const leading = (value: number) => Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
  for (const kept of [
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 5],
    [1, 3],
  ]) {
    const chosen = ticks.filter((value) => kept.includes(leading(value)));
    if (chosen.length <= 7) return chosen;
  }
  return ticks.filter((value) => leading(value) === 1);
}

/** The vertical axis with its lines, and where the drawing lies beside it. */
function frameOf(axis: Axis, values: readonly number[], below = 0) {
  const bottom = height - margin.bottom - below;
  const scale = numericScale(axis, values, bottom, margin.top, true);
  const labels = scale.ticks.map(scale.format);
  const left = 8 + Math.max(2, ...labels.map((label) => label.length)) * characterWidth;
  const rules = scale.ticks.map(
    (tick, index) =>
      html`<path class="rule" d="M${short(left)} ${short(scale.position(tick))}H${width - margin.right}"/><text x="${short(
        left - 6,
      )}" y="${short(scale.position(tick) + 4)}" text-anchor="end">${labels[index]}</text>`,
  );
  return { left, bottom, y: scale.position, format: scale.format, rules };
}

function horizontalAxis(label: string, scale: NumericScale): Html {
  const bottom = height - margin.bottom;
  const ticks = scale.ticks.map(
    (tick) => html`<text x="${short(scale.position(tick))}" y="${bottom + 15}" text-anchor="middle">${scale.format(tick)}</text>`,
  );
  return html`${ticks}${axisLabel(label, 0)}`;
}

function axisLabel(label: string, left: number): Html {
  return html`<text x="${short((left + width) / 2)}" y="${height - 3}" text-anchor="middle">${label}</text>`;
}

function dot(x: number, y: number, title: string, radius = 3): Html {
  return html`<circle class="dot" cx="${short(x)}" cy="${short(y)}" r="${radius}"><title>${title}</title></circle>`;
}

function whisker(x: number, { low, high }: Measured, frame: { y(value: number): number }, onBar = false): Html | undefined {
  if (low === undefined || high === undefined) return undefined;
  const path = `M${short(x - 3)} ${short(frame.y(high))}h6m-3 0V${short(frame.y(low))}m-3 0h6`;
  return html`<path class="whisker${onBar ? ' on-bar' : ''}" d="${path}"/>`;
}

function extent({ value, low = value, high = value }: Measured): number[] {
  return [value, low, high];
}

function describe(name: string, { value, low, high }: Measured, format: (value: number) => string): string {
  const interval = low === undefined || high === undefined ? '' : ` (${format(low)} to ${format(high)})`;
  return `${name}: ${format(value)}${interval}`;
}

const small = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const large = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

function shortNumber(value: number): string {
  return (Math.abs(value) >= 10_000 ? large : small).format(value);
}

/** A coordinate; a hundredth of a pixel is not seen. */
function short(coordinate: number): string {
  return String(Math.round(coordinate * 100) / 100);
}
