import type { NetworkStage } from '../../parallel/schedule/network.js';
import { describePlacement } from '../../parallel/schedule/placement.js';
import { operationShares, type Task } from '../../parallel/schedule/schedule.js';
import { type Html, html } from '../page/html.js';
import type { Drawing } from '../page/drawing.js';
import { figures, page, type Section, table } from '../page/page.js';
import { type Figure, linePlot } from '../page/plot.js';
import type { SimulatedStrategy } from './simulation.js';

/** What is drawn in one colour, with its name in the legend. */
const colours = {
  'encoder forward': '#7cc4b8',
  'encoder backward': '#2f8577',
  'decoder forward': '#8fb3e6',
  'decoder backward': '#3b68ad',
  'attention forward': '#d6c95a',
  'attention backward': '#98891c',
  'softmax forward': '#f2c083',
  'softmax backward': '#c77a1d',
  'gradients of weights': '#b59ad0',
  'exchange of gradients': '#c2413f',
  'norm and sums of the softmax': '#e3a1ad',
  update: '#8a8a8a',
} as const;
type Colour = keyof typeof colours;

const width = 1_100;
const labelWidth = 84;
const rowHeight = 22;
const barHeight = 18;
/** Below the rows: numbers of the time axis and its name. */
const axisHeight = 44;
/** Above them: the name of the other. */
const headHeight = 20;
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
  /** The paper's eight GPUs. */
  readonly paper: SimulatedStrategy | undefined;
  /** What every device does during one update. */
  readonly largest: readonly SimulatedStrategy[];
}

/** A page of its own, without other files. */
export function simulationPage(title: string, { speedup, paper, largest }: SimulationDrawings): Promise<string> {
  const key = Object.entries(colours).map(([name, colour]) => html`<span><i style="background:${colour}"></i>${name}</span> `);
  const lead = html`Timelines of one update, one row per device. In gaps the device waits. Point at a bar for details; the figures are in the tables below.<br><span class="key">${key}</span>`;
  const overview = speedup === undefined ? [] : [{ id: 'speed-up', title: 'Speed-up', body: figures(speedup) }];
  return page({
    title,
    lead,
    sections: [
      ...overview,
      ...(paper === undefined ? [] : [section(paper, 'as-in-2014', 'As in the paper: ')]),
      ...largest.map((simulated, index) => section(simulated, `strategy-${index + 1}`)),
    ],
    style,
  });
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
    x: { label: 'devices', isWhole: true },
    y: { label: 'speed-up over one device', include: 0 },
    series: [...lines, ...measured, perfect],
  });
}

