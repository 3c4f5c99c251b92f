import { type Axis, numericScale, omission, short } from './axis.js';
import { type Figure, figure, type Titled } from './figure.js';
import { horizontalAxis, margin, smallPlot } from './frame.js';
import { html } from './html.js';
import { describe, extent, type Measured, shapedMark } from './marks.js';
import { fitted } from './text-width.js';

/** A difference that something makes. */
export interface Effect extends Measured {
  /** What is compared: `reversed source, not forward`. */
  readonly name: string;
  /** The effect that was published. */
  readonly published?: number | undefined;
}

export interface EffectPlot extends Titled {
  /** What the effects are of, with its unit: `BLEU, difference`. */
  readonly axis: Axis;
  /** No effect, always in sight: 0 for differences, 1 for ratios. Default: 0. */
  readonly none?: number;
  readonly effects: readonly Effect[];
  /** Default: `here` and `the paper`. */
  readonly names?: { readonly measured: string; readonly published: string };
}

const rowHeight = 38;
const nameHeight = 13;
/** The shapes of the two marks: a circle and a diamond. */
const [circle, diamond] = [0, 3];

/** Effects with their intervals below each other, and beside each the published one: whose interval holds it, and whose holds no effect? */
export function effectPlot({
  title,
  note,
  axis,
  none = 0,
  effects,
  names = { measured: 'here', published: 'the paper' },
}: EffectPlot): Figure {
  const height = margin.top + rowHeight * Math.max(1, effects.length) + margin.bottom;
  const values = effects.flatMap((effect) => [...extent(effect), ...(effect.published === undefined ? [] : [effect.published])]);
  const across = numericScale({ ...axis, include: none }, values, [8, smallPlot.width - margin.right], { isRounded: true });
  const hasPublished = effects.some(({ published }) => published !== undefined);
  const bottom = height - margin.bottom;
  const rule = (value: number, name: string) => html`<path class="${name}" d="M${short(across.position(value))} ${margin.top}V${bottom}"/>`;
  const rules = [across.ticks.map((tick) => rule(tick, 'rule')), rule(none, 'rule none')];
  const rows = effects.map((effect, index) => {
    const y = margin.top + rowHeight * index + nameHeight + 12;
    const { name, value, low, high } = effect;
    const whisker =
      low === undefined || high === undefined
        ? undefined
        : html`<path class="whisker" d="M${short(across.position(low))} ${y - 3}v6m0-3H${short(across.position(high))}m0-3v6"/>`;
    const mark =
      effect.published === undefined
        ? undefined
        : html`<g class="series-2">${shapedMark(across.position(effect.published), y, diamond, 52)}</g>`;
    return html`<text class="effect" x="8" y="${y - 11}">${fitted(name, smallPlot.width - 16)}</text>${mark}<g class="series-1">${whisker}${shapedMark(
      across.position(value),
      y,
      circle,
    )}</g>`;
  });
  return figure({
    title,
    note,
    omission: omission(axis, across),
    series: hasPublished ? [{ name: names.measured }, { name: names.published }] : [{ name: names.measured }],
    swatch: (index) => shapedMark(8, 5, index === 0 ? circle : diamond, 52),
    svg: [rules, horizontalAxis(axis.label, across, { ...smallPlot, height }), rows],
    size: { width: smallPlot.width, height },
    table: {
      head: ['', names.measured, ...(hasPublished ? [names.published] : [])],
      rows: effects.map((effect, index) => ({
        at: { x: across.position(effect.value), y: margin.top + rowHeight * index + nameHeight + 12 },
        cells: [
          effect.name,
          describe(effect, across.format),
          ...(hasPublished ? [effect.published === undefined ? '' : across.format(effect.published)] : []),
        ],
      })),
    },
  });
}
