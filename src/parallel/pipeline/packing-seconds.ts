/** Seconds that packing the weights of a stage takes, by columns of the output layer, or steps of another. */
export type PackingSeconds = (x: number) => number;

/**
 * Seconds that packing takes, from measured cells `seconds[i][j]`: of `xs[i]` columns of the output layer in proportion to them, of
 * other stages, whose `x` are steps, always the same. The median is not led astray by a few disturbed cells, and no packing takes less
 * than no time.
 */
export function packingSeconds(xs: readonly number[], seconds: readonly (readonly number[])[], packed: 'all' | 'columns'): PackingSeconds {
  const isAll = packed === 'all';
  const usual = middleOf(seconds.flatMap((row, index) => row.map((each) => (isAll ? each : each / (xs[index] as number)))));
  return (x) => (isAll ? usual : usual * x);
}

function middleOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
