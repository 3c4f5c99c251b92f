import { counted } from '../core/counted.js';
import type { BatchFigures, MachineProfile } from '../analysis/cost/simulated-workload.js';
import type { PaperPrediction, SimulatedStrategy, Strategy, StrategyResult } from '../analysis/cost/simulation.js';
import type { CheckedStrategy } from '../analysis/cost/simulation-check.js';
import { describePlacement } from '../parallel/schedule/placement.js';
import { operationShares } from '../parallel/schedule/schedule.js';
import { figure } from './progress.js';

/** A strategy that cannot be simulated, and why. */
export interface RefusedStrategy {
  readonly strategy: Strategy;
  /** Key of the configuration: `model.attention`. */
  readonly key: string;
  readonly reason: string;
  /** What to do instead. */
  readonly next: string | undefined;
}

const columns = 80;

/** The simulated batches and the source of the costs. */
export function describeBatch(
  { sentences, sourceTokens, targetTokens, batchesPerUpdate, counted: isCounted }: BatchFigures,
  { profile, bandwidth }: { readonly profile: MachineProfile; readonly bandwidth?: number | undefined },
  gemm: string | undefined,
): string {
  const batches = batchesPerUpdate === 1 ? '' : `${batchesPerUpdate} batches per update, each of `;
  const of = sourceTokens === 0 ? `${counted(sentences, 'context')} of` : `${sentences} sentences of ${sourceTokens} and`;
  const lengths = `${of} ${targetTokens} tokens${isCounted ? '' : ' (not counted: there is no corpus)'}`;
  const machine = profile === 'here' ? `measured here (${gemm}, one core per device)` : 'of 2014';
  return wrapped(`${batches}${lengths}; costs ${machine}${bandwidth === undefined ? '' : `, ${bandwidth} GB/s between devices`}`);
}

/** One row per result and per refused strategy. */
export function resultTable(results: readonly StrategyResult[], refused: readonly RefusedStrategy[]): string[] {
  const rows = results.map((result) => {
    const { strategy, devices, speedup, efficiency, idleFraction, wordsPerSecond, shares } = result;
    return [
      strategy.padEnd(8),
      String(devices).padStart(7),
      `${speedup.toFixed(2)} x`.padStart(8),
      percent(efficiency).padStart(6),
      tokenSpeed(wordsPerSecond).padStart(7),
      percent(idleFraction).padStart(5),
      percent(shares.useful).padStart(6),
      percent(shares.overhead).padStart(5),
      percent(shares.exchange).padStart(8),
      percent(shares.fill).padStart(5),
      percent(shares.waiting + shares.unused).padStart(5),
    ].join(' ');
  });
  const head = [
    '                                       share of the time of all devices',
    'strategy devices speed-up  effi- words/s  idle useful over- exchange  fill  wait',
    '                          ciency                       head',
  ];
  const marked = refused.map(({ strategy, key }) => `${strategy.padEnd(8)}       -  not possible: ${key}`);
  const reasons = new Set(refused.map(({ key, reason, next }) => wrapped(`${key}: ${reason}${next === undefined ? '' : `; ${next}`}`)));
  return [...(rows.length > 0 ? head : []), ...rows, ...marked, ...(reasons.size > 0 ? ['', ...reasons] : [])];
}

const millions = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

function tokenSpeed(count: number): string {
  return count < 1e6 ? figure(count) : millions.format(count);
}

/** How batches are divided in the pipelines, one row per pipeline. */
export function divisionTable(results: readonly StrategyResult[]): string[] {
  const pipelines = results.filter(({ layerDevices, devices }) => layerDevices !== undefined && devices > 1);
  if (pipelines.length === 0) return [];
  const rows = pipelines.map(({ strategy, devices, usedDevices, layerDevices = 0, stretch, microBatches = 1 }) => {
    const division =
      stretch === undefined ? counted(microBatches, 'micro-batch', 'micro-batches') : `${counted(stretch, 'step', 'steps')} at a time`;
    const cells = [strategy.padEnd(8), String(devices).padStart(7), String(usedDevices).padStart(4), String(layerDevices).padStart(9)];
    return `${cells.join(' ')}  ${division}`;
  });
  return ['', 'Pipelines: the fastest division that was simulated', 'strategy devices used layers on  division', ...rows];
}

