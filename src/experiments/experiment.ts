import * as z from 'zod';
import type { Figure } from '../analysis/page/plot.js';
import { scoreSentences } from '../analysis/examination/scored-sentences.js';
import { bleu } from '../metrics/bleu.js';
import { sumStatistics } from '../metrics/evaluate.js';
import { type ExperimentBase, type LstmConfiguration, varied } from './base.js';
import type { Laboratory, TrainedRun } from './laboratory.js';
import type { Sentences } from './outputs.js';

/** How much of an experiment is done, and the defaults: the paper's, where it says. */
export const experimentOptions = z.strictObject({
  /** Trainings of each kind, which differ in nothing but the seed. Default: the experiment's. */
  seeds: z.int().min(1).max(100).optional(),
  /** Models of an ensemble. */
  members: z.int().min(2).max(20).default(5),
  beam: z.int().min(1).max(1_000).default(12),
  /** Hypotheses of a list that is rescored. The paper: 1,000. */
  nbest: z.int().min(2).max(1_000).default(100),
  /**
   * What makes the list that is rescored: a forward model half as wide, or one layer with attention, which is another kind of
   * system (as the paper's phrase-based baseline was) but may leave nothing to gain on an easy task.
   */
  baseline: z.enum(['narrow', 'attention']).default('narrow'),
  /** Updates of a training that is only timed. */
  timedUpdates: z.int().min(20).max(100_000).default(200),
});
/** As a caller writes them: `{ seeds: 5 }`. */
export type ExperimentOptionsInput = z.input<typeof experimentOptions>;
export type ExperimentOptions = z.output<typeof experimentOptions> & { readonly seeds: number };

/** What an experiment begins with. */
export interface Setting {
  readonly base: ExperimentBase;
  readonly options: ExperimentOptions;
}

/** The trainings an experiment compares, by what they are in it. */
export type Plan<Group extends string> = Readonly<Record<Group, readonly LstmConfiguration[]>>;
export type TrainedPlan<Group extends string> = Readonly<Record<Group, readonly TrainedRun[]>>;

/** What is done with trained models, known before they are trained. */
export interface Use {
  /** A list holds as many hypotheses of every sentence as `beam` says; to be scored, `listed` says whose it is. */
  readonly kind: 'translate' | 'list' | 'score';
  /** That do it together. */
  readonly models: readonly LstmConfiguration[];
  readonly of: 'test' | 'dev';
  readonly beam: number;
  readonly listed?: LstmConfiguration;
}

/** What came of it. */
export interface Finding {
  readonly head: readonly string[];
  /** The paper's effects are a column of the table, beside the same effects here. */
  readonly rows: readonly (readonly string[])[];
  /** What the figures say and do not say, in sentences that are made from them. */
  readonly conclusions: readonly string[];
  readonly plots: readonly Figure[];
  /** Plots that need the whole width. */
  readonly widePlots?: readonly Figure[];
  /** Everything measured, for programs. */
  readonly figures: object;
}

/**
 * One experiment of Sutskever, Vinyals and Le (2014): which trainings it needs, and how they are judged. Everything else
 * (training, resuming, sharing runs with other experiments, cost, tables) is the same for all.
 */
export interface Experiment<Group extends string = string> {
  readonly title: string;
  /** Section, table or figure of the paper. */
  readonly where: string;
  /** What the paper reports. */
  readonly claim: string;
  /** What it is run on when no data are given. */
  readonly task: string;
  /** How many trainings of each kind when nobody says. */
  readonly seeds: number;
  /** Trainings are only timed: whether they learn decides nothing. */
  readonly isTimed?: boolean;
  plan(setting: Setting): Plan<Group>;
  /** All that `measure` will do with the trained models. */
  uses(setting: Setting, plan: Plan<Group>): readonly Use[];
  measure(study: Study<Group>): Promise<Finding>;
}

/** What an experiment measures with. */
export interface Study<Group extends string> extends Setting {
  readonly runs: TrainedPlan<Group>;
  readonly laboratory: Laboratory;
  readonly test: Sentences;
}

/** The configuration with the source read forward or backward, for so many seeds. Every experiment asks for these, so they share them. */
export function directed({ base: { configuration } }: Setting, direction: 'forward' | 'reversed', seeds: number): LstmConfiguration[] {
  const { seed } = configuration.training;
  return Array.from({ length: seeds }, (_, index) =>
    varied(configuration, { model: { reverseSource: direction === 'reversed' }, training: { seed: seed + index } }),
  );
}

/** Every training of a plan translates the test set by itself. */
export function eachTranslates({ options: { beam } }: Setting, plan: Plan<string>): Use[] {
  return Object.values(plan)
    .flat()
    .map((model) => ({ kind: 'translate', models: [model], of: 'test', beam }));
}

/** Statistics by BLEU of every translation of the test set by runs together. */
export async function bleuStatistics(
  { test, laboratory }: Pick<Study<string>, 'test' | 'laboratory'>,
  runs: readonly TrainedRun[],
  beam: number,
): Promise<readonly Float64Array[]> {
  const { signal } = laboratory.options;
  const { texts } = await laboratory.outputs.translate(runs, test, beam);
  return (await scoreSentences(bleu(), texts, [test.references], { signal })).statistics;
}

/** BLEU of the test set by each of some runs, alone. */
export async function bleuOfEach(
  study: Pick<Study<string>, 'test' | 'laboratory' | 'options'>,
  runs: readonly TrainedRun[],
): Promise<number[]> {
  const scores: number[] = [];
  for (const run of runs) scores.push(bleu().score(sumStatistics(await bleuStatistics(study, [run], study.options.beam))).score);
  return scores;
}

/** What no BLEU can be beyond. */
export const bleuBounds = [0, 100] as const;
