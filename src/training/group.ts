import type { Gradients, LearntParameter } from '../nn/parameters.js';
import type { Device } from '../tensor/device.js';
import { sumGradients } from './exchange.js';
import { everything, type Shares } from './optimizer.js';

/** What a rank has when the gradients of all are summed. */
export interface SummedGradients {
  /** Where the sums are. Of them this device may use its share (`partsToSum`) at once, all of its shares after the next sum or barrier. */
  readonly gradients: Iterable<LearntParameter>;
  /** Sum of squares of this rank's share. */
  readonly squares: number;
}

/**
 * Devices that compute one update together, as one of them sees it: training knows nothing else of the others, whether there
 * are none, they are threads, or processes on other machines. Every rank calls the same operations in the same order. Sums are
 * made in the order of ranks, so that the same ranks give the same bits.
 */
export interface Group {
  /** This device's number, from 0. */
  readonly rank: number;
  /** Devices in all. */
  readonly size: number;
  /** What this device sums and updates. */
  readonly shares: Shares;
  /**
   * Returns when every rank has called it.
   *
   * @throws DecadeError `resource`, as every operation does, when another rank has died
   */
  barrier(): void;
  /**
   * Begins to sum each of these numbers over all ranks, at most `mostSummed` at once. What it returns waits for the result and
   * must be called before the next sum begins.
   */
  beginSum(values: readonly number[]): () => number[];
  /**
   * Nothing more will be added in this update to this device's gradient of a learnt value, by its number: it may be summed while the others
   * are computed. Not all need be announced, nor in any order.
   */
  announce(index: number): void;
  /**
   * Sums the gradients of all ranks and leaves each rank its share of the dense ones; lists of touched rows are merged, each by
   * one rank. The gradients that were added are left 0, the lists empty. Waits until all ranks have gathered theirs.
   */
  reduceScatter(device: Device, gradients: Gradients): SummedGradients;
  /** When every rank has updated its share: returns when this rank's model has the parameters of all, of tables the touched rows. */
  gatherParameters(): void;
}

/** Numbers that are summed at once. */
export const mostSummed = 4;

/** A group of one. */
export const alone: Group = {
  rank: 0,
  size: 1,
  barrier: () => undefined,
  shares: everything,
  announce: () => undefined,
  beginSum: (values) => () => [...values],
  reduceScatter: (device, gradients) => ({ gradients, squares: sumGradients(device, [gradients], { part: 0, parts: 1 }) }),
  gatherParameters: () => undefined,
};
