import type { CorpusCensus, CountedValue, SideStatistics } from '../../data/curation/statistics.js';
import { type Content, html } from '../page/html.js';
import { figures, page, type Section, table } from '../page/page.js';
import { type Figure, histogram } from '../page/plot.js';

/** What is in a corpus: sizes, lengths and ratios, scripts and languages, the longest lines. */
export function corpusPage(name: string, statistics: CorpusCensus, command: string): Promise<string> {
  const { sides, pairs } = statistics;
  const sections: Section[] = [
    { id: 'sizes', title: 'Sizes', body: html`${sizes(statistics)}<pre>${command}</pre>` },
    {
      id: 'lengths',
      title: 'Lengths',
      lead: 'Words stand between white space; of scripts without spaces, every character is one.',
      body: figures(...sides.flatMap(lengthPlots), ...(pairs === undefined ? [] : [ratioPlot(pairs.wordRatios)])),
    },
    { id: 'scripts', title: 'Characters by script', body: sides.map((side) => titled(side, scripts(side))) },
  ];
  if (statistics.languageSample > 0) {
    sections.push({
      id: 'languages',
      title: 'Languages',
      lead: `The language that fits each of ${count(statistics.languageSample)} lines best, which were drawn at random. Of short lines it may be another than theirs.`,
      body: sides.map((side) => titled(side, languages(side, statistics.languageSample))),
    });
  }
  sections.push({ id: 'longest', title: 'Longest lines', body: sides.map((side) => titled(side, longest(side))) });
  return page({ title: 'Corpus', lead: name, sections });
}

function titled({ name }: SideStatistics, content: Content): Content {
  return html`<h3>${capitalised(name)}</h3>${content}`;
}

function sizes({ lines, unusable, sides, pairs }: CorpusCensus) {
  const names = sides.map(({ name }) => name);
  const row = (label: string, figure: (side: SideStatistics) => number) => [label, ...sides.map((side) => count(figure(side)))];
  const whole = (label: string, figure: number, note = '') => [html`${label}`, html`${count(figure)}${note}`];
  return html`${table(
    ['', 'lines'],
    [
      whole('read', lines),
      ...Object.entries(unusable).map(([reason, { count: lines, firstLine }]) =>
        whole(`unusable: ${reason}`, lines, `, first line ${count(firstLine)}`),
      ),
      ...(pairs === undefined
        ? []
        : [
            whole('pairs that are the same as an earlier one', pairs.duplicates),
            whole('pairs with the same text on both sides', pairs.same),
          ]),
    ],
  )}${table(
    ['', ...names],
    [
      row('words', ({ words }) => words),
      row('characters', ({ characters }) => characters),
      row('empty lines', ({ empty }) => empty),
      row('lines that are the same as an earlier one', ({ duplicates }) => duplicates),
    ],
  )}`;
}

/** A long tail would leave no room for the rest. */
const shownShare = 0.995;

function lengthPlots({ name, wordsPerLine, charactersPerLine }: SideStatistics): Figure[] {
  return [
    countedPlot(`${capitalised(name)}, words per line`, 'words', wordsPerLine),
    countedPlot(`${capitalised(name)}, characters per line`, 'characters', charactersPerLine),
  ];
}

function ratioPlot(ratios: readonly CountedValue[]): Figure {
  return countedPlot('Words of the target per word of the source', 'ratio', ratios);
}

function countedPlot(title: string, label: string, counted: readonly CountedValue[]): Figure {
  const all = counted.reduce((sum, { count }) => sum + count, 0);
  let before = 0;
  const shown = counted.filter(({ count }) => {
    const isShown = before < shownShare * all;
    before += count;
    return isShown;
  });
  const left = all - shown.reduce((sum, { count }) => sum + count, 0);
  const greatest = shown.at(-1)?.value ?? 0;
  return histogram({
    title,
    ...(left > 0 && { note: `${count(left)} lines with more than ${greatest.toLocaleString('en')} are not drawn` }),
    x: { label },
    values: shown.map(({ value }) => value),
    occurrences: shown.map(({ count }) => count),
    of: 'lines',
  });
}

function scripts({ scripts, characters }: SideStatistics) {
  return table(
    ['script', 'characters', 'share'],
    scripts.map((script) => [script.name, count(script.characters), percentage(script.characters / characters)]),
  );
}

const mostLanguages = 15;

function languages({ languages }: SideStatistics, sample: number) {
  return table(
    ['language', 'lines', 'share'],
    languages.slice(0, mostLanguages).map(({ language, lines }) => [language, count(lines), percentage(lines / sample)]),
  );
}

function longest({ longest }: SideStatistics) {
  return table(
    ['line', 'characters', 'words', 'text'],
    longest.map(({ line, characters, words, text }) => [count(line), count(characters), count(words), html`<bdi>${text}</bdi>`]),
  );
}

function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function percentage(share: number): string {
  return `${(100 * share).toFixed(share < 0.001 ? 3 : 1)} %`;
}
