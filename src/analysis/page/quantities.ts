import type { Axis } from './axis.js';

/** What cannot be negative. */
export const unbounded: readonly [number, number] = [0, Number.POSITIVE_INFINITY];

const bounds: Readonly<Record<string, readonly [number, number]>> = {
  ter: unbounded,
  bitsPerByte: unbounded,
  perplexity: [1, Number.POSITIVE_INFINITY],
  wordPerplexity: [1, Number.POSITIVE_INFINITY],
};

/** The axis of a metric by its name: what it can be. An error rate may pass 100, and a perplexity is at least 1. */
export function metricAxis(metric: string, label = ''): Axis {
  return { label, bounds: bounds[metric] ?? [0, 100] };
}
