import { isCounted } from '../../models/create.js';
import { totalBytes } from '../../packed/code-length.js';
import type { ComparedText, ScoredSystem, TextComparison } from '../examination/compared-texts.js';
import { type DataCell, type DataColumn, dataTable } from '../page/data-table.js';
import { dataTables } from '../page/data-table-script.js';
import { type Content, type Html, html } from '../page/html.js';
import { figures, page, type Section, table } from '../page/page.js';
import { type Figure, linePlot } from '../page/plot.js';
import { unbounded } from '../page/quantities.js';
import { heldSentences } from './all-sentences.js';
import { differenceOf } from './compared-scores.js';
import { comparedCurves, differentConfigurations } from './compared-training.js';
import { example, text } from './sentence.js';
import { describeExaminedText, positionPlot } from './text.js';

/** Language models beside each other: what they make of one text, how they got there, what they differ in. */
export function compareTextsPage({ runs, scored, missing }: TextComparison): Promise<string> {
  const systems = scored?.systems ?? [];
  const [first] = systems;
  const sections: (Section | undefined)[] = [
    missing.length === 0
      ? undefined
      : { id: 'missing', title: 'Missing', body: html`<ul class="missing">${missing.map((reason) => html`<li>${reason}</li>`)}</ul>` },
    scored &&
      first && {
        id: 'scores',
        title: 'Scores',
        lead: `${describeExaminedText({ ...scored, total: first.total })}. Perplexities per token compare models with the same tokens only. Whoever has no model needs it with the text in its code: better prediction makes that shorter, a larger model longer. p is the probability of so large a difference from ${first.name} between equally good models: paired bootstrap with 1,000 samples of the lines.`,
        body: [scoreTable(systems), figures(positionPlot(systems), sizePlot(systems))],
      },
    {
      id: 'validations',
      title: 'Validations',
      lead: 'The best validation of each, on its own dev text.',
      body: validations(runs),
    },
    runs.every(({ configuration }) => isCounted(configuration.model))
      ? undefined
      : { id: 'training', title: 'Training', body: comparedCurves(runs) },
    {
      id: 'configuration',
      title: 'Configurations',
      lead: 'The keys that differ; all others are the same.',
      body: differentConfigurations(runs),
    },
    ...withDifference(systems).map((system, index) => ({
      id: `differences-${index + 1}`,
      title: `${system.name} compared with ${first?.name}`,
      body: first && differing(first, system),
    })),
    first?.bitsPerByte && { id: 'lines', title: 'All lines', body: allLines(systems) },
  ];
  return page({
    title: `${runs.length} language models compared`,
    lead: runs.map(({ name }) => name).join(' · '),
    sections: sections.filter((section) => section !== undefined),
    scripts: [dataTables],
  });
}

/** Those that can be compared with the first. */
function withDifference(systems: readonly ScoredSystem[]): ScoredSystem[] {
  return systems.filter((system) => system.bitsPerByte?.difference !== undefined);
}

function scoreTable(systems: readonly ScoredSystem[]): Content {
  return table(
    [
      'run',
      'bits per byte',
      '95 % interval',
      'difference, 95 % interval',
      'p',
      'perplexity per token',
      'per word',
      'tokens',
      'packed model',
      'with the text',
    ],
    systems.map(({ name, total, code, bitsPerByte: measured }) => [
      name,
      total.bitsPerByte.toFixed(4),
      measured === undefined ? '' : `${measured.low.toFixed(4)} to ${measured.high.toFixed(4)}`,
      measured?.difference === undefined ? '' : differenceOf(measured.difference, 4),
      measured?.difference === undefined ? '' : measured.difference.probability.toFixed(3),
      total.perplexity.toFixed(3),
      total.wordPerplexity.toLocaleString('en', { maximumFractionDigits: 2 }),
      total.tokens.toLocaleString('en'),
      `${code.modelBytes.toLocaleString('en')} bytes`,
      `${totalBytes(code).toLocaleString('en')} bytes`,
    ]),
  );
}

