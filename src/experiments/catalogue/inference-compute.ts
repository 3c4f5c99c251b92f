import * as z from 'zod';
import { type PairedInterval, pairedIntervals, scoreSentences } from '../../analysis/examination/scored-sentences.js';
import { linePlot } from '../../analysis/page/plot.js';
import { bleu } from '../../metrics/bleu.js';
import { chrf } from '../../metrics/chrf.js';
import { sumStatistics } from '../../metrics/evaluate.js';
import { type Configuration, configurationOf } from '../../training/configuration.js';
import { languageTask, type NetworkScale, varied } from '../base.js';
import { type Decoded, type DecodedModel, type Decoding, decodingStep, givenRun } from '../decodings.js';
import type { Experiment, Finding, Study } from '../experiment.js';
import { train } from '../steps.js';
import { change, written } from '../wording.js';

const options = {
  models: z
    .string()
    .min(1)
    .optional()
    .describe('trained runs instead of trainings: RUN,RUN,...; RUN+RUN is an ensemble. CONFIG.yaml is then that of one of them'),
  beam: z.int().min(1).max(64).default(16).describe('widest beam: 1, 2, 4, ... up to it'),
  samples: z.int().min(1).max(256).default(64).describe('most samples for minimum Bayes risk: 4, 16, 64, 256 up to it'),
  sentences: z.int().min(2).max(100_000).default(200).describe('test sentences, the first ones'),
};

type ComputeStudy = Study<typeof options>;

/** One model or an ensemble, by the name that its line has. */
interface System {
  readonly name: string;
  readonly models: readonly DecodedModel[];
  /** Reads the candidates of this system again. */
  readonly reranker?: { readonly name: string; readonly model: DecodedModel } | undefined;
}

/** A way to decode, its cost per sentence and its quality. */
interface Point {
  readonly system: string;
  readonly decoding: string;
  /** Floating-point operations and processor seconds per sentence. */
  readonly operations: number;
  readonly seconds: number;
  readonly evaluations: number;
  readonly bleu: PairedInterval;
  readonly chrf: number;
  readonly statistics: readonly Float64Array[];
}

export const inferenceCompute: Experiment<typeof options> = {
  title: 'Thinking longer or a larger network',
  source: {
    paper: 'Eikema and Aziz, 2022, after Kumar and Byrne, 2004',
    where: 'section 5',
    claim: 'minimum Bayes risk decoding gains steadily with more samples, at the price of computing them',
  },
  task: languageTask,
  network: ({ layers, hidden, embedding }: NetworkScale) => ({ kind: 'lstm', attention: 'dot', ...{ layers, hidden, embedding } }),
  options,

  async *stages(study) {
    const { laboratory, test } = study;
    const { signal } = laboratory.options;
    const systems = await systemsOf(study);
    const sentences = {
      name: test.name,
      sources: test.sources.slice(0, study.options.sentences),
      references: test.references.slice(0, study.options.sentences),
    };
    const decodings = systems.flatMap((system) =>
      waysOf(system, study.options).map(({ name, ...way }) => ({
        system: system.name,
        decoding: name,
        step: decodingStep(laboratory, `${system.name}, ${name}`, { models: system.models, sentences, ...way }),
      })),
    );
    const trainings = systems.flatMap(({ models }) => models.filter((model) => model.kind === 'train'));
    yield { steps: trainings, follows: `decoding in ${decodings.length} ways` };
    yield { steps: decodings.map(({ step }) => step) };

    const measured: (Omit<Point, 'bleu'> & { readonly result: Decoded })[] = [];
    for (const { step, ...named } of decodings) {
      const result = await laboratory.result(step);
      const { statistics } = await scoreSentences(bleu(), result.texts, [sentences.references], { signal });
      const { metric, statistics: ofCharacters } = await scoreSentences(chrf(), result.texts, [sentences.references], { signal });
      const per = (sum: number) => sum / sentences.sources.length;
      const costs = { operations: per(result.operations), seconds: per(result.seconds), evaluations: per(result.evaluations) };
      measured.push({ ...named, ...costs, chrf: metric.score(sumStatistics(ofCharacters)).score, statistics, result });
    }
    const intervals = await pairedIntervals(
      bleu(),
      measured.map(({ statistics }) => statistics),
      { signal },
    );
    const points = measured.map(({ result: _, ...point }, index) => ({ ...point, bleu: intervals[index] as PairedInterval }));
    return findingOf(points, sentences.sources.length, signal);
  },
};

