import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { resolveOptions } from '../core/options.js';
import { experimentSizes } from './base.js';
import type { Experiment, OwnOptions } from './experiment.js';

/** Options that several experiments have; the help text shows their descriptions. */
export const seeds = (usual: number) =>
  z.int().min(1).max(100).default(usual).describe('trainings of each kind, which differ only in the seed');
export const members = z.int().min(2).max(20).default(5).describe('models in the ensemble');
export const beam = (usual: number) => z.int().min(1).max(1_000).default(usual).describe('beam size');

const where = 'reproduce options';

/** Of every experiment; `CommonOptions` says what each is. */
const commonOptions = {
  out: z.string().min(1),
  devices: z.int().min(1).max(256).optional(),
  gemm: z.string().min(1).optional(),
  signal: z.unknown().optional(),
  onEvent: z.unknown().optional(),
  configuration: z.unknown().optional(),
  set: z.array(z.string()).readonly().optional(),
  test: z.unknown().optional(),
  task: z.string().optional(),
  size: z.enum(experimentSizes).optional(),
  speedSeconds: z.number().positive().max(3_600).optional(),
  command: z.string().optional(),
};

/**
 * An experiment's own options with their defaults.
 *
 * @throws DecadeError `usage` for an option that is not allowed, with the names of the experiments that have it
 */
export function resolveOwnOptions(
  name: string,
  { options }: Experiment,
  given: object,
  catalogue: Readonly<Record<string, Experiment>>,
): z.output<z.ZodObject<OwnOptions>> {
  const own = Object.keys(options);
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined || option in commonOptions || option in options) continue;
    const owners = Object.keys(catalogue).filter((other) => option in (catalogue[other]?.options ?? {}));
    if (owners.length === 0) continue;
    throw new DecadeError('usage', {
      where: `${where}.${option}`,
      received: `an option of ${owners.join(', ')}`,
      allowed: own.length === 0 ? `none: ${name} has no options of its own` : `for ${name}: ${own.join(', ')}`,
    });
  }
  const all = resolveOptions(z.strictObject({ ...commonOptions, ...options }), given as never, where);
  return Object.fromEntries(own.map((option) => [option, (all as Readonly<Record<string, unknown>>)[option]]));
}
