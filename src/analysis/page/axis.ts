import { scaleLinear, scaleLog } from 'd3-scale';

/** A direction in which values are drawn. */
export interface Axis {
  /** What it shows, with its unit: `loss, nats per word`. */
  readonly label: string;
  /** Default: linear. Needs values above 0. */
  readonly scale?: 'linear' | 'log';
  /** A value that must be in sight, such as 0. */
  readonly include?: number;
  /** What no value can be below or above: 0 and 100, or 1 and Infinity. The axis stays within them and says what it leaves out. */
  readonly bounds?: readonly [number, number];
  /** Counts: no tick between whole numbers. */
  readonly isWhole?: boolean;
  /** How a value is written. Default: 1,234, 12.3K. */
  readonly format?: (value: number) => string;
}

/** Where values lie in a drawing. */
export interface NumericScale {
  position(value: number): number;
  /** The values at the ends. */
  readonly domain: readonly [number, number];
  /** Round values to write beside the axis. */
  readonly ticks: readonly number[];
  format(value: number): string;
}

export interface ScaleOptions {
  /** Begins and ends with a tick. Default: false. */
  readonly isRounded?: boolean;
  /** About how many ticks. Default: 5. */
  readonly ticks?: number;
}

/** A scale for these values, drawn between two coordinates. */
export function numericScale(
  axis: Axis,
  values: readonly number[],
  [from, to]: readonly [number, number],
  { isRounded = false, ticks: wanted = 5 }: ScaleOptions = {},
): NumericScale {
  const drawable = values.concat(axis.include ?? []).filter((value) => Number.isFinite(value) && (axis.scale !== 'log' || value > 0));
  const [least, greatest] = domainOf(drawable, axis);
  const scale = axis.scale === 'log' ? scaleLog([least, greatest], [from, to]) : scaleLinear([least, greatest], [from, to]);
  if (isRounded && axis.scale !== 'log') scale.nice(wanted);
  const [lowest, highest] = axis.bounds ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const [begin = 0, end = 1] = scale.domain();
  // Whatever was measured stays in sight, even if it is beyond what should be possible.
  const domain: [number, number] = [Math.min(least, Math.max(lowest, begin)), Math.max(greatest, Math.min(highest, end))];
  scale.domain(domain);
  const ticks = axis.scale === 'log' ? fewTicks(scale.ticks(wanted)) : scale.ticks(wanted);
  return {
    position: (value) => scale(value),
    domain,
    ticks: axis.isWhole ? ticks.filter(Number.isInteger) : ticks,
    format: axis.format ?? shortNumber,
  };
}

/** What an axis shows of the values that are possible: `axis: 20 to 45, of 0 to 100`. Undefined when it shows them all. */
export function omission({ bounds }: Axis, { domain: [least, greatest], format }: NumericScale): string | undefined {
  if (bounds === undefined) return undefined;
  const [lowest, highest] = bounds;
  const isBounded = Number.isFinite(highest);
  if (least <= lowest && !(isBounded && greatest < highest)) return undefined;
  const possible = isBounded ? `of ${format(lowest)} to ${format(highest)}` : `possible from ${format(lowest)}`;
  return `axis: ${format(least)} to ${format(greatest)}, ${possible}`;
}

/** From the least to the greatest; a single value gets room on both sides, within what is possible. */
function domainOf(values: readonly number[], { scale, bounds }: Axis): [number, number] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  if (least < greatest) return [least, greatest];
  if (least > greatest) return scale === 'log' ? [1, 10] : [0, 1];
  const room = Math.max(1, Math.abs(least) / 10);
  const [low, high] = scale === 'log' ? [least / 2, least * 2] : [least - room, least + room];
  return bounds === undefined ? [low, high] : [Math.min(least, Math.max(bounds[0], low)), Math.max(least, Math.min(bounds[1], high))];
}

/** Of a logarithmic axis's ticks those that leave room for their numbers. */
function fewTicks(ticks: readonly number[]): readonly number[] {
  const leading = (value: number) => Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
  for (const kept of [
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 5],
    [1, 3],
  ]) {
    const chosen = ticks.filter((value) => kept.includes(leading(value)));
    if (chosen.length <= 7) return chosen;
  }
  return ticks.filter((value) => leading(value) === 1);
}

const small = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const large = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** `1,234`, `12.3K`, `−0.5` */
function shortNumber(value: number): string {
  return (Math.abs(value) >= 10_000 ? large : small).format(value).replace('-', '−');
}

/** A coordinate; a hundredth of a pixel is not seen. */
export function short(coordinate: number): string {
  return String(Math.round(coordinate * 100) / 100);
}
