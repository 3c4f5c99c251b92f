import type { ExaminedText, SampledText, SampleSet } from '../examination/examined-text.js';
import { bitsPerByte } from '../examination/examined-text.js';
import { type CodeLength, totalBytes } from '../../packed/code-length.js';
import type { CostedLine } from '../examination/text-costs.js';
import { type DataCell, dataTable } from '../page/data-table.js';
import { type Content, type Html, html } from '../page/html.js';
import { figures, table } from '../page/page.js';
import { type CurvePoint, type Figure, histogram, linePlot } from '../page/plot.js';
import { unbounded } from '../page/quantities.js';
import { heldSentences } from './all-sentences.js';
import { example, text } from './sentence.js';

/** `the first 1,048,576 bytes of dev text, dev.txt` */
export function describeExaminedText({ name, isPart, total }: Pick<ExaminedText, 'name' | 'isPart' | 'total'>): string {
  const bytes = `${total.bytes.toLocaleString('en')} bytes of ${name}`;
  return isPart ? `The first ${bytes}` : bytes;
}

/** What the whole text costs, by three units. */
export function textScores({ total, bitsPerByte: { low, high }, lines, code }: ExaminedText & { readonly code: CodeLength }): Content {
  const figure = (value: number) => value.toLocaleString('en');
  return [
    table(
      ['measure', 'value', '95 % interval', 'of'],
      [
        [
          html`<b>Bits per byte</b>`,
          total.bitsPerByte.toFixed(4),
          `${low.toFixed(4)} to ${high.toFixed(4)}`,
          `${figure(total.bytes)} bytes`,
        ],
        [html`<b>Perplexity per token</b>`, total.perplexity.toFixed(3), '', `${figure(total.tokens)} tokens`],
        [
          html`<b>Perplexity per word</b>`,
          total.wordPerplexity.toLocaleString('en', { maximumFractionDigits: 2 }),
          '',
          `${figure(total.words)} words`,
        ],
        [
          html`<b>Code length</b>`,
          `${figure(totalBytes(code))} bytes`,
          '',
          `${figure(Math.ceil(code.textBytes))} bytes of text, ${figure(code.modelBytes)} of the packed model`,
        ],
      ],
    ),
    figures(
      histogram({
        title: 'Lines by bits per byte',
        x: { label: 'bits per byte of the line', bounds: unbounded },
        values: lines.filter(isFilled).map(bitsPerByte),
        of: 'lines',
      }),
    ),
  ];
}

/** What tokens cost by how much the model has seen before them. */
export function positionPlot(systems: readonly (Pick<ExaminedText, 'byPosition'> & { readonly name: string })[]): Figure {
  return linePlot({
    title: 'Loss by position in the context',
    note: 'Position 1 has nothing before it. Mean over the tokens there; later positions are grouped.',
    x: { label: 'position', scale: 'log', isWhole: true },
    y: { label: 'nats per token', bounds: unbounded },
    series: systems.map(({ name, byPosition }) => ({ name, points: positionPoints(byPosition) })),
  });
}

/** Groups of positions that grow by a fifth, each at its middle: further back, a single position matters less. */
function positionPoints(byPosition: ExaminedText['byPosition']): CurvePoint[] {
  const points: CurvePoint[] = [];
  for (let first = 0; first < byPosition.length; ) {
    const count = Math.max(1, Math.floor(first / 5));
    const group = byPosition.slice(first, first + count);
    const tokens = group.reduce((sum, place) => sum + place.tokens, 0);
    const logProbability = group.reduce((sum, place) => sum + place.logProbability, 0);
    points.push({ x: 1 + first + Math.floor((group.length - 1) / 2), value: -logProbability / tokens });
    first += count;
  }
  return points;
}

/** What the model writes after nothing. */
export function samples(sets: readonly SampleSet[]): Content {
  return sets.map(
    ({ temperature, seed, samples: texts }) =>
      html`<h3>Temperature ${temperature}, seed ${seed}</h3>${texts.map((sample, index) => one(sample, index))}`,
  );
}

