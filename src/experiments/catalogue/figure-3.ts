import { type Bin, type ScoredBin, scoreBins } from '../../analysis/bins.js';
import { binsByLength } from '../../analysis/by-length.js';
import { binsByRarity, FrequencyRanks } from '../../analysis/by-rarity.js';
import { corpusFacts } from '../../analysis/corpus-facts.js';
import { categoryPlot } from '../../analysis/page/plot.js';
import { scoreSentences } from '../../analysis/scored-sentences.js';
import { bleu } from '../../metrics/bleu.js';
import { digitsTask, languageTask } from '../base.js';
import { directed, type Experiment, type Finding, type Setting, type Study, signed } from '../experiment.js';

const directions = ['forward', 'reversed'] as const;
type Direction = (typeof directions)[number];

const plan = (setting: Setting) => ({ forward: directed(setting, 'forward', 1), reversed: directed(setting, 'reversed', 1) });

export const length: Experiment<Direction> = {
  title: 'BLEU by the length of the sentence',
  where: 'figure 3, left',
  claim: 'no loss below 35 words, a minor one on the longest',
  task: digitsTask,
  seeds: 1,
  plan,
  measure: (study) => binned(study, 'words of the source', binsByLength(study.test.sources)),
};

export const rarity: Experiment<Direction> = {
  title: 'BLEU by the frequency of the words',
  where: 'figure 3, right',
  claim: 'BLEU falls slowly towards sentences of rare words',
  task: languageTask,
  seeds: 1,
  plan,
  async measure(study) {
    const { laboratory, base } = study;
    const { signal } = laboratory.options;
    const { frequencies } = await corpusFacts(laboratory.runtime.files, base.configuration.data.train, { signal });
    return binned(study, 'average rank of the words by frequency', binsByRarity(study.test.sources, new FrequencyRanks(frequencies)));
  },
};

async function binned(study: Study<Direction>, what: string, bins: readonly Bin[]): Promise<Finding> {
  const { laboratory, runs, test, options } = study;
  const { signal } = laboratory.options;
  const scored = {} as Record<Direction, readonly ScoredBin[]>;
  for (const direction of directions) {
    const { texts } = await laboratory.translate(runs[direction], test, options.beam);
    scored[direction] = await scoreBins(await scoreSentences(bleu(), texts, [test.references], { signal }), bins, { signal });
  }
  const range = ({ least, greatest }: { least: number; greatest: number }) =>
    least === greatest ? String(least) : `${least} to ${greatest}`;
  const cell = ({ score, low, high }: ScoredBin) => `${score.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`;
  const change = (direction: Direction) => {
    const [first, last] = [scored[direction][0], scored[direction].at(-1)];
    const size = (last?.score ?? Number.NaN) - (first?.score ?? Number.NaN);
    const apart = first !== undefined && last !== undefined && (first.low > last.high || last.low > first.high);
    return `${direction}: ${signed(size, 1)} BLEU from the first part to the last, ${apart ? 'more than their intervals' : 'within their intervals'}.`;
  };
  return {
    head: [what, 'sentences', 'forward, BLEU (95 % bootstrap)', 'reversed'],
    rows: bins.map((bin, index) => [
      range(bin),
      String(bin.sentences.length),
      ...directions.map((direction) => cell(scored[direction][index] as ScoredBin)),
    ]),
    conclusions: directions.map(change),
    plots: [
      categoryPlot({
        title: `BLEU by ${what}`,
        note: `beam ${options.beam}, 95 % bootstrap intervals; below, the number of sentences`,
        x: what,
        y: { label: 'BLEU', include: 0 },
        categories: bins.map((bin) => ({
          name: bin.least === bin.greatest ? String(bin.least) : `${bin.least}–${bin.greatest}`,
          note: String(bin.sentences.length),
        })),
        series: directions.map((direction) => ({
          name: direction,
          values: scored[direction].map(({ score, low, high }) => ({ value: score, low, high })),
        })),
        mark: 'joined',
      }),
    ],
    figures: { scored },
  };
}
