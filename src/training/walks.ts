import { randomKey } from '../core/random.js';
import type { TrainableModel } from '../models/model.js';
import type { LossOfTwoWalks, Pass } from '../nn/pass.js';
import { consistentCrossEntropy } from '../tensor/operations/consistent-cross-entropy.js';
import type { Runner } from '../tensor/tape.js';
import type { UpdateRule } from './optimizer-options.js';

/** How a model is walked through in training: with dropout, if it has any, and for consistency a second time with other dropout. */
export function trainingPass(
  model: TrainableModel,
  runner: Runner,
  { seed, consistency }: Pick<UpdateRule, 'seed' | 'consistency'>,
  update: number,
): Pass {
  if (model.dropout === 0) return { runner };
  const dropout = { rate: model.dropout, seed, step: update };
  if (consistency === 0) return { runner, dropout };
  const other = { ...dropout, seed: randomKey(seed, 'dropout') };
  const twoWalks: LossOfTwoWalks = (inputs, attributes, walk) =>
    runner.loss(consistentCrossEntropy, { ...inputs, twin: walk({ runner, dropout: other }) }, { ...attributes, consistency });
  return { runner, dropout, twoWalks };
}

/** How often an update computes its batch. */
export function walksOf({ consistency = 0 }: { readonly consistency?: number | undefined }): 1 | 2 {
  return consistency > 0 ? 2 : 1;
}
