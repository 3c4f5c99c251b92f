import { type Figure, figure, type Titled } from './figure.js';
import { html } from './html.js';
import { fitted, textWidth } from './text-width.js';

export interface HeatMap extends Titled {
  /** What the table behind it calls its corner: `written ↓, read →`. */
  readonly corner: string;
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  /** Of each row, a value from 0 to 1 for each column. */
  readonly weights: readonly ArrayLike<number>[];
  /** Fields of weights that could not be seen are there, too, for a script to show others in their place. Default: false. */
  readonly hasAllFields?: boolean;
}

const cell = 22;
const longestName = 140;
/** Weights that could not be seen. */
const faintest = 0.01;

/** A field for each pair of a row and a column; the darker, the greater its value. */
export function heatMap({ title, note, corner, columns, rows, weights, hasAllFields = false }: HeatMap): Figure {
  const room = (names: readonly string[]) => 16 + Math.max(18, ...names.map((name) => Math.min(longestName, textWidth(name))));
  const isUpright = columns.every((name) => textWidth(name) < cell - 4);
  const [left, top] = [room(rows), isUpright ? cell : room(columns)];
  const across = columns.map((name, column) => {
    const x = left + cell * (column + 0.5);
    return isUpright
      ? html`<text class="token" x="${x}" y="${top - 7}" text-anchor="middle">${name}</text>`
      : html`<text class="token" transform="translate(${x + 4} ${top - 6}) rotate(-90)">${fitted(name, longestName)}</text>`;
  });
  const down = rows.map(
    (name, row) =>
      html`<text class="token" x="${left - 7}" y="${top + cell * (row + 0.5) + 4}" text-anchor="end">${fitted(name, longestName)}</text>`,
  );
  const place = (row: number, column: number) => ({ x: left + cell * (column + 0.5), y: top + cell * (row + 0.5) });
  const cells = weights.map((values, row) =>
    Array.from(values, (weight, column) => {
      if (weight < faintest && !hasAllFields) return undefined;
      const { x, y } = place(row, column);
      return html`<rect class="cell" x="${x - cell / 2 + 1}" y="${y - cell / 2 + 1}" width="${cell - 2}" height="${cell - 2}" rx="2" fill-opacity="${weight.toFixed(2)}"/>`;
    }),
  );
  const frame = html`<rect class="rule" x="${left}" y="${top}" width="${cell * columns.length}" height="${cell * rows.length}" rx="3"/>`;
  return figure({
    title,
    note,
    series: [],
    svg: [frame, across, down, cells],
    table: {
      head: [corner, ...columns],
      rows: rows.map((name, row) => ({
        cells: [name, ...Array.from(weights[row] ?? [], (weight) => weight.toFixed(2))],
        places: columns.map((_, column) => place(row, column)),
      })),
    },
    size: { width: left + cell * columns.length + 4, height: top + cell * rows.length + 4 },
    scaling: 'fixed',
  });
}
