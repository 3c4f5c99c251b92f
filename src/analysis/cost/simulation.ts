import { PlanChooser } from '../../parallel/simulation/choose-plan.js';
import { dataParallel } from '../../parallel/schedule/data-parallel.js';
import type { Network } from '../../parallel/schedule/network.js';
import type { PipelinePlan } from '../../parallel/schedule/plan.js';
import { type PipelineScheduleOptions, pipeline } from '../../parallel/schedule/pipeline.js';
import { evenPlacement, type Placement } from '../../parallel/schedule/placement.js';
import {
  type Assumptions,
  centralAssumptions,
  costsOf2014,
  paperLengths,
  paperNetwork,
  publishedWordsPerSecond,
} from '../../parallel/simulation/profile-2014.js';
import { type BatchShape, divideShape, evenBatch, type Order, rowsOf, type Schedule } from '../../parallel/schedule/schedule.js';
import { type Costs, type Simulation, simulate } from '../../parallel/simulation/simulate.js';

export const strategies = ['data', 'pipeline', 'gpipe', '1f1b'] as const;
export type Strategy = (typeof strategies)[number];

/** What is simulated: updates of one network with batches of one shape, on one kind of machine. */
export interface Workload {
  readonly network: Network;
  readonly batch: BatchShape;
  /** Batches of an update. Default: 1. */
  readonly batches?: number | undefined;
  /** Of a device while so many work. */
  costs(devices: number): Costs;
  /** `separate`: every device has a memory of its own, so that what was updated has to be exchanged. */
  readonly memories: 'shared' | 'separate';
  /** Logits that a pipeline may keep. Default: all. */
  readonly logitBytes?: number | undefined;
}

export interface StrategyResult {
  readonly strategy: Strategy;
  readonly devices: number;
  /** Of these devices; more would not be faster. The others wait all the time. */
  readonly usedDevices: number;
  /** Times as fast as one device. */
  readonly speedup: number;
  /** Speed-up by device. */
  readonly efficiency: number;
  /** Share of the devices' time in which they compute nothing. */
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
  /** Computing more than that: smaller products, devices that slow each other down. */
  readonly overhead: number;
  /** Summing and sending gradients and parameters of replicas, where nothing else is computed meanwhile. */
  readonly exchange: number;
  /** Waiting while the pipeline fills and drains. */
  readonly fill: number;
  /** Waiting in between, for others and for hand-overs. */
  readonly waiting: number;
  /** Devices that are not used. */
  readonly unused: number;
}

/** A result with all that a drawing needs. */
export interface SimulatedStrategy {
  readonly result: StrategyResult;
  readonly schedule: Schedule;
  readonly simulation: Simulation;
  readonly placement: Placement | undefined;
  /** Of a pipeline that devices could execute. */
  readonly plan?: PipelinePlan;
}

/** Simulates strategies on any number of devices, each with the placement and the division of the batch that are fastest. */
export class Simulator {
  readonly #workload: Workload;
  readonly #one: Simulation;
  readonly #choosers = new Map<Order, PlanChooser>();

  constructor(workload: Workload) {
    this.#workload = workload;
    this.#one = simulateOne(workload);
  }

