import * as z from 'zod';
import type { Estimated } from '../../analysis/examination/means.js';
import { categoryPlot } from '../../analysis/page/plot.js';
import type { ScoreInterval } from '../../analysis/examination/scored-sentences.js';
import { digitsTask, varied } from '../base.js';
import { type Experiment, type Study, sideBySide } from '../experiment.js';
import { members } from '../options.js';
import { list as nbestList, score, type Train, train } from '../steps.js';
import { change, verdict, written } from '../wording.js';
import { directed, lstmConfiguration, paper } from './lstm-of-2014.js';

interface RescoringFigures {
  readonly name: string;
  /** BLEU with the even average, as in the paper, and its difference from the BLEU of the list. */
  readonly even: Estimated;
  readonly effect: Estimated;
  /** The same with a weight tuned on dev. */
  readonly tunedEffect: Estimated;
  /** With the range of weights that are not significantly worse on the dev list. */
  readonly weight: Estimated;
  /** The paper's effect. */
  readonly paper: number | undefined;
}

const baselines = { narrow: 'a forward LSTM half as wide', attention: 'one layer with attention' } as const;
/** BLEU in table 2. */
const published = { baseline: 33.3, forward: 35.61, reversed: 35.85, five: 36.5, oracle: 45 } as const;

const options = {
  members,
  nbest: z.int().min(2).max(1_000).default(100).describe('hypotheses per rescored list; the paper: 1000'),
  // Attention is another kind of system, as the paper's phrase-based baseline was, but may leave nothing to gain on an easy task.
  baseline: z
    .enum(['narrow', 'attention'])
    .default('narrow')
    .describe('model that produces the list: a forward model of half the width, or one layer with attention'),
};

/** Both figures are means over the tokens of a hypothesis, so their average is meaningful. */
const lengthPenalty = 1;

