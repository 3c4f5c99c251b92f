import { DecadeError } from '../core/errors.js';
import type { ModelOptions } from '../models/create.js';
import { candidatePlacements, evenPlacement, type Placement } from '../parallel/placement.js';
import {
  type Assumptions,
  centralAssumptions,
  costsOf2014,
  evenBatch,
  paperLengths,
  paperNetwork,
  publishedWordsPerSecond,
} from '../parallel/profile-2014.js';
import {
  type BatchShape,
  dataParallel,
  divideShape,
  type Network,
  type Order,
  type PipelineOptions,
  operationsOf,
  pipeline,
  type Schedule,
} from '../parallel/schedule.js';
import { type Costs, type Simulation, simulate } from '../parallel/simulate.js';

export const strategies = ['data', 'pipeline', 'gpipe', '1f1b'] as const;
export type Strategy = (typeof strategies)[number];

/** What is simulated: updates of one network with batches of one shape, on one kind of machine. */
export interface Workload {
  readonly network: Network;
  readonly batch: BatchShape;
  readonly costs: Costs;
  /** `separate`: every device has a memory of its own, so that what was updated has to be exchanged. */
  readonly memories: 'shared' | 'separate';
}

export interface StrategyResult {
  readonly strategy: Strategy;
  readonly devices: number;
  /** Times as fast as one device. */
  readonly speedup: number;
  /** Speed-up by device. */
  readonly efficiency: number;
  /** Share of the devices' time in which they wait. */
  readonly idleFraction: number;
  readonly wordsPerSecond: number;
  /** Seconds of an update. */
  readonly seconds: number;
  /** Where the time of all devices goes; the shares sum to 1. */
  readonly shares: TimeShares;
  /** Devices that hold layers; the others hold slices of the vocabulary. Absent for `data`. */
  readonly layerDevices?: number;
  /** Steps handed on together, where a batch stays whole. */
  readonly stretch?: number;
  /** Parts that a batch is divided into. */
  readonly microBatches?: number;
}

export interface TimeShares {
  /** What one device would have computed, too. */
  readonly useful: number;
  /** More than that: smaller products, gradients that are summed. Negative where parts fit better than the whole. */
  readonly overhead: number;
  /** Waiting while the pipeline fills and drains. */
  readonly fill: number;
  /** Waiting in between, for others and for hand-overs. */
  readonly waiting: number;
}

/** A result with all that a drawing needs. */
export interface SimulatedStrategy {
  readonly result: StrategyResult;
  readonly schedule: Schedule;
  readonly simulation: Simulation;
  readonly placement: Placement | undefined;
}

/** What a schedule knows of a model. Throws `usage` for what pipelines refuse, and the simulator does not know the cost of. */
export function networkOf(model: ModelOptions, targetVocabulary: number): Network {
  const refuse = (key: string, received: string, reason: string, setting: string) => {
    throw new DecadeError('usage', {
      where: `simulate, model.${key}`,
      received: `${received}, ${reason}`,
      allowed: 'an encoder-decoder as in 2014',
      next: `--set model.${key}=${setting} simulates the rest of the network`,
    });
  };
  if (model.bidirectional) refuse('bidirectional', 'true', 'which has to read a whole sentence before the layer above can begin', 'false');
  if (model.inputFeeding) refuse('inputFeeding', 'true', 'which lets no layer begin a step before all have ended the last one', 'false');
  if (model.attention !== 'none')
    refuse('attention', model.attention, 'which needs the whole source on the device of the top layer', 'none');
  return { layers: model.layers, hidden: model.hidden, embedding: model.embedding, targetVocabulary };
}

