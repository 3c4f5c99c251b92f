import type { Axis } from './axis.js';

/** What cannot be negative. */
export const unbounded: readonly [number, number] = [0, Number.POSITIVE_INFINITY];

/** The axis of a metric by its name: what it can be. An error rate may pass 100, and a perplexity is at least 1. */
export function metricAxis(metric: string, label = ''): Axis {
  return { label, bounds: metric === 'ter' ? unbounded : metric === 'perplexity' ? [1, Number.POSITIVE_INFINITY] : [0, 100] };
}
