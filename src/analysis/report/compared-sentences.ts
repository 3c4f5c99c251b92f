import type { Comparison } from '../examination/compare.js';
import { type DataCell, type DataColumn, dataTable } from '../page/data-table.js';
import type { Html } from '../page/html.js';
import { wordsOf } from '../examination/words.js';
import { heldSentences } from './all-sentences.js';
import { comparedParts, type Languages } from './sentence.js';

/** Every sentence with its references and all translations. */
export function comparedSentences({ testSet, systems, sentenceScores }: Comparison, { source, target }: Languages): Html {
  const { sources, references } = testSet;
  const [baseline] = sentenceScores;
  const columns: DataColumn[] = [
    { name: 'line', kind: 'number' },
    { name: 'source', kind: 'text', language: source },
    { name: references.length === 1 ? 'reference' : 'references', kind: 'text', language: target },
    ...systems.flatMap(({ name }, system): DataColumn[] => [
      { name, kind: 'text', language: target, mark: 'extra' },
      { name: `chrF of ${name}`, kind: 'number', digits: 1 },
      ...(system === 0 ? [] : [{ name: `${name}: chrF gain over ${systems[0]?.name}`, kind: 'number', digits: 1 } as const]),
    ]),
    { name: 'source words', kind: 'number' },
  ];
  const held = heldSentences([sources, ...references, ...systems.map(({ hypotheses }) => hypotheses)]);
  const rows = sources.slice(0, held).map((text, sentence): DataCell[] => {
    const own = references.map((set) => set[sentence] ?? '');
    const score = (system: number) => sentenceScores[system]?.[sentence] ?? 0;
    return [
      sentence + 1,
      text,
      own.join('\n'),
      ...systems.flatMap(({ hypotheses }, system): DataCell[] => [
        comparedParts(own, hypotheses[sentence] ?? '').translation,
        rounded(score(system)),
        ...(system === 0 ? [] : [rounded(score(system) - (baseline?.[sentence] ?? 0))]),
      ]),
      wordsOf(text).length,
    ];
  });
  return dataTable({ id: 'all', of: 'sentences', columns, rows, total: sources.length });
}

function rounded(value: number): number {
  return Number(value.toFixed(1));
}