/** A timeline for a file of its own. */
export function timelineDrawing(simulated: SimulatedStrategy): Drawing {
  const { strategy, devices, speedup } = simulated.result;
  const drawn = new Set(barsOf(simulated).flatMap((bars) => bars.map(({ colour }) => colour)));
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

function section(simulated: SimulatedStrategy, id: string, before = ''): Section {
  const { result, schedule, placement } = simulated;
  const held = placement === undefined ? [] : describePlacement(placement, (device) => operationShares(schedule)[device] ?? 0);
  const figures = [
    `${result.speedup.toFixed(2)} times as fast as one device`,
    `efficiency ${percent(result.efficiency)}`,
    `idle ${percent(result.idleFraction)}`,
    `${(1000 * result.seconds).toFixed(1)} ms an update`,
  ];
  return {
    id,
    title: `${before}${result.strategy}, ${result.devices} ${result.devices === 1 ? 'device' : 'devices'}`,
    lead: figures.join(' · '),
    body: html`<div class="scroll" tabindex="0" role="region" aria-label="timeline, scrolls sideways"><svg class="timeline" viewBox="0 0 ${width} ${heightOf(simulated)}" role="img" aria-label="timeline of each device; its figures stand in the table below">${bars(simulated, held)}</svg></div>${details('Time of each device as a table', timeTable(simulated))}${details('Every task as a table', taskTable(simulated))}`,
  };
}

function details(summary: string, body: Html | undefined): Html | undefined {
  return body && html`<details class="behind"><summary>${summary}</summary>${body}</details>`;
}

/** Milliseconds of each device by what it does. */
function timeTable(simulated: SimulatedStrategy): Html {
  const byDevice = barsOf(simulated);
  const names = (Object.keys(colours) as Colour[]).filter((name) => byDevice.some((bars) => bars.some(({ colour }) => colour === name)));
  const timeOf = (bars: readonly Bar[], name: Colour) =>
    bars.reduce((sum, { colour, start, end }) => sum + (colour === name ? end - start : 0), 0);
  const rows = byDevice.map((bars, device) => {
    const times = names.map((name) => timeOf(bars, name));
    const idle = simulated.simulation.seconds - times.reduce((sum, time) => sum + time, 0);
    return [`device ${device}`, ...[...times, Math.max(0, idle)].map(milliseconds)];
  });
  return table(['', ...names.map((name) => `${name}, ms`), 'waiting, ms'], rows);
}

function taskTable(simulated: SimulatedStrategy): Html | undefined {
  const byDevice = barsOf(simulated);
  if (byDevice.flat().length > barsDrawnSingly) return undefined;
  const rows = byDevice.flatMap((bars, device) =>
    bars.map(({ name, start, end }) => [`device ${device}`, milliseconds(start), milliseconds(end), name]),
  );
  return table(['', 'from, ms', 'to, ms', 'task'], rows);
}

function milliseconds(seconds: number): string {
  return (1000 * seconds).toFixed(2);
}

function heightOf({ simulation }: SimulatedStrategy): number {
  return headHeight + simulation.spans.length * rowHeight + axisHeight;
}

function bars(simulated: SimulatedStrategy, held: readonly string[]): Html {
  const { seconds } = simulated.simulation;
  const scale = (width - labelWidth - 8) / seconds;
  const x = (time: number) => (labelWidth + time * scale).toFixed(2);
  const byDevice = barsOf(simulated);
  const isLarge = byDevice.flat().length > barsDrawnSingly;
  const rows = byDevice.map((of, device) => {
    const y = headHeight + device * rowHeight;
    const label = held[device] === undefined ? undefined : html`<title>${held[device]}</title>`;
    const drawn = (isLarge ? joined(of, seconds / width) : of).map(
      ({ colour, start, end, name }) =>
        html`<rect x="${x(start)}" y="${y}" width="${Math.max(0.2, (end - start) * scale - 0.3).toFixed(2)}" height="${barHeight}" fill="${colours[colour]}"><title>${name}, ${milliseconds(start)} to ${milliseconds(end)} ms</title></rect>`,
    );
    return html`<text x="0" y="${y + 14}">device ${device}${label}</text><rect class="rail" x="${x(0)}" y="${y}" width="${(seconds * scale).toFixed(2)}" height="${barHeight}"/>${drawn}\n`;
  });
  const below = headHeight + byDevice.length * rowHeight;
  const ticks = Array.from({ length: 5 }, (_, tick) => (seconds * tick) / 4).map((time, tick) => {
    const anchor = tick === 0 ? 'start' : tick === 4 ? 'end' : 'middle';
    return html`<text x="${x(time)}" y="${below + 12}" text-anchor="${anchor}">${(1000 * time).toFixed(1)}</text>`;
  });
  const names = html`<text x="0" y="12">devices</text><text x="${x(seconds / 2)}" y="${below + 32}" text-anchor="middle">time since the start of the update, ms</text>`;
  return html`${names}${rows}${ticks}`;
}

interface Bar {
  readonly colour: Colour;
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/** What each device does, in order. */
function barsOf({ simulation }: SimulatedStrategy): Bar[][] {
  return simulation.spans.map((spans, device) => {
    const tasks = spans.map(({ task, start, end }): Bar => ({ colour: colourOf(task), start, end, name: nameOf(task) }));
    const transfers = (simulation.transfers[device] ?? []).map(({ start, end, kind }): Bar => {
      return { colour: 'exchange of gradients', start, end, name: `${kind === 'reduce' ? 'gradients' : 'parameters'} being sent` };
    });
    return [...tasks, ...transfers].sort((a, b) => a.start - b.start);
  });
}

/** Neighbours of one colour that are closer than `gap` become one bar. */
function joined(bars: readonly Bar[], gap: number): Bar[] {
  const longer: Bar[] = [];
  for (const bar of bars) {
    const before = longer.at(-1);
    if (before !== undefined && before.colour === bar.colour && bar.start - before.end < gap) {
      longer[longer.length - 1] = { ...before, end: bar.end, name: bar.colour };
    } else longer.push(bar);
  }
  return longer;
}

function colourOf({ work }: Task): Colour {
  switch (work.kind) {
    case 'update':
      return 'update';
    case 'reduce':
    case 'gather':
      return 'exchange of gradients';
    case 'combine':
    case 'norm':
      return 'norm and sums of the softmax';
    case 'weights':
      return 'gradients of weights';
    default:
      return `${work.stage.part === 'output' ? 'softmax' : work.stage.part} ${work.kind}`;
  }
}

/** What tasks without a stage do. */
const names = {
  combine: 'sums of the softmax combined',
  reduce: 'gradients of the other devices added',
  norm: 'norm of the gradient',
  update: 'parameters updated',
  gather: 'updated parameters received',
} as const;

function nameOf({ work }: Task): string {
  if (!('stage' in work)) return names[work.kind];
  const { stage, steps, microBatch, kind } = work;
  return `${placeOf(stage)}, ${kind}, steps ${steps.from + 1} to ${steps.to}, micro-batch ${microBatch + 1}`;
}

function placeOf(stage: NetworkStage): string {
  switch (stage.part) {
    case 'output':
      return `softmax of tokens ${stage.vocabulary.from} to ${stage.vocabulary.to - 1}`;
    case 'attention':
      return 'attention';
    default:
      return `${stage.part} layer ${stage.layer + 1}`;
  }
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}
