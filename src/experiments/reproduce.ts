import type * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import type { Runtime } from '../parallel/runtime.js';
import { type BaseChoice, experimentBase } from './base.js';
import { type CarryOutOptions, carryOut, costAhead, type Reproduction } from './carry-out.js';
import { type Catalogue, type ExperimentName, experimentNamed, experiments } from './catalogue/index.js';
import type { Cost } from './cost.js';
import type { OwnOptions, Study } from './experiment.js';
import { Laboratory } from './laboratory.js';
import { resolveOwnOptions } from './options.js';

/** Options of every experiment, in addition to its own. */
export interface CommonOptions extends CarryOutOptions, BaseChoice {}

/** Options of an experiment of the catalogue. */
export type ReproduceOptions<Name extends ExperimentName = ExperimentName> = Name extends ExperimentName
  ? CommonOptions & z.input<z.ZodObject<(typeof experiments)[Name]['options']>>
  : never;

/**
 * Predicts the cost of `reproduce`; does no step and writes nothing. If steps depend on results, it covers the stages whose results
 * are stored, and the next one.
 */
export async function reproductionCost<Options extends CommonOptions>(
  runtime: Runtime,
  name: string,
  options: Options,
  catalogue: Catalogue = experiments,
): Promise<Cost> {
  const { experiment, study } = await prepared(runtime, name, options, catalogue);
  return costAhead(experiment, study, options.speedSeconds);
}

/**
 * Reruns an experiment of a paper from start to finish, in a directory that experiments share: does the steps without stored
 * results, continues interrupted ones, and writes a table with the paper's figures (Markdown and JSON), a page with plots, and
 * each plot as a file.
 *
 * @throws DecadeError `usage` for an unknown experiment, options that are not allowed, or other files with the names of its results;
 *         the signal's reason when it aborts: results so far are kept, and the same call continues
 */
export async function reproduce<Options extends CommonOptions>(
  runtime: Runtime,
  name: string,
  options: Options,
  catalogue: Catalogue = experiments,
): Promise<Reproduction> {
  const { experiment, study } = await prepared(runtime, name, options, catalogue);
  return carryOut(name, experiment, study, options);
}

/** The experiment and its starting point. */
async function prepared<Options extends CommonOptions>(runtime: Runtime, name: string, options: Options, catalogue: Catalogue) {
  const experiment = experimentNamed(name, catalogue);
  const own = resolveOwnOptions(name, experiment, options, catalogue);
  const base = await experimentBase(runtime, experiment, options);
  const laboratory = new Laboratory(runtime, options);
  const test = await laboratory.sentences(base.test, 'test');
  if (test.sources.length === 0) throw new DecadeError('input', { where: 'test set', received: 'no sentence', allowed: 'at least one' });
  const study: Study<OwnOptions> = { base, options: own, test, laboratory };
  return { experiment, study };
}