export const rescoring: Experiment<typeof options> = {
  title: 'Rescoring an n-best list',
  source: {
    paper,
    where: 'table 2',
    claim: 'baseline 33.30, rescored by a forward LSTM 35.61, a reversed one 35.85, five reversed 36.5, oracle about 45 BLEU',
  },
  task: digitsTask,
  options,

  async *stages(study) {
    const { laboratory, options, base, test } = study;
    const { nbest } = options;
    const baseline = baselineOf(study);
    const forward = directed(study, 'forward', 1);
    const reversed = directed(study, 'reversed', options.members);
    const systems = systemsOf(forward, reversed);
    const dev = await laboratory.sentences(base.configuration.data.dev ?? base.test, 'dev');
    const lists = [nbestList(baseline, dev, nbest), nbestList(baseline, test, nbest)] as const;
    const scores = systems.flatMap(({ models }) => lists.map((list) => score(models, list)));
    yield { steps: [...sideBySide({ baseline: [baseline], forward, reversed }), ...lists, ...scores] };
    const [devList, testList] = [await laboratory.result(lists[0]), await laboratory.result(lists[1])];
    const measured: RescoringFigures[] = [];
    let [list, oracle]: (Estimated | undefined)[] = [];
    let most: Estimated | undefined;
    for (const { name, models, inPaper } of systems) {
      const runs = await laboratory.results(models);
      const { weight, tuned, scores } = await laboratory.outputs.rescore(runs, testList, { weight: { tunedOn: devList }, lengthPenalty });
      if (scores === undefined) continue;
      const { even, rescored } = scores;
      measured.push({
        name,
        even: estimateOf(even),
        effect: effectOf(even),
        tunedEffect: effectOf(rescored),
        weight: { value: weight, low: tuned?.low, high: tuned?.high },
        paper: inPaper,
      });
      list = estimateOf(scores.list);
      oracle = estimateOf(scores.oracle);
      most = effectOf(scores.oracle);
    }
    const best = measured.reduce((one, other) => (other.effect.value > one.effect.value ? other : one));
    const oracleInPaper = published.oracle - published.baseline;
    return {
      head: [
        'system',
        'test BLEU, even average (95 % bootstrap)',
        'effect relative to the list',
        'paper',
        'effect with the weight tuned on dev',
        'weight',
      ],
      rows: [
        [`baseline: ${baselines[options.baseline]}, ${nbest}-best`, list === undefined ? '' : written(list, 1), '', '', '', '0'],
        ...measured.map(({ name, even, effect, paper, tunedEffect, weight }) => [
          `rescored by ${name}`,
          written(even, 1),
          change(effect, 1),
          paper === undefined ? '' : change({ value: paper }, 2),
          change(tunedEffect, 1),
          written(weight, 2),
        ]),
        [
          'oracle: the best of each list',
          oracle === undefined ? '' : written(oracle, 1),
          most === undefined ? '' : change(most, 1),
          `about ${change({ value: oracleInPaper }, 0)}`,
          '',
          '',
        ],
      ],
      conclusions: [
        ...measured.map(({ name, effect, paper }) => {
          const told =
            paper === undefined ? 'no figure in the paper' : `in the paper ${change({ value: paper }, 2)}: ${verdict(effect, 0, 'above')}`;
          return `Rescored by ${name} with the even average: ${change(effect, 1)} BLEU, ${told} (one seed).`;
        }),
        `The best of them achieves ${share(best.effect.value, most?.value)} of the gain of the oracle (paper: ${share(published.five - published.baseline, oracleInPaper)}).`,
        'Intervals are over test sentences. The baseline is a neural model, not a phrase-based system as in the paper, so its errors resemble those of the models that rescore it. Both log-probabilities are divided by the length.',
      ],
      plots: [
        categoryPlot({
          title: 'Table 2: effect of rescoring',
          note: '95 % bootstrap intervals over sentences; 0 is the original list',
          x: 'rescored by',
          y: { label: 'difference in BLEU', include: 0 },
          categories: ['forward', 'reversed', `${options.members} rev.`, 'oracle'].map((name) => ({ name })),
          series: [
            { name: 'here, even', values: [...measured.map(({ effect }) => effect), most] },
            { name: 'here, tuned', values: [...measured.map(({ tunedEffect }) => tunedEffect), undefined] },
            {
              name: 'paper, even',
              values: [...measured.map(({ paper }) => (paper === undefined ? undefined : { value: paper })), { value: oracleInPaper }],
            },
          ],
        }),
      ],
      figures: { nbest, list, oracle, oracleEffect: most, measured },
    };
  },
};

/** The rescoring systems, with their effects in the paper. */
function systemsOf(forward: readonly Train[], reversed: readonly Train[]) {
  const effect = (bleu: number) => bleu - published.baseline;
  const members = reversed.length;
  return [
    { name: 'a forward LSTM', models: forward, inPaper: effect(published.forward) },
    { name: 'a reversed LSTM', models: reversed.slice(0, 1), inPaper: effect(published.reversed) },
    { name: `${members} reversed LSTMs`, models: reversed, inPaper: members === 5 ? effect(published.five) : undefined },
  ];
}

/** Produces the lists: a weaker forward model, with a seed of its own. */
function baselineOf(study: Study<typeof options>): Train {
  const configuration = lstmConfiguration(study);
  const { hidden } = configuration.model;
  const model = study.options.baseline === 'narrow' ? { hidden: Math.ceil(hidden / 4) * 2 } : ({ attention: 'dot', layers: 1 } as const);
  const training = { seed: configuration.training.seed + 1_000 };
  return train(varied(configuration, { model: { ...model, reverseSource: false }, training }));
}

function estimateOf({ score, low, high }: ScoreInterval): Estimated {
  return { value: score, low, high };
}

function effectOf({ difference }: { readonly difference: ScoreInterval | undefined }): Estimated {
  return difference === undefined ? { value: 0 } : estimateOf(difference);
}

/** `27 %` */
function share(part: number, whole: number | undefined): string {
  return whole === undefined || whole <= 0 ? 'none' : `${((100 * part) / whole).toFixed(0)} %`;
}