/** The placement on the largest number of devices. */
export function placementLines(simulated: readonly SimulatedStrategy[]): string[] {
  const largest = simulated.findLast(({ placement, result }) => placement !== undefined && result.devices > 1);
  if (largest?.placement === undefined) return [];
  const shares = operationShares(largest.schedule);
  return [
    '',
    `Placement (${largest.result.strategy} on ${largest.result.devices} devices)`,
    ...describePlacement(largest.placement, (device) => shares[device] ?? 0),
  ];
}

/** Predictions next to measurements. */
export function checkTable(checked: readonly CheckedStrategy[] | undefined): string[] {
  if (checked === undefined) return [];
  if (checked.length === 0)
    return ['', 'Nothing to check: needs 2 or more devices, at most as many as cores, and a strategy that the model can be trained with'];
  const milliseconds = (value: number) => value.toFixed(1);
  const rows = checked.map(({ strategy, devices, predictedSpeedup, measuredSpeedup, difference, predictedMs, measuredMs, computing }) =>
    [
      strategy.padEnd(8),
      String(devices).padStart(7),
      `${predictedSpeedup.toFixed(2)} x`.padStart(9),
      `${measuredSpeedup.toFixed(2)} x`.padStart(8),
      `${difference >= 0 ? '+' : '-'}${percent(Math.abs(difference))}`.padStart(6),
      milliseconds(predictedMs).padStart(9),
      milliseconds(measuredMs).padStart(8),
      ...(computing === undefined ? [] : [milliseconds(computing.predictedMs).padStart(9), milliseconds(computing.measuredMs).padStart(8)]),
    ].join(' '),
  );
  return [
    '',
    'Checked by      speed-up                      ms per update      ms computed by all',
    'training here   predicted measured  error predicted measured predicted measured',
    ...rows,
  ];
}

/** What the costs of 2014 predict for the paper's eight GPUs. */
export function paperLines(paper: PaperPrediction | undefined): string[] {
  if (paper === undefined) return [];
  const { published, predicted, variations, range, busy, unexplained, dataParallel, dataParallelLargerBatch } = paper;
  const { fill, waiting } = predicted.shares;
  const speed = unexplained >= 0 ? 'fast' : 'slow';
  const line = (name: string, text: string) => wrapped(`  ${name.padEnd(12)}${text}`, 14);
  return [
    '',
    'The 2014 paper: 4 GPUs with one layer each, 4 with a quarter of the softmax',
    'each, batches of 128 sentences',
    line(
      'published',
      `${figure(published.oneGpu)} words/s on one GPU, ${figure(published.eightGpus)} on eight: ${published.speedup.toFixed(1)} times`,
    ),
    line(
      'predicted',
      `${figure(predicted.wordsPerSecond)} words/s on eight: ${predicted.speedup.toFixed(1)} times; nothing was fitted to this figure`,
    ),
    ...variations.map(({ assumption, speedup }) => line('', `${speedup.toFixed(1)} times with ${assumption}`)),
    line('range', `${range.lowest.toFixed(1)} to ${range.highest.toFixed(1)} times over all combinations of these assumptions`),
    line(
      'GPU time',
      `${percent(predicted.shares.useful)} computing, ${percent(fill)} waiting for the pipeline to fill and drain, ${percent(waiting)} waiting in between; GPUs with layers compute ${percent(busy.layers)} of the time, those with the softmax ${percent(busy.softmax)}`,
    ),
    line('unexplained', `the prediction is too ${speed} by ${percent(Math.abs(unexplained))}`),
    line(
      'alternative',
      `data parallelism on the same GPUs: ${dataParallel.speedup.toFixed(1)} times with the same batch, ${dataParallelLargerBatch.speedup.toFixed(1)} with 128 sentences per GPU`,
    ),
  ];
}

/** Breaks a line at spaces; the next ones are indented. */
function wrapped(text: string, indent = 2): string {
  const [, lead = '', rest = ''] = /^(\s*)(.*)$/s.exec(text) ?? [];
  const lines = [lead];
  for (const word of rest.split(/(?<=\S)(?= )/)) {
    const last = lines.at(-1) as string;
    if (last.trim() !== '' && last.length + word.length > columns) lines.push(' '.repeat(indent) + word.trimStart());
    else lines[lines.length - 1] = last + word;
  }
  return lines.join('\n');
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}
