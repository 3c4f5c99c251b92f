/** A part of a test set, by its least and greatest length or rank. */
interface BinBounds {
  readonly least: number;
  readonly greatest: number;
}

/** `5`, `7–9`, `486–12K` */
export function binRange({ least, greatest }: BinBounds): string {
  return least === greatest ? shortened(least) : `${shortened(least)}–${shortened(greatest)}`;
}

/** Of parts side by side below a plot: `7–9`, or `≤656` for all of them where a range is too long to stand beside the next one. */
export function binNames(bins: readonly BinBounds[]): string[] {
  const ranges = bins.map(binRange);
  return ranges.every((range) => range.length <= longestRange) ? ranges : bins.map(({ greatest }) => `≤${shortened(greatest)}`);
}

/** Eight names stand beside each other. */
const longestRange = 6;

/** `950`, `1.2K`, `12K` */
function shortened(value: number): string {
  return value < 1_000 ? String(value) : `${(value / 1_000).toFixed(value < 9_950 ? 1 : 0)}K`;
}
