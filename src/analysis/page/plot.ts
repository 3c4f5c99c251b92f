/** The kinds of plots that a page can hold. Each is one file; they share axes (`axis.ts`), marks and the figure around them. */
export type { Axis } from './axis.js';
export { type CategoryPlot, categoryPlot } from './categories.js';
export { type CurvePoint, type LinePlot, linePlot } from './curves.js';
export { type Effect, type EffectPlot, effectPlot } from './effects.js';
export { Figure } from './figure.js';
export { type HeatMap, heatMap } from './heat-map.js';
export { type Histogram, histogram } from './histogram.js';
export type { Measured } from './marks.js';
export { type ScatterPlot, type ScatterPoint, scatterPlot } from './scatter.js';
export { type Trend, type TrendPlot, trendPlot } from './trends.js';
