import { fewestForInterval } from '../examination/bins.js';
import type { ComparedBin, ComparedBins } from '../examination/compared-bins.js';
import { type Content, html } from '../page/html.js';
import { figures, table } from '../page/page.js';
import { categoryPlot } from '../page/plot.js';
import { metricAxis } from '../page/quantities.js';
import { binNames, binRange } from '../examination/bin-names.js';
import { differenceOf } from './compared-scores.js';

/** Every system on the same bins of the test set, side by side. */
export function comparedBins({ label, metric, byLength, byRarity, ranksOf }: ComparedBins, names: readonly string[]): Content {
  const plot = (title: string, x: string, note: string, bins: readonly ComparedBin[]) => {
    const places = binNames(bins);
    return categoryPlot({
      title,
      note,
      x,
      notes: 'sentences',
      y: metricAxis(metric, 'with 95 % intervals'),
      categories: bins.map(({ sentences }, index) => ({ name: places[index] ?? '', note: sentences.toLocaleString('en') })),
      series: names.map((name, system) => ({
        name,
        values: bins.map(({ scores, intervals }) => {
          const { low, high } = intervals?.[system] ?? {};
          return { value: scores[system] ?? Number.NaN, low, high };
        }),
      })),
    });
  };
  return [
    figures(
      plot(`${label} by length`, 'words in the source sentence', 'The number of sentences is below each group.', byLength),
      plot(
        `${label} by rarity`,
        'mean frequency rank of the words',
        `Ranks in the ${ranksOf}. The number of sentences is below each group.`,
        byRarity,
      ),
    ),
    binTable('Words in the source', byLength, names),
    binTable('Mean frequency rank', byRarity, names),
  ];
}

/** Scores and differences from the first system; only scores for bins of few sentences. */
function binTable(title: string, bins: readonly ComparedBin[], [first, ...others]: readonly string[]): Content {
  return html`<details class="behind"><summary>${title}, with differences from ${first}</summary>${table(
    ['', 'sentences', first, ...others.flatMap((name) => [name, 'difference, 95 % interval', 'p'])],
    bins.map((bin) => [
      binRange(bin),
      bin.sentences.toLocaleString('en'),
      ...bin.scores.flatMap((score, system) => {
        if (system === 0) return [score.toFixed(2)];
        const difference = bin.intervals?.[system]?.difference;
        return difference === undefined
          ? [score.toFixed(2), `fewer than ${fewestForInterval} sentences`, '']
          : [score.toFixed(2), differenceOf(difference), difference.probability.toFixed(3)];
      }),
    ]),
  )}</details>`;
}
