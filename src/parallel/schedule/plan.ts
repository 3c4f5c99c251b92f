import * as z from 'zod';
import type { Network } from './network.js';
import { evaluation, pipeline } from './pipeline.js';
import { describePlacement } from './placement.js';
import { type BatchShape, operationShares, type Schedule } from './schedule.js';

const count = z.int().min(0);

/** How batches go through a pipeline. With the same plan the same run gives the same bits, so checkpoints hold it. */
export const pipelinePlan = z.strictObject({
  placement: z.strictObject({
    devices: count,
    layers: z.array(count),
    vocabulary: z.array(z.strictObject({ device: count, from: count, to: count })),
  }),
  order: z.enum(['diagonal', 'gpipe', '1f1b']),
  /** Steps that are handed on together. Absent: all. */
  stretch: z.int().min(1).optional(),
  /** Parts that a batch is divided into. */
  microBatches: z.int().min(1),
  softmax: z.enum(['as needed', 'as they come']),
  /** Devices that there were to choose from, where more than the placement uses. */
  offered: count.optional(),
});
export type PipelinePlan = z.output<typeof pipelinePlan>;

/** Steps of an evaluation that are handed on together, at most: no more logits exist at a time. */
const evaluationStretch = 8;

/** One update by a plan. */
export function updateSchedule(network: Network, plan: PipelinePlan, microBatches: readonly BatchShape[]): Schedule {
  const { placement, order, stretch = Number.POSITIVE_INFINITY, softmax } = plan;
  return pipeline(network, { placement, microBatches, stretch, order, weightGradients: 'deferred', softmax });
}

/** The loss of a batch, without gradients. */
export function evaluationSchedule(
  network: Network,
  { placement, stretch = evaluationStretch }: PipelinePlan,
  batch: BatchShape,
): Schedule {
  return evaluation(network, { placement, microBatches: [batch], stretch: Math.min(stretch, evaluationStretch) });
}

/** What lies where, and how batches go through it: a line each, for people. */
export function describePlan(plan: PipelinePlan, network: Network): string[] {
  const { placement, order, stretch, microBatches, offered = placement.devices } = plan;
  const steps = { source: [1], target: [1] };
  const shares = operationShares(updateSchedule(network, plan, [steps]));
  const parts = microBatches === 1 ? 'whole batches' : `${microBatches} micro-batches (${order})`;
  const handing = stretch === undefined ? 'all steps at once' : `${stretch} ${stretch === 1 ? 'step' : 'steps'} at a time`;
  const used = offered === placement.devices ? '' : `, ${placement.devices} of ${offered} devices: more would not be faster`;
  return [`pipeline: ${parts}, ${handing}${used}`, ...describePlacement(placement, (device) => shares[device] ?? 0)];
}
