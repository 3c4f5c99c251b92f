import { InvalidArgumentError } from 'commander';
import { clusterPage, efficiencyPlot } from '../../analysis/cost/cluster-page.js';
import { type ClusterResult, ClusterSimulator, scalings } from '../../analysis/cost/cluster-simulation.js';
import { clusterTraining } from '../../analysis/cost/simulated-workload.js';
import { svgFile } from '../../analysis/page/drawing.js';
import { fileError } from '../../core/file-errors.js';
import { joinPath } from '../../core/files.js';
import { nodeRuntime } from '../../node/runtime.js';
import { readClusterProfile } from '../../parallel/simulation/cluster-profile.js';
import { readConfiguration } from '../../training/configuration.js';
import { clusterTable, describeCluster } from '../cluster-tables.js';
import { print, printJson, requireDrawing, requireOutput, writeWhole } from '../output.js';
import { ProgressBar } from '../progress.js';
import { warn } from '../warning.js';

export interface ClusterArguments {
  /** The file of the cluster. */
  readonly profile: string;
  readonly nodes?: readonly number[];
  readonly html?: string;
  readonly svg?: string;
  readonly gemm?: string;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

const mostNodes = 65_536;
const drawingName = 'efficiency.svg';

/** Simulates a training on a cluster that a file describes. */
export async function simulateCluster(path: string, { profile: file, nodes, html, svg, gemm, set, json }: ClusterArguments): Promise<void> {
  const profile = await readClusterProfile(nodeRuntime.files, file);
  const configuration = await readConfiguration(nodeRuntime.files, path, set);
  await requireOutput(html);
  if (svg !== undefined) {
    const kind = await nodeRuntime.files.kind(svg);
    if (kind === 'file') throw fileError('notDirectory', svg);
    if (kind !== 'missing') await requireDrawing(joinPath(svg, drawingName));
  }
  const warnings: string[] = [];
  const tell = (message: string) => {
    warnings.push(message);
    warn(new Error(message));
  };
  const counts = nodes ?? [...new Set([1, profile.nodes])];
  if (svg !== undefined && counts.length < 2) tell('one number of nodes is nothing to draw: --svg writes no file; give --nodes several');
  const training = await clusterTraining(nodeRuntime, configuration, profile, { gemm, warn: tell });
  const simulator = new ClusterSimulator(profile, training);
  const results = await simulateAll(simulator, counts);
  if (html !== undefined) await writeWhole(html, await clusterPage(`${path} on ${profile.name}`, results));
  const plot = efficiencyPlot(results);
  if (svg !== undefined && plot !== undefined) {
    await nodeRuntime.files.makeDirectory(svg);
    await writeWhole(joinPath(svg, drawingName), svgFile(plot.drawing));
  }
  const { batch, model, gemm: library } = training;
  if (json) {
    const oneProcess = oneProcessOf(simulator, counts, profile.devices);
    await printJson({
      cluster: profile,
      parameters: model.parameters.count,
      batch,
      ...(library && { gemm: library }),
      results: results.map(roundedResult),
      ...(oneProcess.length > 0 && { oneProcess }),
      ...(warnings.length > 0 && { warnings }),
    });
    return;
  }
  await print(
    [describeCluster(profile, { batch, parameters: model.parameters.count, gemm: library }), '', ...clusterTable(results)].join('\n'),
  );
}

async function simulateAll(simulator: ClusterSimulator, counts: readonly number[]): Promise<ClusterResult[]> {
  const progress = new ProgressBar();
  const results: ClusterResult[] = [];
  const planned = scalings.flatMap((scaling) => counts.map((nodes) => ({ scaling, nodes })));
  for (const [index, { scaling, nodes }] of planned.entries()) {
    progress.update({ label: 'simulating', fraction: index / planned.length, figures: [`${nodes} nodes, ${scaling} scaling`] });
    const pipeline = simulator.pipeline(scaling, nodes);
    results.push(simulator.data(scaling, nodes), ...(pipeline === undefined ? [] : [pipeline]));
    // Lets signals be handled.
    await new Promise((resolve) => setImmediate(resolve));
  }
  progress.end();
  return results;
}

/** What the same devices take in one process, for few of them: to compare ranks with threads. */
function oneProcessOf(simulator: ClusterSimulator, counts: readonly number[], devices: number): { devices: number; seconds: number }[] {
  const few = counts.filter((nodes) => nodes > 1 && nodes * devices <= 64);
  return few.map((nodes) => ({ devices: nodes * devices, seconds: Number(simulator.oneProcess(nodes).toPrecision(4)) }));
}

function roundedResult(result: ClusterResult): ClusterResult {
  const { seconds, computingSeconds, communication, wordsPerSecond, speedup, efficiency, bytes, memory } = result;
  const short = (value: number) => Number(value.toPrecision(4));
  return {
    ...result,
    seconds: short(seconds),
    computingSeconds: short(computingSeconds),
    communication: Number(communication.toFixed(4)),
    wordsPerSecond: Math.round(wordsPerSecond),
    speedup: short(speedup),
    efficiency: Number(efficiency.toFixed(4)),
    bytes: Math.round(bytes),
    memory: { ...memory, wholeMiB: Math.round(memory.wholeMiB), dividedMiB: Math.round(memory.dividedMiB) },
  };
}

/** Of an option: numbers of nodes. */
export function nodeCounts(text: string): number[] {
  const counts = text.split(',').map(Number);
  if (counts.some((count) => !Number.isInteger(count) || count < 1 || count > mostNodes)) {
    throw new InvalidArgumentError(`expected whole numbers from 1 to ${mostNodes}, such as 8,64,1024`);
  }
  return [...new Set(counts)].sort((a, b) => a - b);
}