/** Given runs, or a small and a large network of each kind, and the small one twice as an ensemble. */
async function systemsOf(study: ComputeStudy): Promise<System[]> {
  const { laboratory, base, options } = study;
  if (options.models !== undefined) {
    const known = new Map<string, DecodedModel>();
    const systems: System[] = [];
    for (const name of options.models.split(',')) {
      const models: DecodedModel[] = [];
      for (const path of name.split('+')) {
        const run = known.get(path) ?? (await givenRun(laboratory, path));
        known.set(path, run);
        models.push(run);
      }
      systems.push({ name: models.map((model) => ('name' in model ? model.name : '')).join(' + '), models });
    }
    return withRerankers(systems);
  }
  return withRerankers(
    networksOf(base.configuration).flatMap(({ kind, small, large }) => {
      const again = train(varied(small, { training: { seed: small.training.seed + 1 } }));
      const first = train(small);
      return [
        { name: `small ${kind}`, models: [first] },
        { name: `2 small ${kind}s`, models: [first, again] },
        { name: `large ${kind}`, models: [train(large)] },
      ];
    }),
  );
}

/** Every single model is reranked by the last of the others, which is the large one of another kind where there is one. */
function withRerankers(systems: readonly System[]): System[] {
  const single = systems.filter(({ models }) => models.length === 1);
  return systems.map((system) => {
    const other = single.findLast(({ models }) => !system.models.includes(models[0] as DecodedModel));
    if (system.models.length > 1 || other === undefined) return system;
    return { ...system, reranker: { name: other.name, model: other.models[0] as DecodedModel } };
  });
}

/** Half as wide is the small one. Without a source of another kind, an LSTM is joined by a Transformer about as large. */
function networksOf(
  configuration: Configuration,
): { readonly kind: string; readonly small: Configuration; readonly large: Configuration }[] {
  const { model } = configuration;
  const half = (width: number) => Math.max(4, 4 * Math.round(width / 8));
  if (model.kind === 'transformer') {
    const small = varied(configuration, {
      model: { width: half(model.width), feedForward: half(model.feedForward) } as Partial<typeof model>,
    });
    return [{ kind: 'Transformer', small, large: configuration }];
  }
  if (model.kind !== 'lstm') return [];
  const { data, tokenizer, training } = configuration;
  const transformer = (width: number) => {
    const network = { kind: 'transformer' as const, encoderLayers: 2, decoderLayers: 2, heads: 4, width, feedForward: 4 * width };
    return { ...configuration, model: configurationOf({ version: 1, data, tokenizer, training, model: network }).model };
  };
  const { hidden, embedding } = model;
  const small = varied(configuration, { model: { hidden: half(hidden), embedding: half(embedding) } as Partial<typeof model> });
  return [
    { kind: 'LSTM', small, large: configuration },
    { kind: 'Transformer', small: transformer(half(half(hidden))), large: transformer(half(hidden)) },
  ];
}

/** The ways in which a system decodes, from the cheapest of each kind. */
function waysOf({ reranker, models }: System, { beam, samples }: ComputeStudy['options']) {
  const beams = Array.from({ length: 7 }, (_, power) => 2 ** power).filter((width) => width <= beam);
  const widest = beams.at(-1) ?? 1;
  const ways: (Pick<Decoding, 'search' | 'select' | 'reranker'> & { readonly name: string })[] = beams.map((width) => ({
    name: width === 1 ? 'greedy' : `beam ${width}`,
    search: { beam: width },
  }));
  if (widest > 1) ways.push({ name: `beam ${widest}, MBR`, search: { beam: widest }, select: { by: 'mbr' } });
  if (models.length > 1) return ways;
  for (const count of [1, 4, 16, 64, 256].filter((number) => number <= samples)) {
    const name = count === 1 ? '1 sample' : `${count} samples, MBR`;
    ways.push({ name, search: { sample: { samples: count } }, ...(count > 1 && { select: { by: 'mbr' } }) });
  }
  if (reranker !== undefined && widest > 1)
    ways.push({ name: `beam ${widest}, reranked by ${reranker.name}`, search: { beam: widest }, reranker: reranker.model });
  return ways;
}

/** Points that nothing cheaper is as good as, from the cheapest. */
export function frontierOf<Of>(points: readonly Of[], cost: (point: Of) => number, quality: (point: Of) => number): Of[] {
  let best = Number.NEGATIVE_INFINITY;
  return points
    .toSorted((a, b) => cost(a) - cost(b) || quality(b) - quality(a))
    .filter((point) => {
      if (quality(point) <= best) return false;
      best = quality(point);
      return true;
    });
}

