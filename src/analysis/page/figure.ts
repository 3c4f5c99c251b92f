import { short } from './axis.js';
import type { Drawing } from './drawing.js';
import { smallPlot } from './frame.js';
import { type Content, Html, html } from './html.js';
import { dot, seriesClass } from './marks.js';

/** A plot on a page, which can also be a file of its own (`svgFile`). */
export class Figure extends Html {
  readonly drawing: Drawing;

  constructor(text: string, drawing: Drawing) {
    super(text);
    this.drawing = drawing;
  }
}

/** What every plot may say about itself. */
export interface Titled {
  readonly title: string;
  /** Said below the title. */
  readonly note?: Content;
}

/** The figures behind a drawing: a table for readers, and what is told of a place when it is pointed at, tapped, or reached by keys. */
export interface FigureTable {
  readonly head: readonly Content[];
  readonly rows: readonly FigureRow[];
}

export interface FigureRow {
  /** Its name, and its figures. */
  readonly cells: readonly Content[];
  /** Its place in the drawing, or a place for each cell after the first. */
  readonly at?: FigurePlace;
  readonly places?: readonly FigurePlace[];
  /** For scripts of the page, to know a row by. */
  readonly id?: number | undefined;
}

/** In units of the drawing. Without `y` it is all that lies at this `x`. */
interface FigurePlace {
  readonly x: number;
  readonly y?: number | undefined;
}

export interface FigureParts extends Titled {
  /** Of what the vertical axis shows. Empty where the title says it. */
  readonly unit?: string | undefined;
  /** What an axis leaves out, said beside the unit. */
  readonly omission?: string | undefined;
  readonly series: readonly { readonly name: string }[];
  readonly svg: Content;
  readonly table: FigureTable;
  readonly size?: { readonly width: number; readonly height: number };
  /** Default: as wide as its place. `wide` scrolls on narrow screens; `fixed` neither grows nor shrinks, and scrolls where it must. */
  readonly scaling?: 'fluid' | 'wide' | 'fixed';
  readonly colourOf?: (index: number) => string;
  /** A series' mark in the legend, around (8, 5). Default: a dot. */
  readonly swatch?: (index: number) => Html;
}

/** A figure with its title, its legend where there are several series, its drawing, and the figures behind it. */
export function figure(parts: FigureParts): Figure {
  const { title, note, unit, omission, series, svg, table, size = smallPlot, scaling = 'fluid', colourOf = seriesClass } = parts;
  const swatch = parts.swatch ?? (() => dot(8, 5, 4));
  const legend =
    series.length > 1 ? series.map(({ name }, index) => ({ name, mark: html`<g class="${colourOf(index)}">${swatch(index)}</g>` })) : [];
  const names = legend.map(
    ({ name, mark }) => html`<span><svg class="swatch" viewBox="0 0 16 10" aria-hidden="true">${mark}</svg><bdi>${name}</bdi></span>`,
  );
  const { width, height } = size;
  const { text } = html`<figure${scaling === 'wide' ? html` class="wide"` : undefined}>
<figcaption><b>${title}</b>${unit ? html` · ${unit}` : undefined}${
    omission === undefined ? undefined : html` <small class="omission">(${omission})</small>`
  }${note === undefined ? undefined : html`<br>${note}`}</figcaption>
${legend.length > 0 ? html`<div class="legend">${names}</div>` : undefined}
<div class="plane${scaling === 'fluid' ? '' : ' scroll'}"><svg class="plot"${
    scaling === 'fixed' ? html` style="width:${width}px"` : undefined
  } viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">${svg}</svg></div>
${figuresBehind(title, table)}</figure>
`;
  return new Figure(text, { title, unit, legend, body: svg, ...size });
}

function figuresBehind(title: string, { head, rows }: FigureTable): Html | undefined {
  if (rows.length === 0) return undefined;
  const at = (place: FigurePlace | undefined) =>
    place && html` data-at="${short(place.x)}${place.y === undefined ? undefined : ` ${short(place.y)}`}"`;
  const written = rows.map(({ cells: [name, ...figures], at: place, places, id }) => {
    const known = id === undefined ? undefined : html` data-id="${id}"`;
    const cells = figures.map((cell, column) => html`<td${at(places?.[column])}>${cell}</td>`);
    return html`<tr${at(place)}${known}><th scope="row" dir="auto">${name}</th>${cells}</tr>\n`;
  });
  return html`<details class="behind"><summary aria-label="Data table of ${title}">Data table</summary><div class="scroll"><table>
<thead><tr>${head.map((cell) => html`<th scope="col" dir="auto">${cell}</th>`)}</tr></thead>
<tbody>${written}</tbody>
</table></div></details>
`;
}
