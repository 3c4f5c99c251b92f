import { differenceOfMeans, mean } from '../../analysis/means.js';
import { categoryPlot } from '../../analysis/page/plot.js';
import { digitsTask } from '../base.js';
import { bleuOf, change, directed, type Experiment, signed } from '../experiment.js';

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
      perplexity: differenceOfMeans(of('forward', 'perplexity'), of('reversed', 'perplexity')),
      bleu: differenceOfMeans(of('forward', 'bleu'), of('reversed', 'bleu')),
    };
    const rows = directions.map((direction) => [
      direction,
      of(direction, 'perplexity')
        .map((value) => value.toFixed(2))
        .join(', '),
      mean(of(direction, 'perplexity')).value.toFixed(2),
      of(direction, 'bleu')
        .map((value) => value.toFixed(1))
        .join(', '),
      mean(of(direction, 'bleu')).value.toFixed(1),
      `${paper.perplexity[direction]} · ${paper.bleu[direction]}`,
    ]);
    rows.push(['effect of reversing', '', change(effects.perplexity, 2), '', change(effects.bleu, 1), '−1.1 · +4.7']);
    return {
      head: ['source', 'dev perplexity, a seed each', 'mean', `test BLEU, beam ${options.beam}`, 'mean', 'paper'],
      rows,
      conclusions: [
        conclusion('Perplexity', effects.perplexity, 'lower', 2),
        conclusion('BLEU', effects.bleu, 'higher', 1),
        'The interval is of the difference between means over seeds (Welch, 95 %): it says how much of the effect could be luck of initialisation and order, not how the effect would be on other data.',
      ],
      plots: (
        [
          ['Dev perplexity', 'perplexity'],
          ['Test BLEU', 'bleu'],
        ] as const
      ).map(([label, figure]) =>
        categoryPlot({
          title: label,
          note: 'mean and 95 % interval over seeds',
          x: 'source',
          y: { label },
          categories: directions.map((name) => ({ name })),
          series: [
            { name: 'here', values: directions.map((direction) => mean(of(direction, figure))) },
            { name: 'paper (WMT’14)', values: directions.map((direction) => ({ value: paper[figure][direction] })) },
          ],
        }),
      ),
      figures: { measured, effects, paper },
    };
  },
};

function conclusion(
  name: string,
  effect: { value: number; low?: number | undefined; high?: number | undefined },
  better: 'lower' | 'higher',
  digits: number,
): string {
  const size = `${name} changes by ${signed(effect.value, digits)} when the source is reversed`;
  if (effect.low === undefined || effect.high === undefined) return `${size}; one seed each cannot tell an effect from luck.`;
  const interval = `95 % interval ${signed(effect.low, digits)} to ${signed(effect.high, digits)}`;
  const helps = better === 'lower' ? effect.high < 0 : effect.low > 0;
  const hurts = better === 'lower' ? effect.low > 0 : effect.high < 0;
  if (helps) return `${size} (${interval}): it helps, as in the paper.`;
  if (hurts) return `${size} (${interval}): it hurts, unlike in the paper.`;
  return `${size} (${interval}): the interval holds 0, so these seeds do not settle whether it helps.`;
}
