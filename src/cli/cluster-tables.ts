import type { ClusterResult } from '../analysis/cost/cluster-simulation.js';
import type { BatchFigures } from '../analysis/cost/simulated-workload.js';
import type { ClusterProfile } from '../parallel/simulation/cluster-profile.js';
import { figure } from './progress.js';

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** What is simulated, and on what. */
export function describeCluster(
  { name, devices, device, network, wire }: ClusterProfile,
  { batch, parameters, gemm }: { readonly batch: BatchFigures; readonly parameters: number; readonly gemm: string | undefined },
): string {
  const { sentences, sourceTokens, targetTokens, counted } = batch;
  const of = sourceTokens === 0 ? `${sentences} contexts of` : `${sentences} sentences of ${sourceTokens} and`;
  const speed =
    device === 'here'
      ? `as measured here (${gemm})`
      : device === 'gpu-2014'
        ? 'as GPUs of 2014'
        : `of ${figure(device.gflops)} GFLOP/s and ${figure(device.bandwidth)} GB/s`;
  const each = devices === 1 ? 'a node is one device' : `a node has ${devices} devices`;
  return [
    name,
    `${each}, ${speed}; network of ${network.gbits} Gbit/s, ${network.latency} µs; ${wire} on the way`,
    `${compact.format(parameters)} parameters; ${of} ${targetTokens} tokens${counted ? '' : ' (not counted: there is no corpus)'}`,
  ].join('\n');
}

const headings = {
  strong: 'The same batch, whatever the number of nodes',
  weak: 'A batch for every node',
} as const;

/** One row per result. */
export function clusterTable(results: readonly ClusterResult[]): string[] {
  const width = Math.max(14, ...results.map((result) => strategyName(result).length));
  const lines: string[] = [];
  for (const [scaling, heading] of Object.entries(headings)) {
    lines.push(
      ...(lines.length === 0 ? [] : ['']),
      heading,
      `nodes ${'strategy'.padEnd(width)} words/s  effi-  ms an  net-     GiB a node`,
      `${' '.repeat(width)}               ciency update  work   whole divided fits`,
      ...results.filter((result) => result.scaling === scaling).map((result) => rowOf(result, width)),
    );
  }
  if (!results.some(({ strategy }) => strategy === 'pipeline')) return lines;
  return [...lines, '', 'Ranks train data parallel, with divided averages; pipelines of several nodes are simulated only.'];
}

function strategyName({ strategy, pipelines }: ClusterResult): string {
  return pipelines === undefined ? strategy : `${pipelines.replicas} x ${pipelines.devices} pipeline`;
}

function rowOf(result: ClusterResult, width: number): string {
  const { nodes, wordsPerSecond, efficiency, seconds, communication, memory } = result;
  const milliseconds = 1000 * seconds;
  const gibibytes = (mebibytes: number) => (mebibytes / 1024).toPrecision(3);
  return [
    String(nodes).padStart(5),
    strategyName(result).padEnd(width),
    (wordsPerSecond < 1e6 ? figure(wordsPerSecond) : compact.format(wordsPerSecond)).padStart(7),
    percent(efficiency).padStart(6),
    (milliseconds < 1e4 ? milliseconds.toPrecision(4) : figure(milliseconds)).padStart(6),
    percent(communication).padStart(5),
    gibibytes(memory.wholeMiB).padStart(7),
    gibibytes(memory.dividedMiB).padStart(7),
    memory.fits,
  ].join(' ');
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}