/** A strategy on so many devices, with the placement and the division of the batch that are fastest. */
export function simulateStrategy(workload: Workload, strategy: Strategy, devices: number): SimulatedStrategy {
  const { network, batch, costs, memories } = workload;
  const one = simulateOne(workload);
  if (strategy === 'data') {
    const schedule = dataParallel(network, divideShape(batch, devices), memories);
    const simulation = simulate(schedule, costs);
    return { result: resultOf(strategy, batch, one, schedule, simulation), schedule, simulation, placement: undefined };
  }
  let best: { schedule: Schedule; simulation: Simulation; placement: Placement; division: Division } | undefined;
  for (const placement of placementsFor(network, batch, devices)) {
    for (const division of divisionsOf(strategy, batch)) {
      const { stretch = Number.POSITIVE_INFINITY, microBatches = 1 } = division;
      const order: Order = strategy === 'pipeline' ? 'diagonal' : strategy;
      const parts = divideShape(batch, microBatches);
      const schedule = pipeline(network, {
        placement,
        microBatches: parts,
        stretch,
        order,
        weightGradients: 'deferred',
        softmax: 'as needed',
      });
      const simulation = simulate(schedule, costs);
      if (best === undefined || simulation.seconds < best.simulation.seconds) best = { schedule, simulation, placement, division };
    }
  }
  if (best === undefined) throw new Error(`no placement for ${devices} devices`);
  const { schedule, simulation, placement, division } = best;
  const details = { layerDevices: new Set(placement.layers).size, ...division };
  return { result: { ...resultOf(strategy, batch, one, schedule, simulation), ...details }, schedule, simulation, placement };
}

function simulateOne({ network, batch, costs, memories }: Workload): Simulation {
  return simulate(dataParallel(network, [batch], memories), costs);
}

function resultOf(strategy: Strategy, batch: BatchShape, one: Simulation, { devices }: Schedule, simulation: Simulation): StrategyResult {
  const { seconds, busySeconds, fillSeconds, waitingSeconds } = simulation;
  const total = devices * seconds;
  const speedup = one.seconds / seconds;
  return {
    strategy,
    devices,
    speedup,
    efficiency: speedup / devices,
    idleFraction: Math.max(0, 1 - busySeconds / total),
    wordsPerSecond: wordsOf(batch) / seconds,
    seconds,
    shares: {
      useful: one.busySeconds / total,
      overhead: (busySeconds - one.busySeconds) / total,
      fill: fillSeconds / total,
      waiting: waitingSeconds / total,
    },
  };
}

function placementsFor(network: Network, { source, target }: BatchShape, devices: number): Placement[] {
  const rows = (active: readonly number[]) => active.reduce((sum, sentences) => sum + sentences, 0);
  const layer = operationsOf(network, { part: 'decoder', layer: network.layers - 1 }) * (rows(source) + rows(target));
  const output = operationsOf(network, { part: 'output', vocabulary: { from: 0, to: network.targetVocabulary } }) * rows(target);
  return candidatePlacements(network, devices, output / layer);
}

/** How a batch is handed on: by steps, or by micro-batches. */
interface Division {
  readonly stretch?: number;
  readonly microBatches?: number;
}

function divisionsOf(strategy: Strategy, { source, target }: BatchShape): Division[] {
  const sentences = Math.max(source[0] ?? 0, target[0] ?? 0);
  const steps = Math.max(source.length, target.length);
  if (strategy === 'pipeline') return [1, 2, 4, 8].filter((stretch) => stretch <= steps).map((stretch) => ({ stretch }));
  const counts = [1, 2, 4, 8, 16].filter((microBatches) => microBatches <= sentences);
  return counts.map((microBatches) => ({ microBatches }));
}

/** Source and target tokens. */
function wordsOf({ source, target }: BatchShape): number {
  return [...source, ...target].reduce((sum, active) => sum + active, 0);
}

/** Share of a schedule's operations that each device does. */
export function operationShares({ tasks, devices }: Schedule): number[] {
  const operations = new Float64Array(devices);
  for (const task of tasks) (operations[task.device] as number) += task.operations;
  const all = operations.reduce((sum, count) => sum + count, 0);
  return Array.from(operations, (count) => (all === 0 ? 0 : count / all));
}

/** One assumption changed, all others as in the middle. */
export interface Variation {
  readonly assumption: string;
  readonly speedup: number;
  readonly wordsPerSecond: number;
  readonly idleFraction: number;
}

/** The 2014 paper's eight GPUs: four layers, and a quarter of the vocabulary on each of the other four. */
export interface PaperPrediction {
  readonly published: { readonly oneGpu: number; readonly eightGpus: number; readonly speedup: number };
  /** Nothing about the eight GPUs was used to make it. */
  readonly predicted: StrategyResult;
  readonly variations: readonly Variation[];
  /** Over all combinations of the assumptions. */
  readonly range: { readonly lowest: number; readonly highest: number };
  /** Share of its time that a device of each kind computes. */
  readonly busy: { readonly layers: number; readonly softmax: number };
  /** Predicted over published speed-up, less 1: what no assumption in the middle explains. */
  readonly unexplained: number;
  /** What data parallelism would have given on the same GPUs: with the same batch, and with 128 sentences on each GPU. */
  readonly dataParallel: StrategyResult;
  readonly dataParallelLargerBatch: StrategyResult;
}

