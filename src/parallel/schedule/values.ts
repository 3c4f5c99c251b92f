import { updatesTouchedRows } from '../../training/optimizer.js';
import type { Network } from './network.js';
import { type BatchShape, rowsOf } from './schedule.js';

/**
 * Values of each embedding, source before target, that these batches touch, were every word as frequent as any other:
 * V (1 - (1 - 1/V)^n) of V rows by n tokens. Texts repeat some words and touch fewer.
 */
export function touchedValues({ parameters }: Network, batches: readonly BatchShape[]): number[] {
  const tables = parameters.filter(({ rules }) => rules.gradient === 'rows');
  return tables.map(({ shape: [rows = 1, columns = 0], rules }) => {
    const tokens = batches.reduce((sum, { source, target }) => sum + rowsOf(rules.side === 'source' ? source : target), 0);
    return columns * rows * (1 - (1 - 1 / rows) ** tokens);
  });
}

/** Values of each embedding that an update changes, of those that were touched. */
export function updatedValues({ parameters, optimizer }: Network, touched: readonly number[]): number[] {
  if (updatesTouchedRows(optimizer)) return [...touched];
  return parameters.filter(({ rules }) => rules.gradient === 'rows').map(({ size }) => size);
}
