import { binNames } from '../../analysis/examination/bin-names.js';
import { type Bin, fewestForInterval, type ScoredBin, scoreBins } from '../../analysis/examination/bins.js';
import { binsByLength } from '../../analysis/examination/by-length.js';
import { binsByRarity, FrequencyRanks } from '../../analysis/examination/by-rarity.js';
import { corpusFacts } from '../../analysis/examination/corpus-facts.js';
import { sentenceInterval } from '../../analysis/examination/effects.js';
import { differenceOfEstimates, type Estimated } from '../../analysis/examination/means.js';
import { categoryPlot } from '../../analysis/page/plot.js';
import type { WorkControl } from '../../analysis/work.js';
import { bleu } from '../../metrics/bleu.js';
import { digitsTask, languageTask } from '../base.js';
import { bleuBounds, bleuStatistics } from '../bleu-of-translations.js';
import { eachTranslates, type Experiment, type Finding, sideBySide, type Stage, type Study } from '../experiment.js';
import { beam } from '../options.js';
import type { Translate } from '../steps.js';
import { change, written } from '../wording.js';
import { directed, paper } from './lstm-of-2014.js';

const directions = ['forward', 'reversed'] as const;
type ReadingDirection = (typeof directions)[number];

const options = { beam: beam(12) };

export const length: Experiment<typeof options> = {
  title: 'BLEU by sentence length',
  source: { paper, where: 'figure 3, left', claim: 'no loss below 35 words, a minor one on the longest' },
  task: digitsTask,
  options,
  stages: (study) =>
    binned(study, {
      what: 'words in the source',
      inPaper: 'no loss below 35 words',
      bins: () => binsByLength(study.test.sources),
    }),
};

export const rarity: Experiment<typeof options> = {
  title: 'BLEU by word frequency',
  source: { paper, where: 'figure 3, right', claim: 'BLEU falls slowly for sentences with rarer words' },
  task: languageTask,
  options,
  stages: (study) =>
    binned(study, {
      what: 'mean frequency rank of the words',
      inPaper: 'a slow loss for rarer words',
      async bins() {
        const { runtime, options } = study.laboratory;
        const { train } = study.base.configuration.data;
        const { frequencies } = await corpusFacts(runtime.files, train, { signal: options.signal });
        return binsByRarity(study.test.sources, new FrequencyRanks(frequencies));
      },
    }),
};

interface Binning {
  /** What the bins are ranges of. */
  readonly what: string;
  readonly inPaper: string;
  bins(): readonly Bin[] | Promise<readonly Bin[]>;
}

async function* binned(study: Study<typeof options>, { what, inPaper, bins: binning }: Binning): AsyncGenerator<Stage, Finding, void> {
  const { laboratory, options } = study;
  const trainings = { forward: directed(study, 'forward', 1), reversed: directed(study, 'reversed', 1) };
  const translations = eachTranslates(study, trainings, options.beam);
  yield { steps: [...sideBySide(trainings), ...directions.flatMap((direction) => translations[direction])] };
  const bins = await binning();
  const control = { signal: laboratory.options.signal };
  const statistics = {} as Record<ReadingDirection, readonly Float64Array[]>;
  const scored = {} as Record<ReadingDirection, readonly ScoredBin[]>;
  for (const direction of directions) {
    statistics[direction] = await bleuStatistics(laboratory, translations[direction][0] as Translate);
    scored[direction] = await scoreBins({ metric: bleu(), references: 1, statistics: statistics[direction] }, bins, control);
  }
  const effects: (Estimated | undefined)[] = [];
  for (const { sentences } of bins) {
    effects.push(sentences.length < fewestForInterval ? undefined : await effectOfReversing(statistics, sentences, control));
  }
  const range = ({ least, greatest }: { least: number; greatest: number }) =>
    least === greatest ? String(least) : `${least} to ${greatest}`;
  const large = bins.flatMap(({ sentences }, index) => (sentences.length < fewestForInterval ? [] : [index]));
  const [first, last] = [large[0], large.at(-1)];
  const conclusion = (direction: ReadingDirection) => {
    const [before, after] = [first, last].map((index) => estimateOf(scored[direction][index ?? 0] as ScoredBin)) as [Estimated, Estimated];
    return { direction, effect: differenceOfEstimates(before, after) };
  };
  const changes = first === last ? [] : directions.map(conclusion);
  const told = ({ low = 0, high = 0 }: Estimated) => (high < 0 ? 'a loss' : low > 0 ? 'a gain' : 'within sampling error');
  const names = binNames(bins);
  return {
    head: [what, 'sentences', 'forward, BLEU (95 % bootstrap)', 'reversed', 'effect of reversing'],
    rows: bins.map((bin, index) => [
      range(bin),
      String(bin.sentences.length),
      ...directions.map((direction) => written(estimateOf(scored[direction][index] as ScoredBin), 1)),
      effects[index] === undefined ? '' : change(effects[index], 1),
    ]),
    conclusions: [
      ...changes.map(
        ({ direction, effect }) =>
          `${direction}: ${change(effect, 1)} BLEU between the bins ${range(bins[first ?? 0] as Bin)} and ${range(bins[last ?? 0] as Bin)}: ${told(effect)} (one seed). The paper found ${inPaper}.`,
      ),
      ...(changes.length === 0 ? [`No verdict: there are no two bins of ${fewestForInterval} sentences or more.`] : []),
      `Intervals are over test sentences, with one seed each; bins of fewer than ${fewestForInterval} sentences have none.`,
    ],
    plots: [
      categoryPlot({
        title: `BLEU by ${what}`,
        note: `beam ${options.beam}, 95 % bootstrap intervals; below, the number of sentences`,
        x: what,
        y: { label: 'BLEU', include: 0, bounds: bleuBounds },
        categories: bins.map(({ sentences }, index) => ({ name: names[index] ?? '', note: String(sentences.length) })),
        series: directions.map((direction) => ({ name: direction, values: scored[direction].map(estimateOf) })),
        mark: 'joined',
      }),
    ],
    figures: { scored, effects, changes },
  };
}

function estimateOf({ score, low, high }: ScoredBin): Estimated {
  return { value: score, low, high };
}

/** Both directions translate the same sentences, so the difficulty of the sentences cancels in the difference. */
function effectOfReversing(
  { forward, reversed }: Record<ReadingDirection, readonly Float64Array[]>,
  sentences: readonly number[],
  control: WorkControl,
) {
  const size = forward[0]?.length ?? 0;
  const both = sentences.map((sentence) =>
    Float64Array.of(...(forward[sentence] as Float64Array), ...(reversed[sentence] as Float64Array)),
  );
  const score = (sum: Float64Array) => bleu().score(sum).score;
  return sentenceInterval(both, (sum) => score(sum.subarray(size)) - score(sum.subarray(0, size)), control);
}
