import type * as z from 'zod';
import type { Figure } from '../analysis/page/plot.js';
import type { ExperimentBase } from './base.js';
import type { Laboratory } from './laboratory.js';
import type { Sentences, Step } from './steps.js';

/** Whose finding an experiment repeats. */
export interface Source {
  /** Authors and year. */
  readonly paper: string;
  /** Section, table or figure of the paper. */
  readonly where: string;
  /** What the paper reports. */
  readonly claim: string;
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

/** Options by their names: each a schema with its range, its default, and a description that the command line shows. */
export type OwnOptions = Readonly<Record<string, z.ZodType>>;

/**
 * One finding of a paper: the steps that lead to it, and how they are judged. Everything else (doing steps, resuming, sharing
 * results with other experiments, cost, tables) is the same for all.
 */
export interface Experiment<Options extends OwnOptions = OwnOptions> {
  readonly title: string;
  readonly source: Source;
  /** What it is run on when no data are given. */
  readonly task: string;
  /** How much of it is done. */
  readonly options: Options;
  /** Trainings are only timed: whether they learn decides nothing. */
  readonly isTimed?: boolean;
  /**
   * Yields stages, each of which is done before the next is asked for, and returns what their results say. It is also called for an
   * estimate of the cost: before the first stage it should only describe steps.
   */
  stages(study: Study<Options>): AsyncGenerator<Stage, Finding, void>;
}

/** Steps that are known at one time. */
export interface Stage {
  /** In the order in which they are to be done; an input that is not listed is done before the step that needs it. */
  readonly steps: readonly Step[];
  /** Unless this is the last stage: what its results decide, for the estimate. `trainings at the sizes that the first ones suggest` */
  readonly follows?: string;
}

/** What an experiment begins with, and what it gets results from: `laboratory.result(step)`. */
export interface Study<Options extends OwnOptions> {
  readonly base: ExperimentBase;
  readonly options: z.output<z.ZodObject<Options>>;
  readonly test: Sentences;
  readonly laboratory: Laboratory;
}

/** The first of each group, then the second of each: what is compared is trained side by side, in the same weather. */
export function sideBySide<Member extends Step>(groups: Readonly<Record<string, readonly Member[]>>): Member[] {
  const all = Object.values(groups);
  const most = Math.max(...all.map((group) => group.length));
  return Array.from({ length: most }, (_, index) => all.flatMap((group) => group[index] ?? [])).flat();
}
