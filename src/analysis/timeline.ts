import type { Span } from '../parallel/discrete-events.js';
import { describePlacement } from '../parallel/placement.js';
import { operationShares, type Task } from '../parallel/schedule.js';
import { type Html, html } from './page/html.js';
import type { Drawing } from './page/drawing.js';
import { figures, page, type Section } from './page/page.js';
import { type Figure, linePlot } from './page/plot.js';
import type { SimulatedStrategy } from './simulation.js';

/** What is drawn in one colour, with its name in the legend. */
const colours = {
  'encoder forward': '#7cc4b8',
  'encoder backward': '#2f8577',
  'decoder forward': '#8fb3e6',
  'decoder backward': '#3b68ad',
  'softmax forward': '#f2c083',
  'softmax backward': '#c77a1d',
  'gradients of weights': '#b59ad0',
  'sums over devices': '#d98292',
  update: '#8a8a8a',
} as const;
type Colour = keyof typeof colours;

const width = 1_100;
const labelWidth = 84;
const rowHeight = 22;
const barHeight = 18;
/** Bars that touch and have one colour are one bar from here on: a page with each of 6,000 tasks is slow. */
const barsDrawnSingly = 1_500;

const rail = 'svg .rail { fill: var(--line); }';
const style = `
.key span { margin-right: 1.2rem; white-space: nowrap; font-size: .875rem; }
.key i { display: inline-block; width: .9em; height: .9em; margin-right: .35em; border-radius: 2px; vertical-align: -.08em; }
svg.timeline { width: 100%; min-width: 40rem; height: auto; }
svg.timeline text { fill: var(--muted); font: 12px system-ui, sans-serif; }
${rail}
`;

/** What a simulation shows. */
export interface SimulationDrawings {
  /** Speed-up by devices, where there are several numbers of them. */
  readonly speedup: Figure | undefined;
  /** What every device does during one update. */
  readonly timelines: readonly SimulatedStrategy[];
}

/** A page of its own, without other files. */
export function simulationPage(title: string, { speedup, timelines }: SimulationDrawings): Promise<string> {
  const key = Object.entries(colours).map(([name, colour]) => html`<span><i style="background:${colour}"></i>${name}</span> `);
  const lead = html`Timelines: one update, a row a device. Where the rail shows, the device waits. Point at a bar to read what it is.<br><span class="key">${key}</span>`;
  const overview = speedup === undefined ? [] : [{ id: 'speed-up', title: 'Speed-up', body: figures(speedup) }];
  return page({ title, lead, sections: [...overview, ...timelines.map(section)], style });
}

/** Speed-up by devices, a line a strategy, beside what would be perfect; undefined for one number of devices. */
export function speedupPlot(
  simulated: readonly SimulatedStrategy[],
  published?: { readonly devices: number; readonly speedup: number },
): Figure | undefined {
  const results = simulated.map(({ result }) => result);
  const counts = [...new Set(results.map(({ devices }) => devices))].sort((a, b) => a - b);
  if (counts.length < 2) return undefined;
  const lines = [...new Set(results.map(({ strategy }) => strategy))].map((strategy) => ({
    name: strategy,
    points: results.filter((result) => result.strategy === strategy).map(({ devices, speedup }) => ({ x: devices, value: speedup })),
  }));
  const measured = published === undefined ? [] : [{ name: 'published', points: [{ x: published.devices, value: published.speedup }] }];
  const perfect = { name: 'perfect', points: counts.map((count) => ({ x: count, value: count })) };
  return linePlot({
    title: 'Speed-up',
    x: { label: 'devices' },
    y: { label: 'times as fast as one device', include: 0 },
    series: [...lines, ...measured, perfect],
  });
}

/** A timeline for a file of its own. */
export function timelineDrawing(simulated: SimulatedStrategy): Drawing {
  const { strategy, devices, speedup } = simulated.result;
  const drawn = new Set(simulated.simulation.spans.flatMap((spans) => spans.map(({ task }) => colourOf(task))));
  return {
    title: `${strategy} on ${devices} ${devices === 1 ? 'device' : 'devices'}, one update: ${speedup.toFixed(1)} times as fast as one`,
    legend: Object.entries(colours).flatMap(([name, colour]) =>
      drawn.has(name as Colour) ? [{ name, mark: html`<circle cx="8" cy="5" r="4" fill="${colour}"/>` }] : [],
    ),
    body: bars(simulated, []),
    width,
    height: heightOf(simulated),
    style: rail,
  };
}

