import type { Comparison } from '../compare.js';
import { type DataCell, type DataColumn, dataTable } from '../page/data-table.js';
import type { Html } from '../page/html.js';
import { wordsOf } from '../words.js';
import { comparedParts } from './sentence.js';

/** Translations that a page holds; 20,000 of news are about 6 MB. */
const mostTranslations = 40_000;

/** Every sentence with its references and what each system made of it. */
export function comparedSentences({ testSet, systems, sentenceScores }: Comparison): Html {
  const { sources, references } = testSet;
  const [baseline] = sentenceScores;
  const columns: DataColumn[] = [
    { name: 'line', kind: 'number' },
    { name: 'source', kind: 'text' },
    { name: references.length === 1 ? 'reference' : 'references', kind: 'text' },
    ...systems.flatMap(({ name }, system): DataColumn[] => [
      { name, kind: 'text', mark: 'extra' },
      { name: `chrF of ${name}`, kind: 'number', digits: 1 },
      ...(system === 0 ? [] : [{ name: `${name}, chrF above ${systems[0]?.name}`, kind: 'number', digits: 1 } as const]),
    ]),
    { name: 'source words', kind: 'number' },
  ];
  const shown = sources.slice(0, Math.floor(mostTranslations / systems.length));
  const rows = shown.map((source, sentence): DataCell[] => {
    const own = references.map((set) => set[sentence] ?? '');
    const score = (system: number) => sentenceScores[system]?.[sentence] ?? 0;
    return [
      sentence + 1,
      source,
      own.join('\n'),
      ...systems.flatMap(({ hypotheses }, system): DataCell[] => [
        comparedParts(own, hypotheses[sentence] ?? '').translation,
        rounded(score(system)),
        ...(system === 0 ? [] : [rounded(score(system) - (baseline?.[sentence] ?? 0))]),
      ]),
      wordsOf(source).length,
    ];
  });
  return dataTable({ id: 'all', of: 'sentences', columns, rows, total: sources.length });
}

function rounded(value: number): number {
  return Number(value.toFixed(1));
}
