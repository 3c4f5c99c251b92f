import { Command, InvalidArgumentError } from 'commander';
import { svgFile } from '../../analysis/page/drawing.js';
import { modelOf } from '../../analysis/cost/estimate.js';
import { profiles, type SimulatedWorkload, type MachineProfile, simulatedWorkload } from '../../analysis/cost/simulated-workload.js';
import {
  predictPaper,
  type SimulatedStrategy,
  Simulator,
  type Strategy,
  type StrategyResult,
  strategies,
} from '../../analysis/cost/simulation.js';
import { type CheckedStrategy, checkSimulations } from '../../analysis/cost/simulation-check.js';
import { simulationPage, speedupPlot, timelineDrawing } from '../../analysis/cost/timeline.js';
import { DecadeError } from '../../core/errors.js';
import { fileError } from '../../core/file-errors.js';
import { joinPath } from '../../core/files.js';
import type { Network } from '../../parallel/schedule/network.js';
import { whyNotLayered } from '../../models/lstm/separable-layers.js';
import { nodeRuntime } from '../../node/runtime.js';
import { type Configuration, readConfiguration } from '../../training/configuration.js';
import { updateRuleOf } from '../../training/options.js';
import { names, numberFrom, withGemmOption, withSetOption } from '../arguments.js';
import { print, printJson, requireDrawing, requireOutput, writeWhole } from '../output.js';
import { ProgressBar } from '../progress.js';
import {
  checkTable,
  describeBatch,
  divisionTable,
  paperLines,
  placementLines,
  type RefusedStrategy,
  resultTable,
} from '../simulation-tables.js';
import { warn } from '../warning.js';
import { nodeCounts, simulateCluster } from './simulate-cluster.js';

interface SimulateArguments {
  devices: number[];
  strategies: Strategy[];
  /** One of `profiles`, or the file of a cluster. */
  profile: string;
  nodes?: number[];
  bandwidth?: number;
  html?: string;
  svg?: string;
  gemm?: string;
  check?: number;
  set?: string[];
  json?: boolean;
}

const mostDevices = 64;

export function simulateCommand(): Command {
  const command = new Command('simulate')
    .description('Simulate training on several devices, data parallel or pipelined: speed-up and use of time.')
    .argument('<CONFIG.yaml>', 'configuration, as for train')
    .option('--devices <range>', `numbers of devices: 1..${mostDevices}, 8 or 1,2,4`, deviceCounts, [1, 2, 4, 8])
    .option('--strategies <names>', `some of ${strategies.join(', ')}`, strategyNames, [...strategies])
    .option('--profile <machine>', 'costs measured here, those of GPUs of 2014, or a cluster: here, 2014 or FILE.yaml', 'here')
    .option('--nodes <numbers>', 'of a cluster: numbers of nodes, such as 8,64,1024 (default: 1 and those it has)', nodeCounts)
    .option('--bandwidth <GB/s>', 'between devices (default: from the profile; here: one shared memory)', numberFrom(0.001))
    .option('--check <seconds>', 'also train on random ids for comparison, on at most as many devices as cores', numberFrom(0.1))
    .option('--html <file>', 'write a page with the speed-up and a timeline per strategy')
    .option('--svg <directory>', 'write the same drawings as SVG files')
    .option('--json', 'print one JSON object');
  return withSetOption(withGemmOption(command))
    .addHelpText(
      'after',
      `
Examples:
  $ decade simulate recipes/paper-2014.yaml --profile 2014 --devices 8 --html timeline.html
  $ decade simulate recipes/gpt-2.yaml --profile recipes/clusters/p100-nvlink.yaml --nodes 8,64,1024`,
    )
    .action(run);
}

async function run(path: string, options: SimulateArguments, command: Command): Promise<void> {
  const profile = profiles.find((name) => name === options.profile);
  if (profile !== undefined) return simulateMachine(path, { ...options, profile });
  if (!/\.ya?ml$/.test(options.profile)) {
    throw new DecadeError('usage', {
      where: '--profile',
      received: options.profile,
      allowed: `${profiles.join(', ')} or the file of a cluster, FILE.yaml`,
      next: 'see recipes/clusters/ for examples',
    });
  }
  for (const key of ['devices', 'strategies', 'bandwidth', 'check'] as const) {
    if (command.getOptionValueSource(key) !== 'cli') continue;
    const next = key === 'check' ? 'use it with --profile here' : 'set it in the file, or use --nodes';
    refuse(`--${key}`, `--profile ${options.profile}, the file of a cluster`, 'the profile here or 2014', next);
  }
  await simulateCluster(path, options);
}

