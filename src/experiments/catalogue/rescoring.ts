import { categoryPlot } from '../../analysis/page/plot.js';
import type { NbestList } from '../../analysis/rescoring/rescoring.js';
import { digitsTask, varied } from '../base.js';
import { directed, type Experiment, signed } from '../experiment.js';
import type { Sentences, TrainedRun } from '../laboratory.js';

type Group = 'baseline' | 'forward' | 'reversed';

interface Measured {
  readonly name: string;
  readonly even: number;
  readonly weight: number;
  readonly tuned: number;
  readonly paper: number | undefined;
}

const baselines = { narrow: 'a forward LSTM half as wide', attention: 'one layer with attention' } as const;

/** Both figures are means over the tokens of a hypothesis, so that their even average means something. */
const lengthPenalty = 1;

export const rescoring: Experiment<Group> = {
  title: 'Rescoring an n-best list',
  where: 'table 2',
  claim: 'baseline 33.30, rescored by a forward LSTM 35.61, a reversed one 35.85, five reversed 36.5, oracle about 45 BLEU',
  task: digitsTask,
  seeds: 1,

  plan(setting) {
    const { configuration } = setting.base;
    const { hidden } = configuration.model;
    const model =
      setting.options.baseline === 'narrow' ? { hidden: Math.ceil(hidden / 4) * 2 } : ({ attention: 'dot', layers: 1 } as const);
    // A seed that no other training has.
    const training = { seed: configuration.training.seed + 1_000 };
    return {
      baseline: [varied(configuration, { model: { ...model, reverseSource: false }, training })],
      forward: directed(setting, 'forward', 1),
      reversed: directed(setting, 'reversed', setting.options.members),
    };
  },

  async measure(study) {
    const { runs, laboratory, options, base } = study;
    const { members, nbest } = options;
    const [baseline] = runs.baseline as readonly [TrainedRun];
    const devSource = base.configuration.data.dev;
    const dev = devSource === undefined ? study.test : await laboratory.sentences(devSource, 'dev');
    const listOf = async ({ name, sources, references }: Sentences): Promise<NbestList> => {
      const lines = await laboratory.nbest(baseline, { name, sources, references }, nbest);
      return { name, sources, references: [references], lines };
    };
    const [devList, testList] = [await listOf(dev), await listOf(study.test)];
    const measured: Measured[] = [];
    let [list, oracle] = [Number.NaN, Number.NaN];
    for (const { name, models, paper } of [
      { name: 'a forward LSTM', models: runs.forward, paper: 35.61 },
      { name: 'a reversed LSTM', models: runs.reversed.slice(0, 1), paper: 35.85 },
      { name: `${members} reversed LSTMs`, models: runs.reversed, paper: members === 5 ? 36.5 : undefined },
    ]) {
      const { weight, scores } = await laboratory.rescore(models, testList, { weight: { tunedOn: devList }, lengthPenalty });
      if (scores === undefined) continue;
      measured.push({ name, even: scores.even.score, weight, tuned: scores.rescored.score, paper });
      list = scores.list.score;
      oracle = scores.oracle.score;
    }
    const best = measured.reduce((most, { tuned }) => Math.max(most, tuned), Number.NEGATIVE_INFINITY);
    return {
      head: ['system', 'test BLEU, even average', 'with the weight tuned on dev', 'weight', 'paper'],
      rows: [
        [`baseline: ${baselines[options.baseline]}, ${nbest}-best`, list.toFixed(2), list.toFixed(2), '0', '33.30'],
        ...measured.map(({ name, even, tuned, weight, paper }) => [
          `rescored by ${name}`,
          even.toFixed(2),
          tuned.toFixed(2),
          weight.toFixed(3),
          paper?.toFixed(2) ?? '',
        ]),
        ['oracle: the best of each list', oracle.toFixed(2), oracle.toFixed(2), '', '~45'],
      ],
      conclusions: [
        `The best rescoring changes the baseline by ${signed(best - list, 2)} BLEU (paper: +3.2); its list would allow ${(oracle - list).toFixed(2)} (paper: about +12).`,
        'The baseline is a neural model and not a phrase-based system as in the paper: its mistakes are of the same kind as those of the models that rescore it. Log-probabilities are divided by the length on both sides.',
      ],
      plots: [
        categoryPlot({
          title: 'Table 2: test BLEU',
          x: 'rescored by',
          y: { label: 'BLEU' },
          categories: ['nobody', 'forward', 'reversed', `${members} rev.`, 'oracle'].map((name) => ({ name })),
          series: [
            { name: 'here, even', values: [list, ...measured.map(({ even }) => even), oracle].map((value) => ({ value })) },
            { name: 'here, tuned', values: [list, ...measured.map(({ tuned }) => tuned), oracle].map((value) => ({ value })) },
            {
              name: 'paper (WMT’14)',
              values: [33.3, ...measured.map(({ paper }) => paper), 45].map((value) => (value === undefined ? undefined : { value })),
            },
          ],
        }),
      ],
      figures: { nbest, list, oracle, measured },
    };
  },
};
