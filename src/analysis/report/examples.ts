import type { ExaminedTest } from '../examine.js';
import { type Content, html } from '../page/html.js';
import { compared, example, extraMark, lackingMark, text } from './sentence.js';

const shown = 8;
const perfect = 100 - 1e-9;

/** The translations that say most about a model: its best, its worst, and where it stammers. */
export function examples(test: ExaminedTest): Content {
  const { sources, sentenceScores, repetition } = test;
  const [references = []] = test.references;
  // Of equal scores the longer sentence says more.
  const length = (sentence: number) => sources[sentence]?.length ?? 0;
  const score = (sentence: number) => sentenceScores[sentence] as number;
  const repeated = (sentence: number) => repetition[sentence] as number;
  const all = [...sources.keys()].filter((sentence) => sources[sentence]?.trim() !== '' && references[sentence]?.trim() !== '');
  const byScore = [...all].sort((a, b) => score(b) - score(a) || length(b) - length(a));
  const best = byScore.slice(0, shown);
  const worst = byScore
    .slice(best.length)
    .filter((sentence) => score(sentence) < perfect)
    .slice(-shown)
    .reverse();
  const isPerfect = all.every((sentence) => score(sentence) >= perfect);
  const stammering = all
    .filter((sentence) => repeated(sentence) > 0)
    .sort((a, b) => repeated(b) - repeated(a) || score(a) - score(b))
    .slice(0, shown);
  const list = (title: string, lead: Content, sentences: readonly number[]) =>
    html`<h3>${title}</h3><p class="note">${lead}</p>${sentences.map((sentence) => one(test, sentence))}`;
  return [
    html`<p class="note">${extraMark} ${lackingMark}</p>`,
    list('Best', 'By chrF of the sentence alone; of equals, the longest.', best),
    isPerfect ? html`<h3>Worst</h3><p>Every translation has the highest score.</p>` : undefined,
    worst.length === 0 ? undefined : list('Worst', 'By chrF of the sentence alone.', worst),
    stammering.length === 0
      ? html`<h3>Most repetitive</h3><p>No translation repeats itself more than its reference does.</p>`
      : list('Most repetitive', 'By words that only say again what stands right before them, more than in the reference.', stammering),
  ];
}

function one({ sources, references, hypotheses, sentenceScores, repetition }: ExaminedTest, sentence: number): Content {
  const { reference, translation } = compared(references[0]?.[sentence] ?? '', hypotheses[sentence] ?? '');
  const repeated = repetition[sentence] ?? 0;
  return example(
    [
      `line ${sentence + 1} · chrF ${(sentenceScores[sentence] as number).toFixed(1)}`,
      repeated === 0 ? '' : ` · ${repeated} repeated ${repeated === 1 ? 'word' : 'words'}`,
    ],
    [
      { name: 'source', body: text(sources[sentence]) },
      { name: 'reference', body: reference },
      { name: 'translation', body: translation },
    ],
  );
}
