import { type Estimated, geometricMean, mean, ratioOfMeans, within } from '../../analysis/examination/means.js';
import { linePlot } from '../../analysis/page/plot.js';
import { digitsTask, varied } from '../base.js';
import { bleuBounds, bleuOfEach } from '../bleu-of-translations.js';
import { eachTranslates, type Experiment, sideBySide } from '../experiment.js';
import { beam, seeds } from '../options.js';
import { type Train, train } from '../steps.js';
import { factor, seedsWritten, verdict, written } from '../wording.js';
import { directedConfigurations, paper } from './lstm-of-2014.js';

const depths = [1, 2, 3, 4] as const;
const deepest = 10;
type DepthGroup = `${(typeof depths)[number]} layers` | 'residual';
const groupOf = (layers: (typeof depths)[number]): DepthGroup => `${layers} layers`;
/** Perplexity falls by nearly 10 % per layer. */
const paperFactor = 0.9;
const options = { seeds: seeds(1), beam: beam(12) };

interface DepthFigures {
  readonly layers: number;
  readonly residual: boolean;
  readonly parameters: number;
  readonly perplexities: readonly number[];
  readonly bleu: readonly number[];
}

export const depth: Experiment<typeof options> = {
  title: 'Layers',
  source: { paper, where: 'section 3.4', claim: 'each additional layer lowers perplexity by nearly 10 %' },
  task: digitsTask,
  options,

  async *stages(study) {
    const { options, laboratory } = study;
    const reversed = directedConfigurations(study, 'reversed', options.seeds);
    const withLayers = (layers: number, residual: boolean) =>
      reversed.map((configuration) => train(varied(configuration, { model: { layers, residual } })));
    const ofDepths = Object.fromEntries(depths.map((layers) => [groupOf(layers), withLayers(layers, false)]));
    const trainings = { ...ofDepths, residual: withLayers(deepest, true) } as Record<DepthGroup, Train[]>;
    const translations = eachTranslates(study, trainings, options.beam);
    yield { steps: [...sideBySide(trainings), ...Object.values(translations).flat()] };
    const measure = async (group: DepthGroup, layers: number): Promise<DepthFigures> => {
      const runs = await laboratory.results(trainings[group]);
      return {
        layers,
        residual: group === 'residual',
        parameters: runs[0]?.parameters ?? 0,
        perplexities: runs.map(({ perplexity }) => perplexity),
        bleu: await bleuOfEach(laboratory, translations[group]),
      };
    };
    const plain: DepthFigures[] = [];
    for (const layers of depths) plain.push(await measure(groupOf(layers), layers));
    const residual = await measure('residual', deepest);
    const ratio = (before: DepthFigures, now: DepthFigures) => ratioOfMeans(before.perplexities, now.perplexities);
    const perplexityOf = (one: DepthFigures) => geometricMean(one.perplexities);
    const [first, last] = [plain[0], plain.at(-1)] as [DepthFigures, DepthFigures];
    const best = plain.reduce((least, one) => (perplexityOf(one).value < perplexityOf(least).value ? one : least));
    const perLayer = root(ratio(first, last), plain.length - 1);
    const againstBest = ratio(best, residual);
    const seeds = seedsWritten(options.seeds);
    const told = (effect: Estimated) =>
      options.seeds === 1 ? 'one seed each cannot distinguish an effect from chance' : `${verdict(effect, 1, 'below')}, ${seeds} each`;
    const row = (one: DepthFigures, effect: string, inPaper: string) => [
      one.residual ? `${one.layers}, residual` : String(one.layers),
      one.parameters.toLocaleString('en-US'),
      written(perplexityOf(one), 3),
      effect,
      written(within(mean(one.bleu), ...bleuBounds), 1),
      inPaper,
    ];
    return {
      head: ['layers per side', 'parameters', 'dev perplexity', 'effect of the added layer', `test BLEU, beam ${options.beam}`, 'paper'],
      rows: [
        ...plain.map((one, index) => {
          const before = plain[index - 1];
          return before === undefined ? row(one, '', '') : row(one, factor(ratio(before, one)), `about × ${paperFactor}`);
        }),
        row(residual, `${factor(againstBest)} against ${best.layers} plain`, ''),
      ],
      conclusions: [
        `From 1 to ${plain.length} layers, perplexity changes by ${factor(perLayer)} per layer (paper: about × ${paperFactor}): ${told(perLayer)}.`,
        `${deepest} layers with residual connections, which the paper did not use, have ${factor(againstBest)} the perplexity of ${best.layers} layers, the best depth without them (${seeds}).`,
        'Every depth was trained with the same recipe and number of epochs; a recipe tuned for each depth might rank them differently.',
      ],
      plots: [
        linePlot({
          title: 'Dev perplexity relative to one layer',
          note: options.seeds === 1 ? 'one seed; 1 means no effect' : 'mean and 95 % interval over seeds; 1 means no effect',
          x: { label: 'layers per side' },
          y: { label: 'perplexity / perplexity of one layer', include: 1 },
          series: [
            { name: 'plain', points: plain.map((one) => ({ x: one.layers, ...(one === first ? { value: 1 } : ratio(first, one)) })) },
            { name: 'residual', points: [{ x: residual.layers, ...ratio(first, residual) }] },
            { name: 'paper: × 0.9 per layer', points: plain.map(({ layers }) => ({ x: layers, value: paperFactor ** (layers - 1) })) },
          ],
        }),
      ],
      figures: { measured: [...plain, residual], factorPerLayer: perLayer },
    };
  },
};

/** The factor whose power with this exponent is the given one. */
function root({ value, low, high }: Estimated, times: number): Estimated {
  const of = (whole: number) => whole ** (1 / times);
  return low === undefined || high === undefined ? { value: of(value) } : { value: of(value), low: of(low), high: of(high) };
}
