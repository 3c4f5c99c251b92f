import { type Network, placedPart } from './network.js';
import type { Placement } from './placement.js';
import { type BatchShape, type Order, ordered, type Schedule } from './schedule.js';
import { type Cut, TaskGraph } from './task-graph.js';
import { touchedValues, updatedValues } from './values.js';

export interface PipelineScheduleOptions extends Cut {
  readonly microBatches: readonly BatchShape[];
  readonly order: Order;
}

/** Layers and slices of the vocabulary on different devices, each stretch of steps handed on as soon as it exists (Sutskever et al. 2014, section 3.5). */
export function pipeline(network: Network, options: PipelineScheduleOptions): Schedule {
  const { placement, microBatches, order } = options;
  const { devices } = placement;
  const graph = new TaskGraph(network);
  const ends: (readonly number[])[] = [];
  for (const [microBatch, shape] of microBatches.entries()) {
    const before = order === '1f1b' ? ends[microBatch - microBatchesUnderWay(devices)] : undefined;
    ends.push(graph.addMicroBatch(microBatch, shape, options, before));
  }
  const unneeded = graph.unneeded();
  const learnt = Array.from({ length: devices }, (_, device) => valuesOn(network, placement, microBatches, device));
  const norms = learnt.map(({ summed }, device) => graph.addNorm(device, summed, unneeded));
  graph.addUpdates(
    learnt.map(({ updated }) => updated),
    norms,
  );
  return ordered(graph.tasks, devices, order);
}

/** In the order of 1F1B: one begins when that so many before it is over on every device, which then needs nothing of it any more. */
export function microBatchesUnderWay(devices: number): number {
  return devices;
}

/** The loss alone, of the same stages. */
export function evaluation(network: Network, options: Pick<PipelineScheduleOptions, 'placement' | 'microBatches' | 'stretch'>): Schedule {
  const graph = new TaskGraph(network);
  const cut = { ...options, weightGradients: 'at once', softmax: 'as they come' } as const;
  for (const [microBatch, shape] of options.microBatches.entries()) graph.addEvaluation(microBatch, shape, cut);
  return ordered(graph.tasks, options.placement.devices, 'diagonal');
}

/** Values whose gradients a device squares and sums, and those that it then changes. The lowest layer has the embeddings. */
function valuesOn(network: Network, { layers, vocabulary }: Placement, microBatches: readonly BatchShape[], device: number) {
  const { hidden } = network;
  let dense = 0;
  for (const part of ['encoder', 'decoder'] as const) {
    for (const [layer, { values }] of network[part].entries()) if (layers[placedPart(network, part, layer)] === device) dense += values;
  }
  for (const slice of vocabulary) if (slice.device === device) dense += (slice.to - slice.from) * (hidden + 1);
  const sum = (values: readonly number[]) => (layers[0] === device ? values.reduce((total, count) => total + count, 0) : 0);
  const touched = touchedValues(network, microBatches);
  return { summed: dense + sum(touched), updated: dense + sum(updatedValues(network, touched)) };
}