function section(simulated: SimulatedStrategy, index: number): Section {
  const { result, schedule, placement } = simulated;
  const held = placement === undefined ? [] : describePlacement(placement, (device) => operationShares(schedule)[device] ?? 0);
  const figures = [
    `${result.speedup.toFixed(2)} times as fast as one device`,
    `efficiency ${percent(result.efficiency)}`,
    `idle ${percent(result.idleFraction)}`,
    `${(1000 * result.seconds).toFixed(1)} ms an update`,
  ];
  return {
    id: `strategy-${index + 1}`,
    title: `${result.strategy}, ${result.devices} ${result.devices === 1 ? 'device' : 'devices'}`,
    lead: figures.join(' · '),
    body: html`<div class="scroll"><svg class="timeline" viewBox="0 0 ${width} ${heightOf(simulated)}" role="img" aria-label="timeline of each device">${bars(simulated, held)}</svg></div>`,
  };
}

function heightOf({ simulation }: SimulatedStrategy): number {
  return simulation.spans.length * rowHeight + 24;
}

function bars(simulated: SimulatedStrategy, held: readonly string[]): Html {
  const { spans, seconds } = simulated.simulation;
  const scale = (width - labelWidth - 8) / seconds;
  const x = (time: number) => (labelWidth + time * scale).toFixed(2);
  const isLarge = spans.reduce((sum, of) => sum + of.length, 0) > barsDrawnSingly;
  const rows = spans.map((of, device) => {
    const y = device * rowHeight;
    const label = held[device] === undefined ? undefined : html`<title>${held[device]}</title>`;
    const drawn = (isLarge ? joined(of, seconds / width) : of.map(barOf)).map(
      ({ colour, start, end, name }) =>
        html`<rect x="${x(start)}" y="${y}" width="${Math.max(0.2, (end - start) * scale - 0.3).toFixed(2)}" height="${barHeight}" fill="${colours[colour]}"><title>${name}, ${(1000 * start).toFixed(2)} to ${(1000 * end).toFixed(2)} ms</title></rect>`,
    );
    return html`<text x="0" y="${y + 14}">device ${device}${label}</text><rect class="rail" x="${x(0)}" y="${y}" width="${(seconds * scale).toFixed(2)}" height="${barHeight}"/>${drawn}\n`;
  });
  const ticks = Array.from({ length: 5 }, (_, tick) => (seconds * tick) / 4).map((time, tick) => {
    const anchor = tick === 0 ? 'start' : tick === 4 ? 'end' : 'middle';
    return html`<text x="${x(time)}" y="${heightOf(simulated) - 6}" text-anchor="${anchor}">${(1000 * time).toFixed(1)} ms</text>`;
  });
  return html`${rows}${ticks}`;
}

interface Bar {
  readonly colour: Colour;
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

function barOf({ task, start, end }: Span<Task>): Bar {
  return { colour: colourOf(task), start, end, name: nameOf(task) };
}

/** Neighbours of one colour that are closer than `gap` become one bar. */
function joined(spans: readonly Span<Task>[], gap: number): Bar[] {
  const bars: Bar[] = [];
  for (const span of spans) {
    const bar = barOf(span);
    const before = bars.at(-1);
    if (before !== undefined && before.colour === bar.colour && bar.start - before.end < gap) {
      bars[bars.length - 1] = { ...before, end: bar.end, name: bar.colour };
    } else bars.push(bar);
  }
  return bars;
}

function colourOf({ work }: Task): Colour {
  switch (work.kind) {
    case 'update':
    case 'gather':
      return 'update';
    case 'combine':
    case 'reduce':
    case 'norm':
      return 'sums over devices';
    case 'weights':
      return 'gradients of weights';
    default:
      return `${work.stage.part === 'output' ? 'softmax' : work.stage.part} ${work.kind}`;
  }
}

function nameOf({ work }: Task): string {
  if (!('stage' in work)) return work.kind;
  const { stage, steps, microBatch, kind } = work;
  const place =
    stage.part === 'output'
      ? `softmax of words ${stage.vocabulary.from} to ${stage.vocabulary.to - 1}`
      : `${stage.part} layer ${stage.layer + 1}`;
  return `${place}, ${kind}, steps ${steps.from + 1} to ${steps.to}, micro-batch ${microBatch + 1}`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}