async function simulateMachine(path: string, options: SimulateArguments & { readonly profile: MachineProfile }): Promise<void> {
  refuseContradictions(options);
  const { devices, profile, bandwidth, gemm: wished, html, svg, json } = options;
  const configuration = await readConfiguration(nodeRuntime.files, path, options.set);
  await requireOutput(html);
  if (svg !== undefined) await requireDrawings(svg, options);
  const warnings: string[] = [];
  const tell = (message: string) => {
    warnings.push(message);
    warn(new Error(message));
  };
  const { workload, batch, vocabularies, gemm } = await simulatedWorkload(nodeRuntime, configuration, {
    profile,
    bandwidth,
    gemm: wished,
    warn: tell,
  });
  if (profile === 'here' && Math.max(...devices) > nodeRuntime.cores) {
    tell(
      `more devices than this machine's ${nodeRuntime.cores} cores cannot be measured: each is assumed to be as fast as when all cores are busy`,
    );
  }
  const { possible, refused, isTrained } = possibleStrategies(configuration, workload.network, options.strategies);
  if (!isTrained && possible.some((strategy) => strategy !== 'data'))
    tell('training refuses these pipelines: they are simulated only, as if devices shared no weights');
  const simulated = await simulateEach(new Simulator(workload), possible, devices);
  const checked =
    options.check === undefined
      ? undefined
      : await check(
          configuration,
          { batch, vocabularies },
          simulated.filter(({ plan }) => isTrained || plan === undefined),
          wished,
          options.check,
        );
  const paper = profile === '2014' ? predictPaper() : undefined;
  const drawings = drawingsOf({ simulated, paper });
  if (html !== undefined) {
    await writeWhole(
      html,
      await simulationPage(`${path} simulated on ${profile === 'here' ? 'this machine' : 'machines of 2014'}`, drawings),
    );
  }
  if (svg !== undefined) await drawFiles(svg, drawings);
  const results = simulated.map(({ result }) => roundedResult(result));
  if (json) {
    await printJson({
      profile,
      ...(gemm && { gemm }),
      batch,
      results,
      ...(refused.length > 0 && { refused }),
      ...(warnings.length > 0 && { warnings }),
      ...(paper && { paper: paper.prediction }),
      ...(checked && { checked }),
    });
    return;
  }
  const lines = [
    describeBatch(batch, { profile, bandwidth }, gemm),
    '',
    ...resultTable(results, refused),
    ...divisionTable(results),
    ...placementLines(simulated),
    ...paperLines(paper?.prediction),
    ...checkTable(checked),
  ];
  await print(lines.join('\n'));
}

/** Checks before the work that drawings can be written there. Throws for a file, or for other files with the names of drawings. */
async function requireDrawings(directory: string, { strategies, devices }: SimulateArguments): Promise<void> {
  const kind = await nodeRuntime.files.kind(directory);
  if (kind === 'file') throw fileError('notDirectory', directory);
  if (kind === 'missing') return;
  const names = ['speed-up', 'paper-8', ...strategies.map((strategy) => `${strategy}-${Math.max(...devices)}`)];
  for (const name of names) await requireDrawing(joinPath(directory, `${name}.svg`));
}

/** Options that cannot be combined are refused before anything is measured. */
function refuseContradictions({ check, profile, nodes, bandwidth, gemm }: SimulateArguments): void {
  if (nodes !== undefined) refuse('--nodes', `--profile ${profile}`, 'the file of a cluster', 'see recipes/clusters/ for examples');
  const thisMachine = 'the profile of this machine: here';
  if (check !== undefined && profile !== 'here') refuse('--check', `--profile ${profile}`, thisMachine);
  if (gemm !== undefined && profile !== 'here') refuse('--gemm', `--profile ${profile}`, thisMachine);
  if (check !== undefined && bandwidth !== undefined) {
    refuse('--check', '--bandwidth, which does not apply to devices that share one memory', 'one of the two');
  }
}

function refuse(where: string, received: string, allowed: string, next?: string): never {
  throw new DecadeError('usage', { where, received, allowed, ...(next !== undefined && { next }) });
}

/**
 * Data parallelism trains any model; a pipeline needs layers that can be separated. Those that no training separates yet, but that are not
 * tied together either, can be simulated all the same: by whole micro-batches where they see whole sentences.
 */
function possibleStrategies(
  configuration: Configuration,
  { sight, encoder }: Network,
  wished: readonly Strategy[],
): { possible: readonly Strategy[]; refused: readonly RefusedStrategy[]; isTrained: boolean } {
  const obstacle = whyNotLayered(modelOf(configuration));
  if (obstacle === undefined) return { possible: wished, refused: [], isTrained: true };
  const { where, received, next } = obstacle.parts;
  const key = /model\.\w+/.exec(where)?.[0] ?? where;
  const isRefused = (strategy: Strategy) => {
    if (strategy === 'data' || (sight === undefined && encoder.length === 0)) return false;
    return sight === undefined || strategy === 'pipeline';
  };
  const reasons = sight === undefined ? { reason: received, next } : wholeSentences;
  const refused = wished.filter(isRefused).map((strategy) => ({ strategy, key, ...reasons }));
  return { possible: wished.filter((strategy) => !isRefused(strategy)), refused, isTrained: false };
}

