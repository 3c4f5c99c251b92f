import { scaleBand } from 'd3-scale';
import { line } from 'd3-shape';
import { type Axis, short } from './axis.js';
import { type Figure, figure, type Titled } from './figure.js';
import { axisLabel, frameOf, lineHeight, margin, smallPlot } from './frame.js';
import { html } from './html.js';
import { describe, dot, extent, type Measured, seriesClass, whisker } from './marks.js';
import { wrapped } from './text-width.js';

export interface CategoryPlot extends Titled {
  /** What the categories are. */
  readonly x: string;
  readonly y: Axis;
  /** What the notes of categories are, such as `sentences`. */
  readonly notes?: string;
  /** A name for each category, and what stands below it, such as a count. */
  readonly categories: readonly { readonly name: string; readonly note?: string }[];
  /** A figure for each category; undefined where there is none. */
  readonly series: readonly { readonly name: string; readonly values: readonly (Measured | undefined)[] }[];
  /** Default: dots with whiskers. Bars begin at 0. `joined` draws a line from dot to dot, for categories with an order. */
  readonly mark?: 'dots' | 'joined' | 'bars';
}

const mostNameLines = 3;

/** Figures of things that have names, side by side. */
export function categoryPlot({ title, note, x, y, notes = '', categories, series, mark = 'dots' }: CategoryPlot): Figure {
  const measured = series.flatMap(({ values }) => values.filter((value) => value !== undefined));
  const axis = mark === 'bars' ? { ...y, include: 0 } : y;
  const hasNotes = categories.some((category) => category.note !== undefined);
  const room = (smallPlot.width - 40) / Math.max(1, categories.length);
  const names = categories.map(({ name }) => wrapped(name, room, mostNameLines));
  const nameLines = Math.max(1, ...names.map((lines) => lines.length));
  const frame = frameOf(axis, measured.flatMap(extent), lineHeight * (nameLines - 1 + (hasNotes ? 1 : 0)));
  const groups = scaleBand<number>([...categories.keys()], [frame.left, smallPlot.width - margin.right]).padding(
    mark === 'bars' ? 0.25 : 0.1,
  );
  const within = scaleBand<number>([...series.keys()], [0, groups.bandwidth()]).padding(mark === 'bars' ? 0.08 : 0.3);
  const shift = (index: number) => (mark === 'joined' ? groups.bandwidth() / 2 : (within(index) ?? 0) + within.bandwidth() / 2);
  const centreOf = (category: number) => (groups(category) ?? 0) + groups.bandwidth() / 2;
  const drawn = series.map(({ values }, index) => {
    const places = values.flatMap((value, category) =>
      value === undefined ? [] : [{ ...value, centre: (groups(category) ?? 0) + shift(index) }],
    );
    const path = line<(typeof places)[number]>(
      ({ centre }) => centre,
      ({ value }) => frame.y(value),
    ).digits(2)(places);
    const marks = places.map((place) => {
      const top = frame.y(place.value);
      const bar = html`<rect class="bar" x="${short(place.centre - within.bandwidth() / 2)}" y="${short(Math.min(top, frame.y(0)))}" width="${short(
        within.bandwidth(),
      )}" height="${short(Math.abs(frame.y(0) - top))}"/>`;
      return [mark === 'bars' ? bar : dot(place.centre, top), whisker(place.centre, place, frame.y, mark === 'bars')];
    });
    return html`<g class="${seriesClass(index)}">${mark === 'joined' ? html`<path class="curve" d="${path ?? ''}"/>` : undefined}${marks}</g>`;
  });
  const below = categories.map(({ note }, category) => {
    const lines = [...(names[category] ?? []), ...Array(nameLines - (names[category]?.length ?? 0)).fill(''), note ?? ''];
    return lines.map((text, row) =>
      text === ''
        ? undefined
        : html`<text x="${short(centreOf(category))}" y="${frame.bottom + 15 + row * lineHeight}" text-anchor="middle">${text}</text>`,
    );
  });
  return figure({
    title,
    note,
    unit: y.label,
    omission: frame.omission,
    series,
    svg: [frame.rules, below, axisLabel(x, frame.left), drawn],
    table: {
      head: [x, ...series.map(({ name }) => name), ...(hasNotes ? [notes] : [])],
      rows: categories.map(({ name, note }, category) => ({
        at: { x: centreOf(category) },
        cells: [
          name,
          ...series.map(({ values }) => {
            const value = values[category];
            return value === undefined ? '' : describe(value, frame.format);
          }),
          ...(hasNotes ? [note ?? ''] : []),
        ],
      })),
    },
  });
}
