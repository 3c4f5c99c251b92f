import type { Comparison } from '../compare.js';
import { type Content, html } from '../page/html.js';
import { figures, page, type Section, table } from '../page/page.js';
import { categoryPlot } from '../page/plot.js';
import { metricAxis } from '../page/quantities.js';
import { describeTestSet } from '../scored-sentences.js';
import { compared, example, extraMark, text } from './sentence.js';

const shown = 10;

/** The scores of several systems with their intervals and tests, and the sentences on which they differ most. */
export function comparePage(comparison: Comparison): Promise<string> {
  const { testSet, systems } = comparison;
  const [first, ...others] = systems;
  const sections: Section[] = [
    {
      id: 'scores',
      title: 'Scores',
      lead: `${describeTestSet(testSet)}. p is how likely so large a difference from ${first?.name} would be between systems that are equally good: paired bootstrap resampling (Koehn 2004) with 1,000 draws, as sacreBLEU computes it. It is not corrected for the number of systems.`,
      body: [scoreTable(comparison), intervals(comparison)],
    },
    ...others.map(({ name }, index) => ({
      id: `differences-${index + 1}`,
      title: `${name} against ${first?.name}`,
      body: differing(comparison, index + 1),
    })),
  ];
  return page({ title: `${systems.length} systems compared`, lead: systems.map(({ name }) => name).join(' · '), sections });
}

function scoreTable({ metrics }: Comparison): Content {
  return table(
    ['metric', 'system', 'score', '95 % interval', 'difference, 95 % interval', 'p', 'signature'],
    metrics.flatMap(({ label, signature, higherIsBetter, systems }) =>
      systems.map(({ system, score, low, high, difference }, index) => [
        index === 0 ? html`<b>${label}</b>${higherIsBetter ? '' : ', less is better'}` : '',
        `${index + 1}  ${system}`,
        score.toFixed(2),
        `${low.toFixed(2)} to ${high.toFixed(2)}`,
        difference === undefined ? '' : `${signed(difference.score)} (${signed(difference.low)} to ${signed(difference.high)})`,
        difference === undefined ? '' : difference.probability.toFixed(3),
        index === 0 ? html`<code>${signature}</code>` : '',
      ]),
    ),
  );
}

function intervals({ metrics }: Comparison): Content {
  return figures(
    metrics.map(({ metric, label, systems }) =>
      categoryPlot({
        title: label,
        x: 'systems, by their numbers in the table',
        y: metricAxis(metric, 'with 95 % intervals'),
        categories: systems.map((_, index) => ({ name: String(index + 1) })),
        series: [{ name: label, values: systems.map(({ score, low, high }) => ({ value: score, low, high })) }],
      }),
    ),
  );
}

/** Where one system gains and where it loses most against the first. */
function differing(comparison: Comparison, system: number): Content {
  const { sentenceScores, testSet, systems } = comparison;
  const [baseline] = sentenceScores;
  const gain = (sentence: number) => (sentenceScores[system]?.[sentence] ?? 0) - (baseline?.[sentence] ?? 0);
  const order = [...testSet.sources.keys()].filter((sentence) => gain(sentence) !== 0).sort((a, b) => gain(b) - gain(a) || a - b);
  const better = order.filter((sentence) => gain(sentence) > 0);
  const worse = order.filter((sentence) => gain(sentence) < 0).reverse();
  const same = testSet.sources.filter((_, sentence) => systems[0]?.hypotheses[sentence] === systems[system]?.hypotheses[sentence]).length;
  const list = (title: string, sentences: readonly number[]) =>
    sentences.length === 0
      ? undefined
      : html`<h3>${title}</h3>${sentences.slice(0, shown).map((sentence) => one(comparison, system, sentence))}`;
  return [
    html`<p>By chrF of the sentence alone, ${better.length.toLocaleString('en')} are better, ${worse.length.toLocaleString('en')} are worse;
${same.toLocaleString('en')} of ${testSet.sources.length.toLocaleString('en')} translations are the same.</p>`,
    html`<p class="note">${extraMark}</p>`,
    list('Gains most', better),
    list('Loses most', worse),
  ];
}

function one({ testSet, systems, sentenceScores }: Comparison, system: number, sentence: number): Content {
  const references = testSet.references.map((set) => set[sentence] ?? '');
  const score = (index: number) => (sentenceScores[index]?.[sentence] ?? 0).toFixed(1);
  return example(`line ${sentence + 1} · chrF ${score(0)} to ${score(system)}`, [
    { name: 'source', body: text(testSet.sources[sentence]) },
    {
      name: references.length === 1 ? 'reference' : 'references',
      body: references.map((reference) => text(reference)),
    },
    ...[0, system].map((index) => ({
      name: systems[index]?.name ?? '',
      body: compared(references, systems[index]?.hypotheses[sentence] ?? '').translation,
    })),
  ]);
}

/** `+1.20`, `−0.35`. */
export function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
}