  on(strategy: Strategy, devices: number): SimulatedStrategy {
    const { network, batch, batches, costs, memories } = this.#workload;
    if (strategy === 'data') {
      const schedule = dataParallel(network, divideShape(batch, devices), { memories, batches });
      const simulation = simulate(schedule, costs(devices));
      const result = resultOf(strategy, this.#workload, devices, this.#one, simulation);
      return { result, schedule, simulation, placement: undefined };
    }
    const { plan, schedule, simulation } = this.#chooser(strategy === 'pipeline' ? 'diagonal' : strategy).on(devices);
    const { placement, stretch, microBatches } = plan;
    const division = stretch === undefined ? { microBatches } : { stretch };
    const details = { layerDevices: new Set(placement.layers).size, ...division };
    const result = { ...resultOf(strategy, this.#workload, devices, this.#one, simulation), ...details };
    return { result, schedule, simulation, placement, plan };
  }

  /** It remembers what it has tried on other numbers of devices. */
  #chooser(order: Order): PlanChooser {
    const { logitBytes } = this.#workload;
    const chooser = this.#choosers.get(order) ?? new PlanChooser(this.#workload, { order, logitBytes });
    this.#choosers.set(order, chooser);
    return chooser;
  }
}

function simulateOne({ network, batch, batches, costs, memories }: Workload): Simulation {
  return simulate(dataParallel(network, [batch], { memories, batches }), costs(1));
}

function resultOf(
  strategy: Strategy,
  { batch, batches = 1 }: Pick<Workload, 'batch' | 'batches'>,
  devices: number,
  one: Simulation,
  { seconds, spans, busySeconds, exchangeSeconds, transfers, fillSeconds, waitingSeconds }: Simulation,
): StrategyResult {
  const total = devices * seconds;
  const speedup = one.seconds / seconds;
  const transferSeconds = transfers.flat().reduce((sum, { start, end }) => sum + end - start, 0);
  const computingSeconds = busySeconds - (exchangeSeconds - transferSeconds);
  // Where parts fit better into caches than the whole, they compute less than one device.
  const useful = Math.min(one.busySeconds, computingSeconds, total);
  return {
    strategy,
    devices,
    usedDevices: spans.length,
    speedup,
    efficiency: speedup / devices,
    idleFraction: Math.max(0, 1 - busySeconds / total),
    wordsPerSecond: (batches * tokensOf(batch)) / seconds,
    seconds,
    shares: {
      useful: useful / total,
      overhead: (computingSeconds - useful) / total,
      exchange: exchangeSeconds / total,
      fill: fillSeconds / total,
      waiting: waitingSeconds / total,
      unused: 1 - spans.length / devices,
    },
  };
}

/** Source and target tokens. */
function tokensOf({ source, target }: BatchShape): number {
  return rowsOf(source) + rowsOf(target);
}

/** One assumption changed, all others as in the middle. */
export interface VariedAssumption {
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
  readonly variations: readonly VariedAssumption[];
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

interface PaperCase extends Pick<PipelineScheduleOptions, 'stretch' | 'weightGradients' | 'softmax'> {
  readonly assumptions: Assumptions;
}

const middle: PaperCase = { assumptions: centralAssumptions, stretch: 1, weightGradients: 'at once', softmax: 'as needed' };

/** What could have been otherwise, each by its name. */
const alternatives: { readonly [assumption: string]: (before: PaperCase) => PaperCase } = {
  'softmax products twice as fast per operation': (before) => ({ ...before, assumptions: { ...before.assumptions, softmaxSpeed: 2 } }),
  'products of 64 rows at half speed': (before) => ({ ...before, assumptions: { ...before.assumptions, halfSpeedRows: 64 } }),
  'slow transfers that block computation (3 GB/s, 50 µs)': (before) => ({
    ...before,
    assumptions: { ...before.assumptions, handOver: { latency: 50e-6, bytesPerSecond: 3e9, blocking: true } },
  }),
  '5 time steps sent together': (before) => ({ ...before, stretch: 5 }),
  'the softmax of each step as it arrives, which backward waits for': (before) => ({ ...before, softmax: 'as they come' }),
  'weight gradients computed in waiting time': (before) => ({ ...before, weightGradients: 'deferred' }),
};

/** Predicts what the paper measured, from the speed of one GPU, the bus, and the schedule alone. */
export function predictPaper(): { prediction: PaperPrediction; simulated: SimulatedStrategy } {
  const batch = evenBatch(paperLengths.sentences, paperLengths.source, paperLengths.target);
  const devices = 8;
  const placement = evenPlacement(paperNetwork, devices, 4);
  const simulateCase = ({ assumptions, ...cut }: PaperCase): SimulatedStrategy => {
    const costs = costsOf2014(assumptions);
    const workload: Workload = { network: paperNetwork, batch, costs: () => costs, memories: 'separate' };
    const schedule = pipeline(paperNetwork, { placement, microBatches: [batch], order: 'diagonal', ...cut });
    const simulation = simulate(schedule, costs);
    const result = resultOf('pipeline', workload, devices, simulateOne(workload), simulation);
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
  const costs = costsOf2014();
  const workload: Workload = { network: paperNetwork, batch, costs: () => costs, memories: 'separate' };
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
      dataParallel: new Simulator(workload).on('data', devices).result,
      dataParallelLargerBatch: new Simulator({ ...workload, batch: larger }).on('data', devices).result,
    },
  };
}
