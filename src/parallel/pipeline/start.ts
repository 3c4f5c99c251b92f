import { DecadeError } from '../../core/errors.js';
import { layersOf } from '../../models/lstm/separable-layers.js';
import type { Executor } from '../../training/executor.js';
import type { PipelineOptions } from '../../training/parallel-options.js';
import { PlanChooser, writtenPlacement } from '../simulation/choose-plan.js';
import { measureMachine } from './measured-machine.js';
import { networkOf } from '../schedule/network.js';
import { PipelineExecutor, type PipelineExecutorOptions } from './executor.js';
import type { Placement } from '../schedule/placement.js';
import { ownBytes } from './own-parameters.js';
import { type PipelinePlan, pipelinePlan } from '../schedule/plan.js';
import { evenBatch } from '../schedule/schedule.js';
import type { Costs } from '../simulation/simulate.js';

/** Logits that a pipeline keeps for backward, at most; larger softmaxes are ended stretch by stretch. */
export const logitBytes = 256 * 1024 ** 2;

/** Where nothing is left to choose. */
const anyCosts: Costs = {
  seconds: ({ operations }) => operations,
  handOver: { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false },
};

export interface PipelineSetup extends Omit<PipelineExecutorOptions, 'plan'> {
  readonly devices: number;
  readonly options: PipelineOptions;
  /** As most batches are: sentences, and tokens of a sentence on each side. */
  readonly batch: { readonly sentences: number; readonly sourceTokens: number; readonly targetTokens: number };
  /** Of the run that is resumed. What the configuration does not say is as it was there. */
  readonly saved?: Executor['placement'] | undefined;
}

/** Starts a pipeline as it is configured; what is left open is chosen by costs that are measured first, which takes seconds. */
export async function startPipeline({ devices, options, batch, saved, ...rest }: PipelineSetup): Promise<PipelineExecutor> {
  if (!rest.runtime.sharedMemory) {
    throw new DecadeError('usage', {
      where: 'training.parallel.strategy',
      received: 'pipeline, but threads cannot share memory here',
      allowed: 'data',
    });
  }
  return PipelineExecutor.start({ ...rest, plan: await planPipeline({ devices, options, batch, saved, ...rest }) });
}

async function planPipeline({ devices, options, batch, saved, ...rest }: PipelineSetup): Promise<PipelinePlan> {
  // Refuses what cannot be separated before anything is measured.
  const layered = layersOf(rest.model);
  const network = networkOf(rest.model, rest.rule.optimizer);
  const { order, stretch, microBatches } = options;
  const written = options.placement && writtenPlacement(options.placement, network, devices);
  const before = pipelinePlan.safeParse(saved?.pipeline).data;
  const isAsBefore =
    before !== undefined &&
    // As many as there were, or as many as were used: that is what a run asks for that is resumed without saying.
    (before.offered === devices || before.placement.devices === devices) &&
    before.order === order &&
    (stretch === undefined || stretch === before.stretch) &&
    (microBatches === undefined || microBatches === before.microBatches) &&
    (written === undefined || JSON.stringify(written) === JSON.stringify(before.placement));
  if (isAsBefore) return before;
  const shape = evenBatch(batch.sentences, batch.sourceTokens, batch.targetTokens);
  const { maximumBytes } = rest.memories.withRoom(0);
  const fits = (placement: Placement) =>
    Array.from({ length: placement.devices }, (_, device) => ownBytes(layered, placement, device, rest.rule.optimizer)).every(
      (bytes) => bytes <= maximumBytes,
    );
  const wishes = { order, stretch, microBatches, placement: written, fits, logitBytes };
  const { runtime, gemm, precision } = rest;
  const isDecided = written !== undefined && (order === 'diagonal' ? stretch : microBatches) !== undefined;
  const machine = isDecided ? undefined : await measureMachine(runtime, { network, sentences: batch.sentences }, { gemm, precision });
  const costs = (count: number) => machine?.of(count) ?? anyCosts;
  return new PlanChooser({ network, batch: shape, costs }, wishes).on(devices).plan;
}
