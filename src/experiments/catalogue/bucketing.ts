import * as z from 'zod';
import { type Estimated, mean, ratioOfMeans } from '../../analysis/examination/means.js';
import { categoryPlot } from '../../analysis/page/plot.js';
import { type Bucketing, planEpoch } from '../../data/batches.js';
import { digitsTask, varied } from '../base.js';
import { type Experiment, type Study, sideBySide } from '../experiment.js';
import { seeds } from '../options.js';
import { type Train, type TrainedRun, train } from '../steps.js';
import { factor, seedsWritten, verdict } from '../wording.js';
import { directedConfigurations, paper } from './lstm-of-2014.js';

const groups = { similar: 'length', random: 'none' } as const satisfies Record<string, Bucketing>;
type BatchGroup = keyof typeof groups;
const options = {
  seeds: seeds(3),
  timedUpdates: z.int().min(20).max(100_000).default(200).describe('updates per training, which is only timed'),
};

export const bucketing: Experiment<typeof options> = {
  title: 'Batches of sentences of similar length',
  source: { paper, where: 'section 3.4', claim: 'twice as fast as random batches' },
  task: digitsTask,
  options,
  judgesItself: true,

  async *stages(study) {
    const { seeds } = study.options;
    const trainings = { similar: timed(study, 'similar'), random: timed(study, 'random') };
    yield { steps: sideBySide(trainings) };
    const runs = {
      similar: await study.laboratory.results(trainings.similar),
      random: await study.laboratory.results(trainings.random),
    };
    const speeds = Object.fromEntries(
      Object.keys(groups).map((group) => [group, mean(runs[group as BatchGroup].map(({ wordsPerSecond }) => wordsPerSecond))]),
    ) as Record<BatchGroup, Estimated>;
    const padded = await paddedShare(study, runs.similar[0] as TrainedRun);
    const measured = (group: BatchGroup) => runs[group].map(({ wordsPerSecond }) => wordsPerSecond);
    const faster = ratioOfMeans(measured('random'), measured('similar'));
    const withPadding = padded.random / padded.similar;
    const figure = (value: number) => Math.round(value).toLocaleString('en-US');
    const names = { similar: 'of similar length', random: 'random' };
    return {
      head: ['batches', 'words/s here, without padding', 'tokens with padding / without', 'paper'],
      rows: [
        ...(Object.keys(groups) as BatchGroup[]).map((group) => [names[group], figure(speeds[group].value), padded[group].toFixed(3), '']),
        ['similar / random', `${factor(faster)} as fast`, `× ${withPadding.toFixed(2)} fewer tokens`, '× 2 as fast'],
      ],
      conclusions: [
        `Batches of similar length train ${factor(faster)} as fast as random ones (paper: × 2): ${verdict(faster, 1, 'above')} (${seedsWritten(seeds)} each).`,
        `decade packs sentences without padding, so the only cost of random batches is smaller products in the last steps. A trainer that pads every sentence to the longest of its batch would compute ${withPadding.toFixed(2)} times as many tokens with random batches of this corpus, which is where the paper's factor comes from.`,
      ],
      plots: [
        categoryPlot({
          title: 'Effect of similar length on speed',
          note: '1 means no effect; mean and 95 % interval over trainings. With padding: counted tokens.',
          x: 'trained with',
          y: { label: 'similar / random', include: 1 },
          categories: [{ name: 'here, no padding' }, { name: 'here, if padded' }, { name: 'paper' }],
          series: [{ name: 'effect', values: [faster, { value: withPadding }, { value: 2 }] }],
        }),
      ],
      figures: { speeds, padded, faster },
    };
  },
};

/** Short trainings that are only timed, with one validation at the end. */
function timed(study: Study<typeof options>, group: BatchGroup): Train[] {
  const { seeds, timedUpdates } = study.options;
  return directedConfigurations(study, 'reversed', seeds).map((configuration) => {
    const { schedule: _, ...training } = configuration.training;
    return train(
      varied(configuration, {
        training: {
          ...training,
          schedule: { kind: 'constant' },
          bucketing: groups[group],
          stop: { steps: timedUpdates },
          report: { every: { steps: timedUpdates } },
        },
      }),
    );
  });
}

/** Tokens of both sides if each sentence were padded to the longest of its batch, divided by the actual tokens. */
async function paddedShare({ laboratory, base }: Study<typeof options>, run: TrainedRun): Promise<Record<BatchGroup, number>> {
  const { training } = base.configuration;
  const corpus = await laboratory.corpus(run, 'train');
  try {
    const { source, target } = corpus.lengths;
    const share = (how: Bucketing) => {
      const plan = planEpoch(corpus.lengths, { size: training.batch, bucketing: how }, training.seed, 0);
      let [padded, real] = [0, 0];
      for (let batch = 0; batch < plan.batches; batch++) {
        const pairs = plan.sentences(batch);
        let [longestSource, longestTarget] = [0, 0];
        for (const pair of pairs) {
          longestSource = Math.max(longestSource, source[pair] as number);
          longestTarget = Math.max(longestTarget, (target[pair] as number) + 1);
          real += (source[pair] as number) + (target[pair] as number) + 1;
        }
        padded += pairs.length * (longestSource + longestTarget);
      }
      return padded / real;
    };
    return { similar: share(groups.similar), random: share(groups.random) };
  } finally {
    await corpus.close();
  }
}
