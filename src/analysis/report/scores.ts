import { fewestForInterval, type ScoredBin } from '../examination/bins.js';
import type { ExaminedTest, ScoredTest } from '../examination/examined-test.js';
import { type Content, html } from '../page/html.js';
import { figures, table } from '../page/page.js';
import { categoryPlot, histogram } from '../page/plot.js';
import { metricAxis } from '../page/quantities.js';
import { binNames } from '../examination/bin-names.js';

/** Scores of the whole test set with their intervals. */
export function scores({ scores: measured }: ScoredTest, { sources, hypotheses }: ExaminedTest): Content {
  const empty = hypotheses.filter((hypothesis, sentence) => hypothesis.trim() === '' && sources[sentence]?.trim() !== '').length;
  return [
    table(
      ['metric', 'score', '95 % interval', 'signature'],
      measured.map(({ label, score, low, high, signature }) => [
        html`<b>${label}</b>`,
        score.toFixed(2),
        `${low.toFixed(2)} to ${high.toFixed(2)}`,
        html`<code>${signature}</code>`,
      ]),
    ),
    empty === 0 ? undefined : html`<p class="note">${empty} ${empty === 1 ? 'sentence has' : 'sentences have'} an empty translation.</p>`,
  ];
}

/**
 * Histograms of sentence scores and of log-probabilities: a mean does not show the two peaks of a model that is either right or
 * completely wrong.
 */
export function distributions({ scored, sources, tokenLogProbabilities }: ExaminedTest): Content {
  const byScore = (name: string, values: Float64Array) =>
    histogram({
      title: `Sentences by ${name}`,
      x: metricAxis(name.toLowerCase(), `sentence ${name}`),
      values,
      of: 'sentences',
    });
  return figures(
    scored && [byScore('chrF', scored.chrf), byScore('BLEU', scored.bleu)],
    histogram({
      title: 'Sentences by log-probability',
      x: { label: 'log-probability of the translation, nats per token' },
      values: tokenLogProbabilities.filter((_, sentence) => sources[sentence]?.trim() !== ''),
      of: 'sentences',
    }),
  );
}

const fewer = `Bins of fewer than ${fewestForInterval} have no interval.`;

/** Figure 3 of the paper: BLEU by sentence length and by word rarity. */
export function figure3({ byLength, byRarity, ranksOf }: ScoredTest): Content {
  return figures(
    binPlot('BLEU by length', 'words in the source sentence', `The number of sentences is below each mark. ${fewer}`, byLength),
    binPlot(
      'BLEU by rarity',
      'mean frequency rank of the words',
      `Ranks in the ${ranksOf}. The number of sentences is below each mark. ${fewer}`,
      byRarity,
    ),
  );
}

function binPlot(title: string, x: string, note: string, bins: readonly ScoredBin[]): Content {
  const names = binNames(bins);
  return categoryPlot({
    title,
    note,
    x,
    notes: 'sentences',
    y: metricAxis('bleu', 'with 95 % intervals'),
    categories: bins.map(({ sentences }, index) => ({ name: names[index] ?? '', note: sentences.toLocaleString('en') })),
    series: [{ name: 'BLEU', values: bins.map(({ score, low, high }) => ({ value: score, low, high })) }],
    mark: 'joined',
  });
}
