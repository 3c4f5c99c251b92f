import { categoryPlot } from '../../analysis/page/plot.js';
import type { ScoreInterval } from '../../analysis/scored-sentences.js';
import { digitsTask } from '../base.js';
import { bleuOf, directed, type Experiment, signed } from '../experiment.js';

interface Measured extends ScoreInterval {
  readonly name: string;
  readonly beam: number;
  readonly paper: number | undefined;
  readonly sentencesPerSecond: number;
}

export const decoding: Experiment<'forward' | 'reversed'> = {
  title: 'Beams and ensembles',
  where: 'table 1',
  claim: 'single forward 26.17, single reversed 30.59, 5 reversed 33.00 to 34.81 BLEU with beams of 1 to 12',
  task: digitsTask,
  seeds: 1,

  plan(setting) {
    return { forward: directed(setting, 'forward', 1), reversed: directed(setting, 'reversed', setting.options.members) };
  },

  async measure(study) {
    const { runs, laboratory, test, options } = study;
    const { forward, reversed } = runs;
    const many = options.members;
    const systems = [
      { name: 'single forward', runs: forward, beam: options.beam, paper: 26.17 },
      { name: 'single reversed', runs: reversed.slice(0, 1), beam: 1, paper: undefined },
      { name: 'single reversed', runs: reversed.slice(0, 1), beam: 2, paper: undefined },
      { name: 'single reversed', runs: reversed.slice(0, 1), beam: options.beam, paper: 30.59 },
      { name: `${many} reversed`, runs: reversed, beam: 1, paper: many === 5 ? 33.0 : undefined },
      ...(many > 2 ? [{ name: '2 reversed', runs: reversed.slice(0, 2), beam: options.beam, paper: 33.27 }] : []),
      { name: `${many} reversed`, runs: reversed, beam: 2, paper: many === 5 ? 34.5 : undefined },
      { name: `${many} reversed`, runs: reversed, beam: options.beam, paper: many === 5 ? 34.81 : undefined },
    ];
    const measured: Measured[] = [];
    for (const system of systems) {
      const { texts, seconds } = await laboratory.translate(system.runs, test, system.beam);
      const { runs: _, ...rest } = system;
      measured.push({ ...rest, ...(await bleuOf(study, texts)), sentencesPerSecond: test.sources.length / seconds });
    }
    const find = (name: string, beam: number) => measured.find((one) => one.name === name && one.beam === beam)?.score ?? Number.NaN;
    const [greedy, wide] = [find('single reversed', 1), find('single reversed', options.beam)];
    const [together, two] = [find(`${many} reversed`, options.beam), find('2 reversed', options.beam)];
    return {
      head: ['system', 'beam', 'test BLEU (95 % bootstrap)', 'sentences/s', 'paper'],
      rows: measured.map(({ name, beam, score, low, high, sentencesPerSecond, paper }) => [
        name,
        String(beam),
        `${score.toFixed(2)} (${low.toFixed(1)} to ${high.toFixed(1)})`,
        sentencesPerSecond.toFixed(1),
        paper?.toFixed(2) ?? '',
      ]),
      conclusions: [
        `A beam of ${options.beam} changes a single model's BLEU by ${signed(wide - greedy, 2)} against greedy search.`,
        many > 2
          ? `Two models change it by ${signed(two - wide, 2)}, ${many} by ${signed(together - wide, 2)} against one (paper: +2.68 and, of five, +4.22).`
          : `Two models change it by ${signed(together - wide, 2)} against one (paper: +2.68).`,
        'Single models are the first seed; the interval is over test sentences, not over seeds.',
      ],
      plots: [
        categoryPlot({
          title: 'Table 1: test BLEU',
          note: '95 % bootstrap interval over sentences',
          x: 'system, and below its beam',
          y: { label: 'BLEU' },
          categories: measured.map(({ name, beam }) => ({
            name: name.replace('single ', '').replace('reversed', 'rev.').replace('forward', 'fwd'),
            note: String(beam),
          })),
          series: [
            { name: 'here', values: measured.map(({ score, low, high }) => ({ value: score, low, high })) },
            { name: 'paper (WMT’14)', values: measured.map(({ paper }) => (paper === undefined ? undefined : { value: paper })) },
          ],
        }),
      ],
      figures: { measured },
    };
  },
};
