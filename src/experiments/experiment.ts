import type * as z from 'zod';
import type { Figure } from '../analysis/page/plot.js';
import type { ExperimentBase, WithoutData } from './base.js';
import type { Laboratory } from './laboratory.js';
import { type Sentences, type Step, type Train, type Translate, translate } from './steps.js';

/** The finding that an experiment repeats. */
export interface Source {
  /** Authors and year. */
  readonly paper: string;
  /** Section, table or figure of the paper. */
  readonly where: string;
  /** What the paper reports. */
  readonly claim: string;
}

/** The result of an experiment. */
export interface Finding {
  readonly head: readonly string[];
  /** The paper's effects are a column of the table, next to the effects here. */
  readonly rows: readonly (readonly string[])[];
  /** Sentences that say what the figures show and do not show. */
  readonly conclusions: readonly string[];
  readonly plots: readonly Figure[];
  /** Plots that need the whole width. */
  readonly widePlots?: readonly Figure[];
  /** Further tables, below the plots. */
  readonly tables?: readonly FindingTable[];
  /** Everything measured, for programs. */
  readonly figures: object;
}

export interface FindingTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What its figures are. */
  readonly note?: string | undefined;
}

/** Options by name: each a schema with range, default, and a description for the help text. */
export type OwnOptions = Readonly<Record<string, z.ZodType>>;

/**
 * One finding of a paper: the steps that lead to it and the evaluation of their results. Everything else (doing steps, resuming, sharing
 * results with other experiments, cost, tables) is the same for all.
 */
export interface Experiment<Options extends OwnOptions = OwnOptions> extends WithoutData {
  readonly title: string;
  readonly source: Source;
  /** Options of this experiment. */
  readonly options: Options;
  /**
   * No training that did not learn takes its verdict away: trainings are only timed, or it leaves those out by itself and names them.
   */
  readonly judgesItself?: boolean;
  /**
   * Yields stages, each of which is done before the next is requested, and returns the finding. It is also called to estimate the
   * cost, so before the first stage it should only describe steps.
   */
  stages(study: Study<Options>): AsyncGenerator<Stage, Finding, void>;
}

/** Steps that are known at the same time. */
export interface Stage {
  /** In the order of execution; an input that is not listed is done before the step that needs it. */
  readonly steps: readonly Step[];
  /** Unless this is the last stage: what follows, for the estimate, such as `trainings at the sizes that the first ones suggest`. */
  readonly follows?: string;
}

/** The starting point of an experiment, and the source of results: `laboratory.result(step)`. */
export interface Study<Options extends OwnOptions> {
  readonly base: ExperimentBase;
  readonly options: z.output<z.ZodObject<Options>>;
  readonly test: Sentences;
  readonly laboratory: Laboratory;
}

/** The first of each group, then the second of each: groups are trained alternately, so the machine's load affects all alike. */
export function sideBySide<Member extends Step>(groups: Readonly<Record<string, readonly Member[]>>): Member[] {
  const all = Object.values(groups);
  const most = Math.max(...all.map((group) => group.length));
  return Array.from({ length: most }, (_, index) => all.flatMap((group) => group[index] ?? [])).flat();
}

/** Each model of each group translates the test set. */
export function eachTranslates<Group extends string>(
  { test }: Pick<Study<OwnOptions>, 'test'>,
  groups: Readonly<Record<Group, readonly Train[]>>,
  beam: number,
): Record<Group, Translate[]> {
  const translations = Object.entries<readonly Train[]>(groups).map(([group, models]) => [
    group,
    models.map((model) => translate([model], test, beam)),
  ]);
  return Object.fromEntries(translations) as Record<Group, Translate[]>;
}
