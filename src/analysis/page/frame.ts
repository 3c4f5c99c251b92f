import { type Axis, type NumericScale, numericScale, omission, short } from './axis.js';
import { type Html, html } from './html.js';
import { textWidth } from './text-width.js';

/** In units of the drawing. */
export interface PlotSize {
  readonly width: number;
  readonly height: number;
}

export const smallPlot: PlotSize = { width: 400, height: 250 };
export const margin = { top: 8, right: 10, bottom: 38 };
export const lineHeight = 14;

/** Where a small plot's figures lie, and its vertical axis. */
export interface Frame {
  readonly left: number;
  readonly bottom: number;
  y(value: number): number;
  format(value: number): string;
  /** The lines across with their numbers. */
  readonly rules: readonly Html[];
  /** What the axis leaves out. */
  readonly omission: string | undefined;
}

/** @param below  room for more lines of names under the drawing */
export function frameOf(axis: Axis, values: readonly number[], below = 0, size = smallPlot): Frame {
  const bottom = size.height - margin.bottom - below;
  const scale = numericScale(axis, values, [bottom, margin.top], { isRounded: true });
  const labels = scale.ticks.map(scale.format);
  const left = 8 + Math.max(12, ...labels.map(textWidth));
  const rules = scale.ticks.map((tick, index) => {
    const y = scale.position(tick);
    return html`<path class="rule" d="M${short(left)} ${short(y)}H${size.width - margin.right}"/><text x="${short(left - 6)}" y="${short(
      y + 4,
    )}" text-anchor="end">${labels[index]}</text>`;
  });
  return { left, bottom, y: scale.position, format: scale.format, rules, omission: omission(axis, scale) };
}

/** The numbers below a drawing, and what they are of. */
export function horizontalAxis(label: string, scale: NumericScale, size = smallPlot): Html {
  const ticks = scale.ticks.map(
    (tick) =>
      html`<text x="${short(scale.position(tick))}" y="${size.height - margin.bottom + 15}" text-anchor="middle">${scale.format(tick)}</text>`,
  );
  return html`${ticks}${axisLabel(label, 0, size)}`;
}

export function axisLabel(label: string, left: number, { width, height } = smallPlot): Html {
  return html`<text x="${short((left + width) / 2)}" y="${height - 3}" text-anchor="middle">${label}</text>`;
}
