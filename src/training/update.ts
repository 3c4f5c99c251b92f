import { type IdPair, predictedTokens } from '../data/batch.js';
import { TouchedRows } from '../tensor/touched-rows.js';
import type { UpdateResult, UpdateSettings } from './executor.js';
import { partsToSum } from './exchange.js';
import type { Group } from './group.js';
import type { Optimizer } from './optimizer.js';
import type { UpdateRule } from './optimizer-options.js';
import type { Replica } from './replica.js';

/** What an update needs on one device. */
export interface UpdateParticipant {
  readonly group: Group;
  readonly replica: Replica;
  readonly optimizer: Optimizer;
  readonly clip: UpdateRule['clip'];
}

/**
 * One device's part in an update, whatever its group: it adds up the gradient of its shards, sums its share of all gradients,
 * measures and clips it, updates its share of the parameters and gets those of the others. Of the result, the norm and whether
 * it is finite are those of all devices, the rest is this device's.
 *
 * @param shards  of each micro-batch what falls to this device
 */
export function updateTogether(
  { group, replica, optimizer, clip }: UpdateParticipant,
  shards: Iterable<readonly IdPair[]>,
  { update, learningRate, gradientScale }: UpdateSettings & { readonly gradientScale: number },
): UpdateResult {
  const total = { loss: 0, negativeLogLikelihood: 0, sentences: 0, sourceTokens: 0, targetTokens: 0 };
  const all = [...shards];
  for (const [index, pairs] of all.entries()) {
    const isLast = index === all.length - 1;
    const result = replica.accumulate(pairs, { update, gradientScale }, isLast ? (learnt) => group.announce(learnt) : undefined);
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += result[key];
  }
  const { kernels } = replica.device;
  const summed = group.reduceScatter(replica.device, replica.gradients);
  const learnt = [...summed.gradients];
  const parameters = learnt.map(({ parameter }) => parameter);
  for (const { index } of partsToSum(parameters, group.shares)) {
    const own = learnt[index];
    if (own?.gradient instanceof TouchedRows) optimizer.unpack(kernels, own);
  }
  const [squares = Number.NaN, loss = Number.NaN] = group.beginSum([summed.squares, total.loss])();
  const gradientNorm = Math.sqrt(squares);
  const finite = Number.isFinite(gradientNorm) && Number.isFinite(loss);
  if (finite) {
    const step = { update, learningRate, factor: clippingFactor(gradientNorm, clip) };
    for (const each of learnt) optimizer.update(kernels, each, step, group.shares);
  }
  group.gatherParameters();
  replica.finish();
  return { ...total, gradientNorm, finite };
}

/** What clipping multiplies the gradient by: max / norm where the norm is greater (Pascanu et al. 2013, algorithm 1). */
export function clippingFactor(norm: number, clip: UpdateRule['clip']): number {
  return clip.kind === 'norm' && norm > clip.max ? clip.max / norm : 1;
}

/** What the loss of an update is divided by. Tokens are those of the target, `</s>` counted. */
export function updateCount(microBatches: readonly (readonly IdPair[])[], normalise: UpdateRule['normalise']): number {
  let count = 0;
  for (const pairs of microBatches) {
    for (const pair of pairs) count += normalise === 'sentences' ? 1 : predictedTokens(pair);
  }
  return count;
}
