import { symbol, symbolCircle, symbolDiamond, symbolSquare, symbolTriangle } from 'd3-shape';
import { short } from './axis.js';
import { type Html, html } from './html.js';
import { seriesColours, shadeSteps } from './palette.js';

/** A figure, and the ends of its interval if it has one. */
export interface Measured {
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** The values that must be in sight. */
export function extent({ value, low = value, high = value }: Measured): number[] {
  return [value, low, high];
}

/** `35.2 (30.1 to 40.3)` */
export function describe({ value, low, high }: Measured, format: (value: number) => string): string {
  return low === undefined || high === undefined ? format(value) : `${format(value)} (${format(low)} to ${format(high)})`;
}

export function dot(x: number, y: number, radius = 3): Html {
  return html`<circle class="dot" cx="${short(x)}" cy="${short(y)}" r="${radius}"/>`;
}

/** An upright interval. */
export function whisker(x: number, { low, high }: Measured, y: (value: number) => number, onBar = false): Html | undefined {
  if (low === undefined || high === undefined) return undefined;
  const path = `M${short(x - 3)} ${short(y(high))}h6m-3 0V${short(y(low))}m-3 0h6`;
  return html`<path class="whisker${onBar ? ' on-bar' : ''}" d="${path}"/>`;
}

const shapes = [symbolCircle, symbolSquare, symbolTriangle, symbolDiamond];

/** A mark whose shape, too, tells a series from the others: for prints, and for eyes that see few colours. */
export function shapedMark(x: number, y: number, series: number, area = 44): Html {
  const path = symbol(shapes[series % shapes.length], area)() ?? '';
  return html`<path class="dot" transform="translate(${short(x)} ${short(y)})" d="${path}"/>`;
}

/** Colours repeat after the last; the names in the legend do not. */
export function seriesClass(index: number): string {
  return `series-${1 + (index % seriesColours)}`;
}

/** Steps from light to dark. */
export function shadeClass(index: number): string {
  return `shade-${Math.min(index + 1, shadeSteps)}`;
}
