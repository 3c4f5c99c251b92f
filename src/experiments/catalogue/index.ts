import { DecadeError, nearestName } from '../../core/errors.js';
import type { Experiment } from '../experiment.js';
import { bucketing } from './bucketing.js';
import { compression } from './compression.js';
import { decoding } from './decoding.js';
import { depth } from './depth.js';
import { epochs } from './epochs.js';
import { length, rarity } from './figure-3.js';
import { inferenceCompute } from './inference-compute.js';
import { noise } from './noise.js';
import { pretraining } from './pretraining.js';
import { rescoring } from './rescoring.js';
import { reversal } from './reversal.js';
import { scaling } from './scaling.js';
import { sentenceMap } from './sentence-map.js';

/** Every experiment by its name. */
export const experiments = {
  reversal,
  depth,
  decoding,
  rescoring,
  bucketing,
  length,
  rarity,
  'sentence-map': sentenceMap,
  pretraining,
  compression,
  scaling,
  epochs,
  'inference-compute': inferenceCompute,
  noise,
} as const satisfies Readonly<Record<string, Experiment>>;
export type ExperimentName = keyof typeof experiments;
export type Catalogue = Readonly<Record<string, Experiment>>;

/** Throws `usage`, with the nearest, for a name that is none. */
export function experimentNamed(name: string, catalogue: Catalogue = experiments): Experiment {
  const found = Object.entries(catalogue).find(([known]) => known === name)?.[1];
  if (found !== undefined) return found;
  const nearest = nearestName(name, Object.keys(catalogue));
  throw new DecadeError('usage', {
    where: 'reproduce',
    received: `experiment ${JSON.stringify(name)}`,
    allowed: Object.keys(catalogue).join(', '),
    ...(nearest === undefined ? {} : { next: `did you mean ${nearest}?` }),
  });
}