async function findingOf(points: readonly Point[], sentences: number, signal: AbortSignal | undefined): Promise<Finding> {
  const quality = (point: Point) => point.bleu.score;
  const frontiers = {
    operations: frontierOf(points, ({ operations }) => operations, quality),
    seconds: frontierOf(points, ({ seconds }) => seconds, quality),
  };
  const estimate = ({ score, low, high }: { readonly score: number; readonly low: number; readonly high: number }) => ({
    value: score,
    low,
    high,
  });
  const plot = (cost: 'operations' | 'seconds', label: string) =>
    linePlot({
      title: `BLEU by ${cost} per sentence`,
      note: `Each point is a way to decode; the frontier is what nothing cheaper is as good as. ${sentences} sentences, 95 % bootstrap intervals.`,
      x: { label, scale: 'log' },
      y: { label: 'BLEU', bounds: [0, 100] },
      series: [
        ...[...new Set(points.map(({ system }) => system))].map((system) => ({
          name: system,
          points: points
            .filter((point) => point.system === system)
            .toSorted((a, b) => a[cost] - b[cost])
            .map((point) => ({ x: point[cost], ...estimate(point.bleu) })),
        })),
        { name: 'Pareto frontier', points: frontiers[cost].map((point) => ({ x: point[cost], value: quality(point) })) },
      ],
    });
  return {
    head: [
      'model',
      'decoding',
      'BLEU (95 % bootstrap)',
      'chrF',
      'operations per sentence',
      'processor seconds per sentence',
      'on the frontier',
    ],
    rows: points.map((point) => [
      point.system,
      point.decoding,
      written(estimate(point.bleu), 1),
      point.chrf.toFixed(1),
      point.operations.toExponential(1),
      point.seconds.toPrecision(2),
      (['operations', 'seconds'] as const).filter((cost) => frontiers[cost].includes(point)).join(', '),
    ]),
    conclusions: [...(await comparisons(points, signal)), ...limits(points)],
    plots: [],
    widePlots: [plot('operations', 'floating-point operations per sentence'), plot('seconds', 'processor seconds per sentence')],
    figures: {
      points: points.map(({ statistics: _, ...point }) => point),
      frontiers: frontiers.operations.map(({ system, decoding }) => ({ system, decoding })),
    },
  };
}

/** For every pair of models, the cheaper thinking longer against the dearer one's greedy search. */
async function comparisons(points: readonly Point[], signal: AbortSignal | undefined): Promise<string[]> {
  const greedy = points.filter(({ decoding }) => decoding === 'greedy').toSorted((a, b) => a.operations - b.operations);
  const conclusions: string[] = [];
  for (const [index, small] of greedy.entries()) {
    for (const large of greedy.slice(index + 1)) {
      const affordable = points.filter(({ system, operations }) => system === small.system && operations <= large.operations);
      const best = affordable.reduce((one, other) => (other.bleu.score > one.bleu.score ? other : one), small);
      const [, compared] = await pairedIntervals(bleu(), [large.statistics, best.statistics], { signal });
      const { difference } = compared as PairedInterval;
      if (difference === undefined) continue;
      // A network that is cheaper and better needs no thinking for it.
      const isBetter = small.bleu.score > large.bleu.score ? 'the cheaper network is better by itself' : 'thinking longer is worth more';
      const told = difference.low > 0 ? isBetter : difference.high < 0 ? 'the larger network is worth more' : 'undecided';
      conclusions.push(
        `At most the ${large.operations.toExponential(1)} operations of ${large.system}, greedy: ${small.system}, ${best.decoding} (${best.operations.toExponential(1)}), ${change({ value: difference.score, low: difference.low, high: difference.high }, 1)} BLEU: ${told}.`,
      );
    }
  }
  return conclusions;
}

function limits(points: readonly Point[]): string[] {
  const sampled = points.filter(({ evaluations }) => evaluations > 0).map(({ evaluations }) => evaluations);
  const most = Math.max(0, ...sampled);
  return [
    `Operations are two for each multiplication by a parameter, of all hypotheses; comparing texts (up to ${Math.round(most).toLocaleString('en')} pairs per sentence) is in the seconds alone. Seconds are those of all processors of this machine. One seed each; the best of several ways to decode was chosen on the same sentences that it is judged by, so small leads are flattered.`,
  ];
}