const endings = { end: 'ended by itself', stop: 'ended by a stop string', length: 'cut' } as const;

function one({ text: written, ending, tokens, logProbability }: SampledText, index: number): Html {
  const mean = (logProbability / Math.max(1, tokens)).toFixed(2).replace('-', '−');
  const about = `sample ${index + 1} · ${tokens.toLocaleString('en')} ${tokens === 1 ? 'token' : 'tokens'}, ${endings[ending]} · log-probability ${mean} per token`;
  return example(about, [{ name: '', body: text(written) }]);
}

const shown = 8;
/** Bytes of a line that says something by itself. */
const leastBytes = 20;

/** The lines that the model finds likeliest and least likely. */
export function likelyLines({ lines }: Pick<ExaminedText, 'lines'>): Content {
  const filled = lines.filter(isFilled);
  const long = filled.filter(({ bytes }) => bytes >= leastBytes);
  const ranked = [...(long.length > 0 ? long : filled)].sort((a, b) => bitsPerByte(a) - bitsPerByte(b) || a.line - b.line);
  const likeliest = ranked.slice(0, shown);
  const least = ranked.slice(likeliest.length).slice(-shown).reverse();
  const list = (title: string, chosen: readonly CostedLine[]) =>
    chosen.length === 0
      ? undefined
      : html`<h3>${title}</h3>${chosen.map((line) => example(`line ${line.line} · ${bitsPerByte(line).toFixed(2)} bits per byte`, [{ name: '', body: text(line.text) }]))}`;
  return [
    html`<p class="note">By bits per byte${long.length > 0 ? `, of lines of at least ${leastBytes} bytes` : ''}.</p>`,
    list('Likeliest', likeliest),
    list('Least likely', least),
  ];
}

/** Every line that has text, with what it costs. */
export function allLines({ lines }: Pick<ExaminedText, 'lines'>): Html {
  const filled = lines.filter(isFilled);
  const rows = filled
    .slice(0, heldSentences([filled.map((line) => line.text)]))
    .map((line): DataCell[] => [
      line.line,
      line.text,
      rounded(bitsPerByte(line), 2),
      rounded(line.logProbability, 2),
      line.tokens,
      line.bytes,
    ]);
  return dataTable({
    id: 'all',
    of: 'lines',
    columns: [
      { name: 'line', kind: 'number' },
      { name: 'text', kind: 'text' },
      { name: 'bits per byte', kind: 'number', digits: 2 },
      { name: 'log-prob.', kind: 'number', digits: 2 },
      { name: 'tokens', kind: 'number' },
      { name: 'bytes', kind: 'number' },
    ],
    rows,
    total: filled.length,
  });
}

const mostWords = 5_000;

/** Every word with what it costs, on average and in all; the costliest in all first. */
export function words({ words: all, total }: Pick<ExaminedText, 'words' | 'total'>): Html {
  const rows = all
    .slice(0, mostWords)
    .map(({ word, occurrences, logProbability }): DataCell[] => [
      word,
      occurrences,
      rounded(-logProbability / Math.LN2 / occurrences, 2),
      rounded((100 * logProbability) / total.logProbability, 2),
    ]);
  return dataTable({
    id: 'words',
    of: 'words',
    columns: [
      { name: 'word', kind: 'text' },
      { name: 'occurrences', kind: 'number' },
      { name: 'bits each', kind: 'number', digits: 2 },
      { name: '% of all bits', kind: 'number', digits: 2 },
    ],
    rows,
    total: all.length,
  });
}

function isFilled({ text: written, bytes }: CostedLine): boolean {
  return bytes > 0 && written.trim() !== '';
}

function rounded(value: number, digits: number): number | undefined {
  return Number.isFinite(value) ? Number(value.toFixed(digits)) : undefined;
}