const wholeSentences = {
  reason: 'its layers look at whole sentences, so there are no steps to hand on',
  next: 'use gpipe or 1f1b, which hand on whole micro-batches',
} as const;

async function simulateEach(simulator: Simulator, wished: readonly Strategy[], devices: readonly number[]): Promise<SimulatedStrategy[]> {
  const progress = new ProgressBar();
  const planned = devices.flatMap((count) => wished.map((strategy) => ({ count, strategy })));
  const simulated: SimulatedStrategy[] = [];
  for (const [index, { count, strategy }] of planned.entries()) {
    progress.update({ label: 'simulating', fraction: index / planned.length, figures: [`${strategy} on ${count}`] });
    simulated.push(simulator.on(strategy, count));
    // Lets signals be handled.
    await new Promise((resolve) => setImmediate(resolve));
  }
  progress.end();
  return simulated;
}

interface Drawn {
  readonly simulated: readonly SimulatedStrategy[];
  readonly paper: ReturnType<typeof predictPaper> | undefined;
}

/** The speed-up, and a timeline for each strategy on the most devices; that of the paper's eight GPUs first. */
function drawingsOf({ simulated, paper }: Drawn) {
  const most = Math.max(...simulated.map(({ result }) => result.devices));
  const largest = simulated.filter(({ result }) => result.devices === most);
  const published = paper && { devices: 8, speedup: paper.prediction.published.speedup };
  return { speedup: speedupPlot(simulated, published), paper: paper?.simulated, largest };
}

async function drawFiles(directory: string, { speedup, paper, largest }: ReturnType<typeof drawingsOf>): Promise<void> {
  const timelines = largest.map((simulated) => ({ name: `${simulated.result.strategy}-${simulated.result.devices}`, simulated }));
  const drawings = [
    ...(speedup === undefined ? [] : [{ name: 'speed-up', drawing: speedup.drawing }]),
    ...[...timelines, ...(paper === undefined ? [] : [{ name: 'paper-8', simulated: paper }])].map(({ name, simulated }) => {
      return { name, drawing: timelineDrawing(simulated) };
    }),
  ];
  await nodeRuntime.files.makeDirectory(directory);
  for (const { name, drawing } of drawings) await writeWhole(joinPath(directory, `${name}.svg`), svgFile(drawing));
}

/** Trains as simulated, with at most as many devices as cores. */
async function check(
  configuration: Configuration,
  { batch, vocabularies }: Pick<SimulatedWorkload, 'batch' | 'vocabularies'>,
  simulated: readonly SimulatedStrategy[],
  gemm: string | undefined,
  seconds: number,
): Promise<CheckedStrategy[]> {
  const possible = simulated.filter(({ result }) => result.devices > 1 && result.devices <= nodeRuntime.cores);
  if (possible.length === 0) return [];
  const { model, training } = configuration;
  const { sentences, sourceTokens, targetTokens, batchesPerUpdate } = batch;
  const workload = {
    model,
    // As it was simulated.
    rule: { ...updateRuleOf(training), consistency: 0 },
    vocabularies,
    ...{ sentences, sourceTokens, targetTokens, batchesPerUpdate, gemm },
    precision: training.precision,
  };
  return checkSimulations(nodeRuntime, workload, possible, seconds);
}

function deviceCounts(text: string): number[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(text);
  const [first, last] = [Number(range?.[1]), Math.min(Number(range?.[2]), mostDevices + 1)];
  const counts =
    range === null ? text.split(',').map(Number) : Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  if (counts.length === 0 || counts.some((count) => !Number.isInteger(count) || count < 1 || count > mostDevices)) {
    throw new InvalidArgumentError(`expected whole numbers from 1 to ${mostDevices}, such as 8, 1..8 or 1,2,4`);
  }
  return [...new Set(counts)];
}

function strategyNames(text: string): Strategy[] {
  const wished = names(text).map((name) => {
    const known = strategies.find((strategy) => strategy === name);
    if (known === undefined) throw new InvalidArgumentError(`expected some of ${strategies.join(', ')}`);
    return known;
  });
  return [...new Set(wished)];
}

function roundedResult(result: StrategyResult): StrategyResult {
  const short = (value: number) => Number(value.toFixed(4));
  const { speedup, efficiency, idleFraction, wordsPerSecond, seconds, shares } = result;
  return {
    ...result,
    speedup: short(speedup),
    efficiency: short(efficiency),
    idleFraction: short(idleFraction),
    wordsPerSecond: Math.round(wordsPerSecond),
    seconds: Number(seconds.toPrecision(4)),
    shares: {
      useful: short(shares.useful),
      overhead: short(shares.overhead),
      exchange: short(shares.exchange),
      fill: short(shares.fill),
      waiting: short(shares.waiting),
      unused: short(shares.unused),
    },
  };
}
