import { scaleLinear } from 'd3-scale';
import { type Axis, numericScale, short } from './axis.js';
import { type Figure, figure, type Titled } from './figure.js';
import { frameOf, horizontalAxis, margin, smallPlot } from './frame.js';
import { html } from './html.js';

export interface Histogram extends Titled {
  /** What is counted, by its value. With bounds, the bins reach from one to the other. */
  readonly x: Axis;
  readonly values: ArrayLike<number>;
  /** How often each of the values occurs. Default: once. */
  readonly occurrences?: ArrayLike<number>;
  /** What the values are of: `sentences`. */
  readonly of: string;
  /** About how many bins; their width is a round number. Default: 20. */
  readonly bins?: number;
}

/** How many values lie where: bins of one round width, the last with its upper end. */
export function histogram({ title, note, x, values, occurrences, of, bins = 20 }: Histogram): Figure {
  const present = Array.from(values, (value, index) => ({ value, times: occurrences?.[index] ?? 1 })).filter(({ value }) =>
    Number.isFinite(value),
  );
  const counted = counts(present, x, bins);
  const frame = frameOf(
    { label: of, include: 0, isWhole: true, bounds: [0, Infinity] },
    counted.map(({ count }) => count),
  );
  const ends = counted.flatMap(({ from, to }) => [from, to]);
  const across = numericScale({ label: x.label, ...(x.format && { format: x.format }) }, ends, [
    frame.left,
    smallPlot.width - margin.right,
  ]);
  const bars = counted.map(({ from, to, count }) => {
    const [left, right, top] = [across.position(from), across.position(to), frame.y(count)];
    return html`<rect class="bar" x="${short(left + 0.5)}" y="${short(top)}" width="${short(Math.max(0.5, right - left - 1))}" height="${short(frame.y(0) - top)}"/>`;
  });
  return figure({
    title,
    note,
    unit: of,
    series: [{ name: of }],
    svg: [frame.rules, horizontalAxis(x.label, across), html`<g class="series-1">${bars}</g>`],
    table: {
      head: [x.label, of],
      rows: counted.map(({ from, to, count }) => ({
        at: { x: across.position((from + to) / 2), y: frame.y(count) },
        cells: [`${across.format(from)} to ${across.format(to)}`, count.toLocaleString('en')],
      })),
    },
  });
}

function counts(values: readonly { readonly value: number; readonly times: number }[], { bounds, isWhole }: Axis, bins: number) {
  const [lowest, highest] = bounds?.every(Number.isFinite) ? bounds : [Infinity, -Infinity];
  const least = values.reduce((a, { value }) => Math.min(a, value), lowest);
  const greatest = values.reduce((a, { value }) => Math.max(a, value), highest);
  if (!(least <= greatest)) return [];
  const rounded = scaleLinear([least, greatest === least ? least + 1 : greatest], [0, 1]).nice(bins);
  const ticks = rounded.ticks(bins);
  const width = Math.max(isWhole ? 1 : 0, (ticks[1] ?? 1) - (ticks[0] ?? 0));
  const from = isWhole ? Math.floor(ticks[0] ?? least) : (ticks[0] ?? least);
  const number = Math.max(1, Math.ceil((greatest - from) / width - 1e-9));
  const all = Array.from({ length: number }, (_, index) => ({ from: from + index * width, to: from + (index + 1) * width, count: 0 }));
  for (const { value, times } of values) {
    const bin = all[Math.min(number - 1, Math.max(0, Math.floor((value - from) / width + 1e-9)))];
    if (bin !== undefined) bin.count += times;
  }
  return all;
}
