import { linePlot } from '../../analysis/page/plot.js';
import { type Estimated, mean } from '../../analysis/means.js';
import { digitsTask, varied } from '../base.js';
import { bleuOf, directed, type Experiment, signed, written } from '../experiment.js';

const depths = [1, 2, 3, 4] as const;
const deepest = 10;
type Group = `${(typeof depths)[number]} layers` | 'residual';
const groupOf = (layers: (typeof depths)[number]): Group => `${layers} layers`;

interface Measured {
  readonly layers: number;
  readonly residual: boolean;
  readonly parameters: number;
  readonly perplexities: readonly number[];
  readonly perplexity: Estimated;
  readonly bleu: Estimated;
}

export const depth: Experiment<Group> = {
  title: 'Layers',
  where: 'section 3.4',
  claim: 'each additional layer lowers perplexity by nearly 10 %',
  task: digitsTask,
  seeds: 1,

  plan(setting) {
    const reversed = directed(setting, 'reversed', setting.options.seeds);
    const withLayers = (layers: number, residual: boolean) =>
      reversed.map((configuration) => varied(configuration, { model: { layers, residual } }));
    const plain = depths.map((layers) => [groupOf(layers), withLayers(layers, false)] as const);
    return { ...(Object.fromEntries(plain) as Record<Group, ReturnType<typeof withLayers>>), residual: withLayers(deepest, true) };
  },

  async measure(study) {
    const { runs, laboratory, test, options } = study;
    const measured: Measured[] = [];
    for (const { group, layers } of [
      ...depths.map((layers) => ({ group: groupOf(layers), layers: layers as number })),
      { group: 'residual' as const, layers: deepest },
    ]) {
      const bleu: number[] = [];
      for (const run of runs[group]) bleu.push((await bleuOf(study, (await laboratory.translate([run], test, options.beam)).texts)).score);
      const [first] = runs[group];
      measured.push({
        layers,
        residual: group === 'residual',
        parameters: first?.parameters ?? 0,
        perplexities: runs[group].map(({ perplexity }) => perplexity),
        perplexity: mean(runs[group].map(({ perplexity }) => perplexity)),
        bleu: mean(bleu),
      });
    }
    const change = (index: number) => {
      const [before, now] = [measured[index - 1]?.perplexity.value, measured[index]?.perplexity.value];
      return before === undefined || now === undefined ? undefined : 100 * (now / before - 1);
    };
    const plain = measured.filter(({ residual }) => !residual);
    const [first, last] = [plain[0]?.perplexity.value ?? Number.NaN, plain.at(-1)?.perplexity.value ?? Number.NaN];
    const perLayer = 100 * ((last / first) ** (1 / (plain.length - 1)) - 1);
    const residual = measured.at(-1);
    return {
      head: ['layers a side', 'parameters', 'dev perplexity', 'change', `test BLEU, beam ${options.beam}`, 'paper'],
      rows: measured.map((one, index) => [
        one.residual ? `${one.layers}, residual` : String(one.layers),
        one.parameters.toLocaleString('en-US'),
        written(one.perplexity, 3),
        one.residual || index === 0 ? '' : `${signed(change(index) ?? 0, 1)} %`,
        written(one.bleu, 1),
        one.residual || index === 0 ? '' : 'about −10 %',
      ]),
      conclusions: [
        `From 1 to ${plain.length} layers perplexity changes by ${signed(perLayer, 1)} % a layer on average (paper: about −10 %).`,
        `${deepest} layers with residual connections reach ${residual?.perplexity.value.toFixed(3)}, the best of 1 to ${plain.length} without is ${Math.min(...plain.map(({ perplexity }) => perplexity.value)).toFixed(3)}.`,
        'Every depth was trained with the same recipe and number of epochs; a recipe tuned to each depth might rank them otherwise.',
      ],
      plots: [
        linePlot({
          title: 'Dev perplexity by layers',
          note: 'mean and 95 % interval over seeds',
          x: { label: 'layers a side' },
          y: { label: 'dev perplexity' },
          series: [
            { name: 'plain', points: plain.map(({ layers, perplexity }) => ({ x: layers, ...perplexity })) },
            ...(residual === undefined ? [] : [{ name: 'residual', points: [{ x: residual.layers, ...residual.perplexity }] }]),
            { name: 'paper: −10 % a layer', points: plain.map(({ layers }) => ({ x: layers, value: first * 0.9 ** (layers - 1) })) },
          ],
        }),
      ],
      figures: { measured, percentPerLayer: perLayer },
    };
  },
};
