import type { Comparison } from '../examination/compare.js';
import { type Content, html } from '../page/html.js';
import { figures, table } from '../page/page.js';
import { categoryPlot, effectPlot } from '../page/plot.js';
import { metricAxis } from '../page/quantities.js';
import type { ScoreDifference } from '../examination/scored-sentences.js';

/** Scores with intervals, and differences from the first system with theirs. */
export function comparedScores(comparison: Comparison): Content {
  return [scoreTable(comparison), figures(differencePlots(comparison), scorePlots(comparison))];
}

function scoreTable({ metrics }: Comparison): Content {
  return table(
    ['metric', 'system', 'score', '95 % interval', 'difference, 95 % interval', 'p', 'signature'],
    metrics.flatMap(({ label, signature, higherIsBetter, systems }) =>
      systems.map(({ system, score, low, high, difference }, index) => [
        index === 0 ? html`<b>${label}</b>${higherIsBetter ? '' : ', lower is better'}` : '',
        `${index + 1}  ${system}`,
        score.toFixed(2),
        `${low.toFixed(2)} to ${high.toFixed(2)}`,
        difference === undefined ? '' : differenceOf(difference),
        difference === undefined ? '' : difference.probability.toFixed(3),
        index === 0 ? html`<code>${signature}</code>` : '',
      ]),
    ),
  );
}

function differencePlots({ metrics }: Comparison): Content {
  return metrics.map(({ label, higherIsBetter, systems: [first, ...others] }) =>
    effectPlot({
      title: `${label}: difference from ${first?.system}`,
      note: `With 95 % intervals from the same samples of sentences.${higherIsBetter ? '' : ' Lower is better.'}`,
      axis: { label: `${label}, difference` },
      effects: others.flatMap(({ system, difference }) =>
        difference === undefined ? [] : [{ name: system, value: difference.score, low: difference.low, high: difference.high }],
      ),
      names: { measured: 'difference', published: '' },
    }),
  );
}

function scorePlots({ metrics }: Comparison): Content {
  return metrics.map(({ metric, label, systems }) =>
    categoryPlot({
      title: label,
      x: 'systems, numbered as in the table',
      y: metricAxis(metric, 'with 95 % intervals'),
      categories: systems.map((_, index) => ({ name: String(index + 1) })),
      series: [{ name: label, values: systems.map(({ score, low, high }) => ({ value: score, low, high })) }],
    }),
  );
}

/** `+0.51 (+0.10 to +0.93)` */
export function differenceOf({ score, low, high }: ScoreDifference, digits = 2): string {
  const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;
  return `${signed(score)} (${signed(low)} to ${signed(high)})`;
}
