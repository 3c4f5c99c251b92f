import { createModel, modelOptions } from '../../models/create.js';
import type { OptimizerOptions } from '../../training/optimizer-options.js';
import { dataParallel } from '../schedule/data-parallel.js';
import type { HandOver } from '../schedule/discrete-events.js';
import { type Network, networkOf } from '../schedule/network.js';
import { evenBatch } from '../schedule/schedule.js';
import { costsOfFigures } from './device-figures.js';
import { type Costs, simulate } from './simulate.js';

/** The network of Sutskever, Vinyals and Le (2014), section 3.4. */
export const paperNetwork: Network = networkOf(
  createModel(modelOptions.parse({ kind: 'lstm', layers: 4, hidden: 1_000 }), { source: 160_000, target: 80_000 }),
  { kind: 'sgd', learningRate: 0.7 },
);

/**
 * Its batches: 128 sentences of similar length (sections 3.4 and 3.3). 12 million pairs hold 304 million English and 348
 * million French words (section 3.1): 25 and 29 a sentence, and `</s>`.
 */
export const paperLengths = { sentences: 128, source: 25, target: 30 };

/** Section 3.5: on one GPU "a speed of approximately 1,700 words per second", on eight "6,300 (both English and French)". */
export const publishedWordsPerSecond = { one: 1_700, eight: 6_300 };

/** What is not published of the machine and the program, and what a prediction may depend on. */
export interface Assumptions {
  /** How much faster, an operation, the large products of the softmax are than those of the layers. */
  readonly softmaxSpeed: number;
  /** Rows at which a product reaches half of its speed; 0: all are equally fast (Hockney and Jesshope 1981: n-half). */
  readonly halfSpeedRows: number;
  readonly handOver: HandOver;
}

/**
 * Nothing is fitted to the eight GPUs: every operation takes the same time, and one GPU makes 1,700 words a second.
 * The bus: PCI Express 2.0 with 16 lanes gives 8 GB/s each way before protocol overhead (5 GT/s, 8b/10b coded; PCI-SIG,
 * "PCI Express Base Specification 2.0"), about 6 of which programs see; the Tesla K20X of the time had it, the K40 3.0
 * (15.75 GB/s), and GPUs behind one switch share a link. Starting a copy takes some ten microseconds.
 */
export const centralAssumptions: Assumptions = {
  softmaxSpeed: 1,
  halfSpeedRows: 0,
  handOver: { latency: 10e-6, bytesPerSecond: 6e9, blocking: false },
};

/** Memory bandwidth of a Tesla K20X (NVIDIA, "Tesla K20X GPU accelerator board specification", 2012): 250 GB/s. */
const memoryBytesPerSecond = 250e9;

/** Costs on GPUs of 2014 for any network: only the speed of one GPU is taken from what was published. */
export function costsOf2014(assumptions: Assumptions = centralAssumptions, optimizer: OptimizerOptions['kind'] = 'sgd'): Costs {
  const onPaper = (unitSeconds: number) => costsWith(assumptions, 'sgd', unitSeconds);
  const batch = evenBatch(paperLengths.sentences, paperLengths.source, paperLengths.target);
  const tokens = paperLengths.sentences * (paperLengths.source + paperLengths.target);
  const secondsOf = (unitSeconds: number) =>
    simulate(dataParallel(paperNetwork, [batch], { memories: 'separate' }), onPaper(unitSeconds)).seconds;
  // Time is linear in that of an operation: two points give it.
  const [none, unit] = [secondsOf(0), secondsOf(1e-12)];
  return costsWith(assumptions, optimizer, (1e-12 * (tokens / publishedWordsPerSecond.one - none)) / (unit - none));
}

function costsWith(
  { softmaxSpeed, halfSpeedRows, handOver }: Assumptions,
  optimizer: OptimizerOptions['kind'],
  secondsPerOperation: number,
): Costs {
  return costsOfFigures({ secondsPerOperation, memoryBytesPerSecond, softmaxSpeed, halfSpeedRows, handOver }, optimizer);
}