interface PaperCase extends Pick<PipelineOptions, 'stretch' | 'weightGradients' | 'softmax'> {
  readonly assumptions: Assumptions;
}

const middle: PaperCase = { assumptions: centralAssumptions, stretch: 1, weightGradients: 'at once', softmax: 'as needed' };

/** What could have been otherwise, each by its name. */
const alternatives: { readonly [assumption: string]: (before: PaperCase) => PaperCase } = {
  'softmax products twice as fast an operation': (before) => ({ ...before, assumptions: { ...before.assumptions, softmaxSpeed: 2 } }),
  'products of 64 rows at half speed': (before) => ({ ...before, assumptions: { ...before.assumptions, halfSpeedRows: 64 } }),
  'slow hand-over (3 GB/s, 50 µs, nothing computed meanwhile)': (before) => ({
    ...before,
    assumptions: { ...before.assumptions, handOver: { latency: 50e-6, bytesPerSecond: 3e9, blocking: true } },
  }),
  'stretches of 5 steps: longer fill and drain': (before) => ({ ...before, stretch: 5 }),
  'softmax of every step as it comes, so that backward waits for all': (before) => ({ ...before, softmax: 'as they come' }),
  'weight gradients put off to waiting time': (before) => ({ ...before, weightGradients: 'deferred' }),
};

/** Predicts what the paper measured, from the speed of one GPU, the bus, and the schedule alone. */
export function predictPaper(): { prediction: PaperPrediction; simulated: SimulatedStrategy } {
  const batch = evenBatch(paperLengths.sentences, paperLengths.source, paperLengths.target);
  const devices = 8;
  const placement = evenPlacement(paperNetwork, devices, 4);
  const simulateCase = ({ assumptions, ...cut }: PaperCase): SimulatedStrategy => {
    const workload: Workload = { network: paperNetwork, batch, costs: costsOf2014(assumptions), memories: 'separate' };
    const schedule = pipeline(paperNetwork, { placement, microBatches: [batch], order: 'diagonal', ...cut });
    const simulation = simulate(schedule, workload.costs);
    const result = resultOf('pipeline', batch, simulateOne(workload), schedule, simulation);
    return { result: { ...result, layerDevices: 4, stretch: cut.stretch }, schedule, simulation, placement };
  };
  const changes = Object.entries(alternatives);
  const variations = changes.map(([assumption, change]) => {
    const { speedup, wordsPerSecond, idleFraction } = simulateCase(change(middle)).result;
    return { assumption, speedup, wordsPerSecond, idleFraction };
  });
  const speedups = Array.from({ length: 2 ** changes.length }, (_, chosen) => {
    const combined = changes.reduce((before, [, change], bit) => ((chosen >> bit) & 1 ? change(before) : before), middle);
    return simulateCase(combined).result.speedup;
  });
  const simulated = simulateCase(middle);
  const { result: predicted, simulation } = simulated;
  const busyOf = (held: readonly number[]) =>
    held.reduce((sum, device) => sum + (simulation.spans[device] ?? []).reduce((busy, { start, end }) => busy + end - start, 0), 0) /
    (held.length * simulation.seconds);
  const publishedSpeedup = publishedWordsPerSecond.eight / publishedWordsPerSecond.one;
  const workload: Workload = { network: paperNetwork, batch, costs: costsOf2014(), memories: 'separate' };
  const larger = evenBatch(devices * paperLengths.sentences, paperLengths.source, paperLengths.target);
  return {
    simulated,
    prediction: {
      published: { oneGpu: publishedWordsPerSecond.one, eightGpus: publishedWordsPerSecond.eight, speedup: publishedSpeedup },
      predicted,
      variations,
      range: { lowest: Math.min(...speedups), highest: Math.max(...speedups) },
      busy: { layers: busyOf(placement.layers), softmax: busyOf(placement.vocabulary.map(({ device }) => device)) },
      unexplained: predicted.speedup / publishedSpeedup - 1,
      dataParallel: simulateStrategy(workload, 'data', devices).result,
      dataParallelLargerBatch: simulateStrategy({ ...workload, batch: larger }, 'data', devices).result,
    },
  };
}
