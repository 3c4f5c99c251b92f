import type { ExaminedTest } from '../examination/examined-test.js';
import { type DataCell, type DataColumn, dataTable } from '../page/data-table.js';
import type { Html } from '../page/html.js';
import { wordsOf } from '../examination/words.js';
import { comparedParts, type Languages } from './sentence.js';

/** What a page holds: 20,000 sentences, or fewer where they are very long. */
const mostSentences = 20_000;
const mostCharacters = 16_000_000;

/** Every sentence with its references, translation, scores and probabilities. */
export function allSentences(test: ExaminedTest, { source, target }: Languages): Html {
  const { sources, references, hypotheses, scored, logProbabilities, tokenLogProbabilities } = test;
  const isScored = scored !== undefined;
  const columns: DataColumn[] = [
    { name: 'line', kind: 'number' },
    { name: 'source', kind: 'text', language: source },
    ...(isScored
      ? [{ name: references.length === 1 ? 'reference' : 'references', kind: 'text', language: target, mark: 'lacking' } as const]
      : []),
    { name: 'translation', kind: 'text', language: target, mark: 'extra' },
    ...(isScored
      ? ([
          { name: 'chrF', kind: 'number', digits: 1 },
          { name: 'BLEU', kind: 'number', digits: 1 },
        ] as const)
      : []),
    { name: 'log-prob.', kind: 'number', digits: 2 },
    { name: 'per token', kind: 'number', digits: 2 },
    { name: 'source words', kind: 'number' },
    { name: 'translation words', kind: 'number' },
  ];
  const rows = sources.slice(0, heldSentences([sources, hypotheses, ...references])).map((text, sentence): DataCell[] => {
    const translation = hypotheses[sentence] ?? '';
    const isEmpty = text.trim() === '';
    const marked = isScored
      ? comparedParts(
          references.map((set) => set[sentence] ?? ''),
          translation,
        )
      : undefined;
    return [
      sentence + 1,
      text,
      ...(marked ? [marked.references, marked.translation] : [translation]),
      ...(isScored ? [rounded(scored.chrf[sentence], 1), rounded(scored.bleu[sentence], 1)] : []),
      isEmpty ? undefined : rounded(logProbabilities[sentence], 2),
      isEmpty ? undefined : rounded(tokenLogProbabilities[sentence], 2),
      wordsOf(text).length,
      wordsOf(translation).length,
    ];
  });
  return dataTable({ id: 'all', of: 'sentences', columns, rows, total: sources.length });
}

/** How many sentences of these texts, which are parallel, a page holds. */
export function heldSentences(texts: readonly (readonly string[])[]): number {
  const count = Math.min(mostSentences, ...texts.map(({ length }) => length));
  let characters = 0;
  for (let sentence = 0; sentence < count; sentence++) {
    for (const text of texts) characters += text[sentence]?.length ?? 0;
    if (characters > mostCharacters) return sentence;
  }
  return count;
}

function rounded(value: number | undefined, digits: number): number | undefined {
  return value === undefined || !Number.isFinite(value) ? undefined : Number(value.toFixed(digits));
}
