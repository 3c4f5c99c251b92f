import { seriesColours, shadeSteps } from './palette.js';

/** The style of plots. They take their colours from the palette. */
export const plotStyle = `
svg text { fill: var(--muted); font: 11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
svg .rule { stroke: var(--line); fill: none; }
svg .curve { fill: none; stroke: var(--colour); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
svg .series-2 .curve, svg .series-5 .curve { stroke-dasharray: 6 3; }
svg .series-3 .curve, svg .series-6 .curve { stroke-dasharray: 1.5 3.5; }
svg .rule.none { stroke: var(--muted); stroke-width: 1.2; }
svg text.effect, svg text.name { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
svg text.effect { fill: var(--ink); }
svg .cell { fill: var(--series-1); }
svg text.token { fill: var(--ink); }
svg .band { fill: var(--colour); opacity: .16; }
svg .whisker { stroke: var(--colour); stroke-width: 1.5; fill: none; }
svg .whisker.on-bar { stroke: var(--ink); }
svg .dot { fill: var(--colour); }
svg .bar { fill: var(--colour); opacity: .85; }
svg .leader { stroke: var(--muted); stroke-width: .6; opacity: .6; }
svg text.name { fill: var(--colour, var(--ink)); }
${Array.from({ length: shadeSteps }, (_, index) => `.shade-${index + 1} { --colour: var(--shade-${index + 1}); }`).join('\n')}
${Array.from({ length: seriesColours }, (_, index) => `.series-${index + 1} { --colour: var(--series-${index + 1}); }`).join('\n')}
`;
