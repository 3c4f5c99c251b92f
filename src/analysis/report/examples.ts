import type { ExaminedTest } from '../examination/examined-test.js';
import { type Content, html } from '../page/html.js';
import { example, extraMark, type Languages, lackingMark, sentenceColumns } from './sentence.js';

const shown = 8;
const perfect = 100 - 1e-9;

/** What sentences are ranked by, from worst to best. */
interface Ranking {
  readonly values: ArrayLike<number>;
  /** `chrF 54.3` */
  readonly describe: (value: number) => string;
  readonly by: string;
  readonly titles: { readonly best: string; readonly worst: string };
  /** The best possible value. */
  readonly highest: number;
}

/** The most informative translations: the best, the worst and the most repetitive. Without references, by probability. */
export function examples(test: ExaminedTest, languages: Languages): Content {
  const { sources, repetition, scored, references } = test;
  const ranking = scored === undefined ? byProbability(test) : byScore(scored.chrf);
  const { by, titles, highest } = ranking;
  // Of equal scores, the longer sentence is more informative.
  const length = (sentence: number) => sources[sentence]?.length ?? 0;
  const value = (sentence: number) => ranking.values[sentence] as number;
  const repeated = (sentence: number) => repetition[sentence] as number;
  const isFilled = (text: string | undefined) => text?.trim() !== '';
  const all = [...sources.keys()].filter(
    (sentence) => isFilled(sources[sentence]) && (references.length === 0 || references.some((set) => isFilled(set[sentence]))),
  );
  const order = [...all].sort((a, b) => value(b) - value(a) || length(b) - length(a));
  const best = order.slice(0, shown);
  const worst = order
    .slice(best.length)
    .filter((sentence) => value(sentence) < highest)
    .slice(-shown)
    .reverse();
  const isPerfect = all.every((sentence) => value(sentence) >= highest);
  const stammering = all
    .filter((sentence) => repeated(sentence) > 0)
    .sort((a, b) => repeated(b) - repeated(a) || value(a) - value(b))
    .slice(0, shown);
  const list = (title: string, lead: Content, sentences: readonly number[]) =>
    html`<h3>${title}</h3><p class="note">${lead}</p>${sentences.map((sentence) => one(test, ranking, languages, sentence))}`;
  const beyond = scored === undefined ? '' : ', more than in the reference';
  return [
    scored === undefined ? undefined : html`<p class="note">${extraMark} ${lackingMark}</p>`,
    list(titles.best, `${by}; the longest of equal ones first.`, best),
    isPerfect ? html`<h3>${titles.worst}</h3><p>Every translation has the highest possible score.</p>` : undefined,
    worst.length === 0 ? undefined : list(titles.worst, `${by}.`, worst),
    stammering.length === 0
      ? html`<h3>Most repetitive</h3><p>No translation repeats itself${scored === undefined ? '' : ' more than its reference does'}.</p>`
      : list('Most repetitive', `By the number of words that repeat the words right before them${beyond}.`, stammering),
  ];
}

function byScore(chrf: Float64Array): Ranking {
  return {
    values: chrf,
    describe: (value) => `chrF ${value.toFixed(1)}`,
    by: 'By sentence chrF',
    titles: { best: 'Best', worst: 'Worst' },
    highest: perfect,
  };
}

function byProbability({ tokenLogProbabilities }: ExaminedTest): Ranking {
  return {
    values: tokenLogProbabilities,
    describe: (value) => `log-probability ${value.toFixed(2).replace('-', '−')} per token`,
    by: 'By log-probability per token',
    titles: { best: 'Most certain', worst: 'Least certain' },
    highest: 0,
  };
}

function one(test: ExaminedTest, { values, describe }: Ranking, languages: Languages, sentence: number): Content {
  const repeated = test.repetition[sentence] ?? 0;
  const repetition = repeated === 0 ? '' : ` · ${repeated} repeated ${repeated === 1 ? 'word' : 'words'}`;
  return example(`line ${sentence + 1} · ${describe(values[sentence] as number)}${repetition}`, sentenceColumns(test, sentence, languages));
}
