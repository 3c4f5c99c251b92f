import { differenceOfMeans, type Estimated, geometricMean, mean, ratioOfMeans, within } from '../../analysis/examination/means.js';
import { effectPlot } from '../../analysis/page/plot.js';
import { digitsTask } from '../base.js';
import { bleuOfEach } from '../bleu-of-translations.js';
import { eachTranslates, type Experiment, sideBySide } from '../experiment.js';
import { beam, seeds } from '../options.js';
import { change, factor, seedsWritten, verdict } from '../wording.js';
import { directed, paper } from './lstm-of-2014.js';

const published = { perplexity: 4.7 / 5.8, bleu: 30.6 - 25.9 } as const;
const directions = ['forward', 'reversed'] as const;
type ReadingDirection = (typeof directions)[number];
const options = { seeds: seeds(3), beam: beam(12) };

export const reversal: Experiment<typeof options> = {
  title: 'Reading the source backwards',
  source: { paper, where: 'section 3.3', claim: 'with a reversed source, perplexity 5.8 → 4.7, BLEU 25.9 → 30.6' },
  task: digitsTask,
  options,

  async *stages(study) {
    const { options, laboratory } = study;
    const trainings = { forward: directed(study, 'forward', options.seeds), reversed: directed(study, 'reversed', options.seeds) };
    const translations = eachTranslates(study, trainings, options.beam);
    yield { steps: [...sideBySide(trainings), ...directions.flatMap((direction) => translations[direction])] };
    const measured = {} as Record<ReadingDirection, { perplexity: readonly number[]; bleu: readonly number[] }>;
    for (const direction of directions) {
      const perplexity = (await laboratory.results(trainings[direction])).map((run) => run.perplexity);
      measured[direction] = { perplexity, bleu: await bleuOfEach(laboratory, translations[direction]) };
    }
    const { forward, reversed } = measured;
    const effects = {
      perplexity: ratioOfMeans(forward.perplexity, reversed.perplexity),
      bleu: within(differenceOfMeans(forward.bleu, reversed.bleu), -100, 100),
    };
    const listed = (values: readonly number[], digits: number) => values.map((value) => value.toFixed(digits)).join(', ');
    const seeds = seedsWritten(options.seeds);
    const note = `${seeds} each; mean and 95 % interval over seeds`;
    const told = (effect: Estimated, none: number, side: 'above' | 'below') =>
      options.seeds === 1 ? 'one seed each cannot distinguish an effect from chance' : `${verdict(effect, none, side)} (${seeds} each)`;
    return {
      head: ['source', 'dev perplexity per seed', 'mean', `test BLEU, beam ${options.beam}`, 'mean', 'paper'],
      rows: [
        ...directions.map((direction) => [
          direction,
          listed(measured[direction].perplexity, 2),
          geometricMean(measured[direction].perplexity).value.toFixed(2),
          listed(measured[direction].bleu, 1),
          mean(measured[direction].bleu).value.toFixed(1),
          '',
        ]),
        [
          'effect of reversing',
          '',
          factor(effects.perplexity),
          '',
          change(effects.bleu, 1),
          `${factor({ value: published.perplexity })} · ${change({ value: published.bleu }, 1)}`,
        ],
      ],
      conclusions: [
        `Perplexity ${factor(effects.perplexity)} (paper: ${factor({ value: published.perplexity })}): ${told(effects.perplexity, 1, 'below')}.`,
        `BLEU ${change(effects.bleu, 1)} (paper: ${change({ value: published.bleu }, 1)}): ${told(effects.bleu, 0, 'above')}.`,
        ...(options.seeds === 1
          ? []
          : [
              'Intervals are 95 %, for the difference of means over seeds (Welch; for perplexities, of logarithms). They show how much of the effect could be due to initialisation and order of the data, not what the effect would be on other data. Means of perplexities are geometric.',
            ]),
      ],
      plots: [
        effectPlot({
          title: 'Effect of reversing on perplexity',
          note,
          axis: { label: 'perplexity, reversed / forward' },
          none: 1,
          effects: [{ name: 'reversed source', ...effects.perplexity, published: published.perplexity }],
        }),
        effectPlot({
          title: 'Effect of reversing on BLEU',
          note,
          axis: { label: 'BLEU, reversed − forward' },
          effects: [{ name: 'reversed source', ...effects.bleu, published: published.bleu }],
        }),
      ],
      figures: { measured, effects, paper: published },
    };
  },
};
