import { type Content, Html, html } from './html.js';
import { palette } from './palette.js';
import { plotStyle } from './plot-style.js';
import { textWidth } from './text-width.js';

/** A drawing and what is said about it. */
export interface Drawing {
  readonly title: string;
  /** Of what the vertical axis shows. */
  readonly unit?: string | undefined;
  /** The marks are SVG elements around (8, 5). */
  readonly legend: readonly { readonly name: string; readonly mark: Html }[];
  /** SVG elements. */
  readonly body: Content;
  readonly width: number;
  readonly height: number;
  /** Rules that the body needs besides those of plots. */
  readonly style?: string;
}

const titleHeight = 26;
const legendHeight = 20;
const padding = 12;
const swatchWidth = 20;
const gap = 18;

/** Whether text begins as a drawing of decade's does. */
export function isDrawing(beginning: string): boolean {
  return beginning.startsWith('<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="');
}

/** A drawing as a file of its own, with its title and legend inside, light and dark: for documents that can hold an image. */
export function svgFile({ title, unit, legend, body, width, height, style = '' }: Drawing): string {
  const lines = legendLines(legend, width);
  const top = padding + titleHeight + lines.length * legendHeight;
  const [outerWidth, outerHeight] = [width + 2 * padding, top + height + padding];
  const entries = lines.map((line, row) =>
    line.map(({ name, mark, x }) => {
      const y = padding + titleHeight + row * legendHeight;
      return html`<g transform="translate(${x} ${y + 1})">${mark}</g><text x="${x + swatchWidth}" y="${y + 10}">${name}</text>`;
    }),
  );
  const rules = `${palette}${plotStyle}${style}.paper { fill: var(--paper); } text.title { fill: var(--ink) !important; font-weight: 600 !important; font-size: 13px !important; }`;
  const { text } =
    html`<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 ${outerWidth} ${outerHeight}" width="${outerWidth}" height="${outerHeight}" role="img" aria-label="${title}">
<style>${new Html(rules)}</style>
<rect class="paper" width="${outerWidth}" height="${outerHeight}"/>
<g transform="translate(${padding} 0)"><text class="title" x="0" y="${padding + 10}">${title}${unit ? html`<tspan style="font-weight:400;fill:var(--muted)"> · ${unit}</tspan>` : undefined}</text>${entries}</g>
<g transform="translate(${padding} ${top})">${body}</g>
</svg>
`;
  return text;
}

type LegendPlace = Drawing['legend'][number] & { readonly x: number };

/** Names one after another, on as many lines as they need. */
function legendLines(legend: Drawing['legend'], width: number): LegendPlace[][] {
  const lines: LegendPlace[][] = [];
  let x = Number.POSITIVE_INFINITY;
  for (const entry of legend) {
    const needed = swatchWidth + 1.08 * textWidth(entry.name);
    if (x + needed > width) {
      lines.push([]);
      x = 0;
    }
    lines.at(-1)?.push({ ...entry, x });
    x += needed + gap;
  }
  return lines;
}
