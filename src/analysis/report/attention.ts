import type { AttentionMap } from '../../decoding/attention-map.js';
import type { ExaminedTest } from '../examine.js';
import { type Content, type Html, html } from '../page/html.js';
import { compared, example, text } from './sentence.js';

const cell = 22;
const characterWidth = 6.6;
const longestName = 22;
/** Weights that could not be seen. */
const faintest = 0.01;

/** What the model looked at, a map a sentence. */
export function attention({ attention: maps, sources, references, hypotheses }: ExaminedTest): Content {
  return maps.map(({ sentence, map }) => {
    const { reference, translation } = compared(references[0]?.[sentence] ?? '', hypotheses[sentence] ?? '');
    const columns = [
      { name: 'source', body: text(sources[sentence]) },
      { name: 'reference', body: reference },
      { name: 'translation', body: translation },
    ];
    return example(`line ${sentence + 1}`, columns, heatMap(map, `attention for line ${sentence + 1}`));
  });
}

/** A row for each token that was written, a column for each that was read; the darker, the more it was looked at. */
function heatMap({ source, target, weights }: AttentionMap, title: string): Html {
  const visible = (token: string) => (token.trim() === '' ? '␣' : token);
  const names = (tokens: readonly string[]) =>
    tokens.map(visible).map((token) => (token.length > longestName ? `${token.slice(0, longestName - 1)}…` : token));
  const [columns, rows] = [names(source), names(target)];
  const room = (tokens: readonly string[]) => 14 + characterWidth * Math.max(3, ...tokens.map((token) => token.length));
  const [left, top] = [room(rows), room(columns)];
  const width = left + cell * columns.length + 4;
  const height = top + cell * rows.length + 4;
  const cells = weights.flatMap((row, index) =>
    Array.from(row, (weight, column) => {
      if (weight < faintest) return undefined;
      const name = `${target[index]} ← ${source[column]}: ${weight.toFixed(2)}`;
      return html`<rect x="${left + cell * column + 1}" y="${top + cell * index + 1}" width="${cell - 2}" height="${cell - 2}" rx="2" fill-opacity="${weight.toFixed(
        2,
      )}"><title>${name}</title></rect>`;
    }),
  );
  const across = columns.map((name, column) => {
    const x = left + cell * (column + 0.5) + 4;
    return html`<text transform="translate(${x} ${top - 6}) rotate(-90)">${name}</text>`;
  });
  const down = rows.map((name, row) => html`<text x="${left - 7}" y="${top + cell * (row + 0.5) + 4}" text-anchor="end">${name}</text>`);
  const frame = html`<rect class="rule" x="${left}" y="${top}" width="${cell * columns.length}" height="${cell * rows.length}" rx="3"/>`;
  return html`<div class="scroll"><svg class="plot heat" style="width:${width}px" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">${[
    frame,
    across,
    down,
    cells,
  ]}</svg></div>`;
}
