import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { resolveOptions } from '../core/options.js';
import { initParts } from './request.js';

const path = z.string().min(1);

/** Devices and matrix library, as in every call. */
const placement = {
  devices: z.int().min(1).max(256).optional(),
  gemm: z.string().min(1).optional(),
};

/** A request to train: its keys, and the values that their types do not rule out. */
const trainOptions = z.strictObject({
  ...placement,
  out: path,
  resume: z.boolean().optional(),
  init: path.optional(),
  initInto: z.enum(initParts).optional(),
  allowDifferentPlacement: z.boolean().optional(),
  amongOthers: z.boolean().optional(),
  cache: path.optional(),
  set: z.array(z.string()).optional(),
  lock: z.unknown().optional(),
  signal: z.unknown().optional(),
  saveBefore: z.date().optional(),
  onEvent: z.unknown().optional(),
});

/** Throws `usage` for an unknown option of a training, and for an impossible value. */
export function requireTrainOptions(options: object): void {
  const { init, initInto } = resolveOptions(trainOptions, options as z.input<typeof trainOptions>, 'train');
  if (initInto === undefined || init !== undefined) return;
  throw new DecadeError('usage', {
    where: `--init-into ${initInto}`,
    received: 'no run to begin with',
    allowed: 'with --init',
    next: 'name a language model with --init RUN, or leave --init-into out',
  });
}

/** Throws `usage` unless there is at least one run. */
export function requireRuns(runs: unknown): void {
  requireLoadOptions(runs, {});
}

/** Throws `usage` for impossible devices or libraries, and unless there is at least one run. */
export function requireLoadOptions(runs: unknown, options: { devices?: unknown; gemm?: unknown; untrained?: unknown }): void {
  const given = { runs, ...options } as z.input<typeof loadOptions>;
  resolveOptions(loadOptions, given, 'load');
}

const loadOptions = z.strictObject({ ...placement, untrained: z.boolean().optional(), runs: z.union([path, z.array(path).min(1)]) });