/** What a larger model is worth. */
function sizePlot(systems: readonly ScoredSystem[]): Figure {
  const points = systems.map(({ code, total, bitsPerByte }) => {
    return { x: code.modelBytes, value: total.bitsPerByte, low: bitsPerByte?.low, high: bitsPerByte?.high };
  });
  return linePlot({
    title: 'Prediction by size of the model',
    note: 'Lower is a shorter code of the text; with 95 % intervals.',
    x: { label: 'bytes of the packed model', scale: 'log' },
    y: { label: 'bits per byte', bounds: unbounded },
    series: [{ name: 'all runs', points: points.sort((a, b) => a.x - b.x) }],
  });
}

function validations(runs: readonly ComparedText[]): Content {
  const figure = (value: number | undefined, digits: number) => (value === undefined ? '' : value.toFixed(digits));
  const silent = runs.filter(({ best }) => best === undefined);
  return [
    table(
      ['run', 'bits per byte', 'perplexity per token', 'perplexity per word', 'update'],
      runs.map(({ name, best }) => [
        name,
        figure(best?.bitsPerByte, 4),
        figure(best?.perplexity, 3),
        figure(best?.wordPerplexity, 2),
        best === undefined ? '' : best.steps === 0 ? 'counted' : best.steps.toLocaleString('en'),
      ]),
    ),
    silent.length === 0 ? undefined : html`<p class="missing">Not validated: ${silent.map(({ name }) => name).join(', ')}.</p>`,
  ];
}

const shown = 10;

/** The lines on which one model saves and wastes most bits compared with the first. */
function differing(first: ScoredSystem, system: ScoredSystem): Content {
  const saved = (line: number) => (system.lines[line]?.logProbability ?? 0) - (first.lines[line]?.logProbability ?? 0);
  const texts = first.lines.map((line) => line.text);
  // What stands there often is shown once.
  const order = [...texts.keys()]
    .filter((line) => texts.indexOf(texts[line] as string) === line)
    .sort((a, b) => saved(b) - saved(a) || a - b);
  const list = (title: string, lines: readonly number[]) =>
    lines.length === 0 ? undefined : html`<h3>${title}</h3>${lines.map((line) => one(first, system, line))}`;
  return [
    html`<p class="note">By the bits that a whole line takes.</p>`,
    list(
      'Fewer bits',
      order.slice(0, shown).filter((line) => saved(line) > 0),
    ),
    list(
      'More bits',
      order
        .slice(-shown)
        .reverse()
        .filter((line) => saved(line) < 0),
    ),
  ];
}

function one(first: ScoredSystem, system: ScoredSystem, line: number): Html {
  const [before, after] = [first, system].map(({ lines }) => (-(lines[line]?.logProbability ?? 0) / Math.LN2).toFixed(1));
  return example(`line ${first.lines[line]?.line} · ${before} to ${after} bits`, [{ name: '', body: text(first.lines[line]?.text) }]);
}

function allLines(systems: readonly ScoredSystem[]): Html {
  const [first] = systems;
  const measured = systems.filter((system) => system.bitsPerByte !== undefined);
  const compared = withDifference(systems);
  const filled = [...(first?.lines ?? []).entries()].filter(([, line]) => line.bytes > 0 && line.text.trim() !== '');
  const columns: DataColumn[] = [
    { name: 'line', kind: 'number' },
    { name: 'text', kind: 'text' },
    ...measured.map(({ name }) => ({ name: `bits per byte, ${name}`, kind: 'number', digits: 2 }) as const),
    ...compared.map(({ name }) => ({ name: `${name}: bits more than ${first?.name}`, kind: 'number', digits: 1 }) as const),
  ];
  const rows = filled.slice(0, heldSentences([filled.map(([, line]) => line.text)])).map(([index, line]): DataCell[] => {
    const bitsOf = ({ lines }: ScoredSystem) => -(lines[index]?.logProbability ?? 0) / Math.LN2;
    const before = -line.logProbability / Math.LN2;
    return [
      line.line,
      line.text,
      ...measured.map((system) => Number((bitsOf(system) / line.bytes).toFixed(2))),
      ...compared.map((system) => Number((bitsOf(system) - before).toFixed(1))),
    ];
  });
  return dataTable({ id: 'all', of: 'lines', columns, rows, total: filled.length });
}
