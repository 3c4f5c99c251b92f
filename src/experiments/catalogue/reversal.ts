import { differenceOfMeans, type Estimated, geometricMean, mean, ratioOfMeans } from '../../analysis/means.js';
import { categoryPlot } from '../../analysis/page/plot.js';
import { digitsTask } from '../base.js';
import { bleuOf, change, directed, type Experiment, written } from '../experiment.js';

const paper = { perplexity: { forward: 5.8, reversed: 4.7 }, bleu: { forward: 25.9, reversed: 30.6 } } as const;
const directions = ['forward', 'reversed'] as const;

export const reversal: Experiment<(typeof directions)[number]> = {
  title: 'Reading the source backwards',
  where: 'section 3.3',
  claim: 'the source reversed: perplexity 5.8 → 4.7, BLEU 25.9 → 30.6',
  task: digitsTask,
  seeds: 3,

  plan(setting) {
    const { seeds } = setting.options;
    return { forward: directed(setting, 'forward', seeds), reversed: directed(setting, 'reversed', seeds) };
  },

  async measure(study) {
    const { runs, laboratory, test, options } = study;
    const measured = { forward: [], reversed: [] } as Record<(typeof directions)[number], { perplexity: number; bleu: number }[]>;
    for (const direction of directions) {
      for (const run of runs[direction]) {
        const { texts } = await laboratory.translate([run], test, options.beam);
        measured[direction].push({ perplexity: run.perplexity, bleu: (await bleuOf(study, texts)).score });
      }
    }
    const of = (direction: (typeof directions)[number], figure: 'perplexity' | 'bleu') => measured[direction].map((one) => one[figure]);
    const effects = {
      perplexity: ratioOfMeans(of('forward', 'perplexity'), of('reversed', 'perplexity')),
      bleu: differenceOfMeans(of('forward', 'bleu'), of('reversed', 'bleu')),
    };
    const rows = directions.map((direction) => [
      direction,
      of(direction, 'perplexity')
        .map((value) => value.toFixed(2))
        .join(', '),
      meanOf('perplexity', of(direction, 'perplexity')).value.toFixed(2),
      of(direction, 'bleu')
        .map((value) => value.toFixed(1))
        .join(', '),
      mean(of(direction, 'bleu')).value.toFixed(1),
      `${paper.perplexity[direction]} · ${paper.bleu[direction]}`,
    ]);
    rows.push(['effect of reversing', '', `× ${written(effects.perplexity, 2)}`, '', change(effects.bleu, 1), '× 0.81 · +4.7']);
    return {
      head: ['source', 'dev perplexity, a seed each', 'mean', `test BLEU, beam ${options.beam}`, 'mean', 'paper'],
      rows,
      conclusions: [
        `Reversing the source multiplies perplexity by ${written(effects.perplexity, 2)}: ${verdict(effects.perplexity, 1, 'lower')} (paper: 0.81).`,
        `It changes BLEU by ${change(effects.bleu, 1)}: ${verdict(effects.bleu, 0, 'higher')} (paper: +4.7).`,
        'Intervals are 95 %, of the difference between means over seeds (Welch; of perplexities the logarithms): they say how much of the effect could be luck of initialisation and order, not how the effect would be on other data. Means of perplexities are geometric.',
      ],
      plots: (
        [
          ['Perplexity', 'dev corpus', 'perplexity'],
          ['BLEU', 'test set', 'bleu'],
        ] as const
      ).map(([title, label, figure]) =>
        categoryPlot({
          title,
          note: 'mean and 95 % interval over seeds',
          x: 'source',
          y: { label },
          categories: directions.map((name) => ({ name })),
          series: [
            { name: 'here', values: directions.map((direction) => meanOf(figure, of(direction, figure))) },
            { name: 'paper (WMT’14)', values: directions.map((direction) => ({ value: paper[figure][direction] })) },
          ],
        }),
      ),
      figures: { measured, effects, paper },
    };
  },
};

function meanOf(figure: 'perplexity' | 'bleu', values: readonly number[]): Estimated {
  return figure === 'perplexity' ? geometricMean(values) : mean(values);
}

/** `none` is the effect of nothing. */
function verdict({ low, high }: Estimated, none: number, better: 'lower' | 'higher'): string {
  if (low === undefined || high === undefined) return 'one seed each cannot tell an effect from luck';
  if (better === 'lower' ? high < none : low > none) return 'it helps, as in the paper';
  if (better === 'lower' ? low > none : high < none) return 'it hurts, unlike in the paper';
  return 'these seeds do not settle whether it helps';
}
