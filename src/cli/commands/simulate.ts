import { Command, InvalidArgumentError, Option } from 'commander';
import { type CheckedStrategy, checkSimulations } from '../../analysis/simulation-check.js';
import { estimateCorpus } from '../../analysis/estimate.js';
import {
  type PaperPrediction,
  predictPaper,
  type SimulatedStrategy,
  type Strategy,
  type StrategyResult,
  simulateStrategy,
  strategies,
  type Workload,
} from '../../analysis/simulation.js';
import { svgFile } from '../../analysis/page/drawing.js';
import { simulationPage, speedupPlot, timelineDrawing } from '../../analysis/timeline.js';
import { readConfiguration } from '../../api.js';
import { DecadeError } from '../../core/errors.js';
import { fileError } from '../../core/file-errors.js';
import { joinPath } from '../../core/files.js';
import { measureMachine } from '../../parallel/measured-machine.js';
import { networkOf } from '../../parallel/network.js';
import { describePlacement } from '../../parallel/placement.js';
import { costsOf2014, paperLengths } from '../../parallel/profile-2014.js';
import { evenBatch, operationShares } from '../../parallel/schedule.js';
import { logitBytes } from '../../parallel/start-pipeline.js';
import { nodeRuntime } from '../../node/runtime.js';
import { type Configuration, tokenizerOptionsOf } from '../../training/configuration.js';
import { names, numberFrom, withGemmOption, withSetOption } from '../arguments.js';
import { print, printJson, requireOutput, writeWhole } from '../output.js';
import { figure, Progress } from '../progress.js';
import { warn } from '../warning.js';

interface Options {
  devices: number[];
  strategies: Strategy[];
  profile: 'here' | '2014';
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
    .description('How fast a configuration would train on more devices, data parallel or pipelined, and where their time goes.')
    .argument('<CONFIG.yaml>', 'a configuration, as for train')
    .option('--devices <range>', `how many: 1..${mostDevices}, 8 or 1,2,4`, deviceCounts, [1, 2, 4, 8])
    .option('--strategies <names>', `of ${strategies.join(', ')}`, strategyNames, [...strategies])
    .addOption(
      new Option('--profile <machine>', 'costs measured on this machine, or those of a machine of 2014')
        .choices(['here', '2014'])
        .default('here'),
    )
    .option('--bandwidth <GB/s>', 'between memories of devices (default: the profile; here one shared memory)', numberFrom(0.001))
    .option(
      '--check <seconds>',
      'also train here, with random ids, and compare; on up to as many devices as there are cores',
      numberFrom(0.1),
    )
    .option('--html <file>', 'draw the speed-up, and what each device does, a timeline for each strategy')
    .option('--svg <directory>', 'the same drawings as files, for documents')
    .option('--json', 'print one JSON object');
  return withSetOption(withGemmOption(command))
    .addHelpText('after', '\nExample:\n  $ decade simulate recipes/paper-2014.yaml --profile 2014 --devices 8 --html timeline.html')
    .action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const { devices, profile, json } = options;
  const configuration = await readConfiguration(nodeRuntime, path, options.set);
  await requireOutput(options.html);
  if (options.svg !== undefined) await requireDirectory(options.svg);
  const { workload, batch, gemm } = await workloadOf(configuration, options);
  const progress = new Progress();
  const simulated: SimulatedStrategy[] = [];
  const planned = devices.flatMap((count) => options.strategies.map((strategy) => ({ count, strategy })));
  for (const [index, { count, strategy }] of planned.entries()) {
    progress.update({ label: 'simulating', fraction: index / planned.length, figures: [`${strategy} on ${count}`] });
    simulated.push(simulateStrategy(workload, strategy, count));
    // Lets a signal through.
    await new Promise((resolve) => setImmediate(resolve));
  }
  progress.end();
  const paper = profile === '2014' ? predictPaper() : undefined;
  const checked = options.check === undefined ? undefined : await check(configuration, batch, simulated, options, options.check);
  const largest = simulated.filter(({ result }) => result.devices === Math.max(...devices));
  const published = paper && { devices: 8, speedup: paper.prediction.published.speedup };
  const drawings = { speedup: speedupPlot(simulated, published), timelines: paper === undefined ? largest : [paper.simulated, ...largest] };
  if (options.html !== undefined) {
    await writeWhole(
      options.html,
      await simulationPage(`${path} simulated on ${profile === 'here' ? 'this machine' : 'machines of 2014'}`, drawings),
    );
  }
  if (options.svg !== undefined) {
    await nodeRuntime.files.makeDirectory(options.svg);
    if (drawings.speedup !== undefined) await writeWhole(joinPath(options.svg, 'speed-up.svg'), svgFile(drawings.speedup.drawing));
    for (const simulated of largest) {
      const { strategy, devices } = simulated.result;
      await writeWhole(joinPath(options.svg, `${strategy}-${devices}.svg`), svgFile(timelineDrawing(simulated)));
    }
    if (paper !== undefined) await writeWhole(joinPath(options.svg, 'paper-8.svg'), svgFile(timelineDrawing(paper.simulated)));
  }
  const results = simulated.map(({ result }) => roundedResult(result));
  if (json)
    await printJson({
      profile,
      ...(gemm && { gemm }),
      batch,
      results,
      ...(paper && { paper: paper.prediction }),
      ...(checked && { checked }),
    });
  else
    await print(
      [
        describeBatch(batch, options, gemm),
        table(results),
        ...placements(simulated),
        ...describePaper(paper?.prediction),
        ...describeChecks(checked),
      ].join('\n'),
    );
}

/** Throws `input` before the work for what cannot become a directory of drawings. */
async function requireDirectory(path: string): Promise<void> {
  if ((await nodeRuntime.files.kind(path)) === 'file') throw fileError('notDirectory', path);
}

/** Trains as was simulated, where this machine can. */
async function check(
  configuration: Configuration,
  { sentences, sourceTokens, targetTokens }: BatchFigures,
  simulated: readonly SimulatedStrategy[],
  { profile, gemm }: Options,
  seconds: number,
): Promise<CheckedStrategy[]> {
  if (profile !== 'here') {
    throw new DecadeError('usage', { where: '--check', received: `--profile ${profile}`, allowed: 'the profile of this machine: here' });
  }
  const possible = simulated.filter(({ result }) => result.devices > 1 && result.devices <= nodeRuntime.cores);
  const { model, training, tokenizer } = configuration;
  const sizeOf = (side: 'source' | 'target') => tokenizerOptionsOf(tokenizer, side).size ?? 0;
  const vocabularies = { source: sizeOf('source'), target: sizeOf('target') };
  const workload = { model, vocabularies, sentences, sourceTokens, targetTokens, gemm, precision: training.precision };
  return checkSimulations(nodeRuntime, workload, possible, seconds);
}

function describeChecks(checked: readonly CheckedStrategy[] | undefined): string[] {
  if (checked === undefined) return [];
  if (checked.length === 0) return ['', 'Nothing to check: no more devices than one, or more than cores'];
  const milliseconds = (predicted: number, measured: number) => `${predicted.toFixed(1).padStart(9)} ${measured.toFixed(1).padStart(9)}`;
  const rows = checked.map(({ strategy, devices, predictedSpeedup, measuredSpeedup, difference, predictedMs, measuredMs, computing }) => {
    const figures = [predictedSpeedup, measuredSpeedup].map((speedup) => speedup.toFixed(2).padStart(9)).join(' ');
    const less1 = `${difference >= 0 ? '+' : '-'}${percent(Math.abs(difference))}`.padStart(9);
    const computed = computing === undefined ? '' : ` ${milliseconds(computing.predictedMs, computing.measuredMs)}`;
    return `${strategy.padEnd(8)} ${String(devices).padStart(8)} ${figures} ${less1} ${milliseconds(predictedMs, measuredMs)}${computed}`;
  });
  return [
    '',
    'Checked by training here  speed-up            predicted  ms an update         computing, all devices',
    'strategy  devices predicted  measured    less 1 predicted  measured predicted  measured',
    ...rows,
  ];
}

interface BatchFigures {
  readonly sentences: number;
  readonly sourceTokens: number;
  readonly targetTokens: number;
  /** Whether sentences are as long as the corpus's; otherwise as long as is usual. */
  readonly counted: boolean;
}

async function workloadOf(
  configuration: Configuration,
  { profile, bandwidth, gemm }: Options,
): Promise<{ workload: Workload; batch: BatchFigures; gemm: string | undefined }> {
  const network = networkOf(configuration.model, tokenizerOptionsOf(configuration.tokenizer, 'target').size ?? 0);
  const lengths = await estimateCorpus(nodeRuntime.files, configuration).catch((error: unknown) => {
    if (error instanceof DecadeError && error.kind === 'input') return undefined;
    throw error;
  });
  const usual = profile === '2014' ? paperLengths : { source: 25, target: 25 };
  const source = Math.max(1, Math.round(lengths?.sourceTokensPerPair ?? usual.source));
  const target = Math.max(1, Math.round(lengths?.targetTokensPerPair ?? usual.target));
  const size = configuration.training.batch;
  const sentences = 'sentences' in size ? size.sentences : Math.max(1, Math.round(size.words / target));
  const batch = { sentences, sourceTokens: source, targetTokens: target, counted: lengths !== undefined };
  const shape = evenBatch(sentences, source, target);
  const overridden = (costs: ReturnType<Workload['costs']>) =>
    bandwidth === undefined ? costs : { ...costs, handOver: { ...costs.handOver, bytesPerSecond: bandwidth * 1e9 } };
  const memories = profile === 'here' && bandwidth === undefined ? 'shared' : 'separate';
  if (profile === '2014') {
    const costs = overridden(costsOf2014());
    return { workload: { network, batch: shape, costs: () => costs, memories }, batch, gemm: undefined };
  }
  const { precision } = configuration.training;
  const machine = await measureMachine(nodeRuntime, network, sentences, { gemm, precision, warn: (message) => warn(new Error(message)) });
  const costs = (count: number) => overridden(machine.of(count));
  return {
    workload: { network, batch: shape, costs, memories, ...(memories === 'shared' && { logitBytes }) },
    batch,
    gemm: machine.precision === 'bf16' ? `${machine.gemm}, bf16` : machine.gemm,
  };
}

function deviceCounts(text: string): number[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(text);
  const counts =
    range === null
      ? text.split(',').map(Number)
      : Array.from({ length: Number(range[2]) - Number(range[1]) + 1 || 0 }, (_, index) => Number(range[1]) + index);
  if (counts.length === 0 || counts.some((count) => !Number.isInteger(count) || count < 1 || count > mostDevices)) {
    throw new InvalidArgumentError(`expected whole numbers from 1 to ${mostDevices}, as 8, 1..8 or 1,2,4`);
  }
  return counts;
}

function strategyNames(text: string): Strategy[] {
  return names(text).map((name) => {
    const known = strategies.find((strategy) => strategy === name);
    if (known === undefined) throw new InvalidArgumentError(`expected some of ${strategies.join(', ')}`);
    return known;
  });
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
    shares: { useful: short(shares.useful), overhead: short(shares.overhead), fill: short(shares.fill), waiting: short(shares.waiting) },
  };
}

function describeBatch(
  { sentences, sourceTokens, targetTokens, counted }: BatchFigures,
  { profile, bandwidth }: Options,
  gemm?: string,
): string {
  const lengths = `${sentences} sentences of ${sourceTokens} and ${targetTokens} tokens${counted ? '' : ' (the corpus was not there to count)'}`;
  const machine = profile === 'here' ? `measured here (${gemm}, one core a device)` : 'of 2014';
  return `${lengths}; costs ${machine}${bandwidth === undefined ? '' : `, ${bandwidth} GB/s between devices`}`;
}

function table(results: readonly StrategyResult[]): string {
  const head = 'strategy  devices  speed-up  efficiency  idle  words/s  useful  overhead  fill  waiting  how';
  const rows = results.map((result) => {
    const { strategy, devices, speedup, efficiency, idleFraction, wordsPerSecond, shares } = result;
    const cells = [
      strategy.padEnd(8),
      String(devices).padStart(8),
      speedup.toFixed(2).padStart(9),
      percent(efficiency).padStart(11),
      percent(idleFraction).padStart(5),
      figure(wordsPerSecond).padStart(8),
      percent(shares.useful).padStart(7),
      percent(shares.overhead).padStart(9),
      percent(shares.fill).padStart(5),
      percent(shares.waiting).padStart(8),
    ];
    return `${cells.join(' ')}  ${describeDivision(result)}`.trimEnd();
  });
  return [head, ...rows].join('\n');
}

function describeDivision({ layerDevices, stretch, microBatches }: StrategyResult): string {
  if (layerDevices === undefined) return '';
  const division =
    stretch === undefined ? counted(microBatches ?? 1, 'micro-batch', 'micro-batches') : `${counted(stretch, 'step', 'steps')} at a time`;
  return `layers on ${counted(layerDevices, 'device', 'devices')}, ${division}`;
}

/** Where everything lies, for the largest number of devices. */
function placements(simulated: readonly SimulatedStrategy[]): string[] {
  const largest = simulated.findLast(({ placement, result }) => placement !== undefined && result.devices > 1);
  if (largest?.placement === undefined) return [];
  const shares = operationShares(largest.schedule);
  return [
    `Placement (${largest.result.strategy}, chosen by simulating others)`,
    ...describePlacement(largest.placement, (device) => shares[device] ?? 0),
  ];
}

function describePaper(paper: PaperPrediction | undefined): string[] {
  if (paper === undefined) return [];
  const { published, predicted, variations, range, busy, unexplained, dataParallel, dataParallelLargerBatch } = paper;
  const { fill, waiting } = predicted.shares;
  return [
    '',
    'The 2014 paper: 4 GPUs with a layer each, 4 with a quarter of the softmax each, batches of 128',
    `  published   ${figure(published.oneGpu)} words/s on one GPU, ${figure(published.eightGpus)} on eight: ${published.speedup.toFixed(1)} times`,
    `  predicted   ${figure(predicted.wordsPerSecond)} words/s on eight: ${predicted.speedup.toFixed(1)} times; nothing fitted to the eight`,
    ...variations.map(({ assumption, speedup }) => `     ${speedup.toFixed(1)} times with ${assumption}`),
    `  range       ${range.lowest.toFixed(1)} to ${range.highest.toFixed(1)} times over all combinations of these`,
    `  time of the eight: ${percent(predicted.shares.useful)} computing, ${percent(fill)} waiting for the pipeline to fill and drain, ${percent(waiting)} waiting in between;`,
    `              GPUs with layers compute ${percent(busy.layers)} of the time, those with the softmax ${percent(busy.softmax)}`,
    `  unexplained ${unexplained >= 0 ? 'the prediction is too fast' : 'the prediction is too slow'} by ${percent(Math.abs(unexplained))}`,
    `  data parallelism on the same GPUs: ${dataParallel.speedup.toFixed(1)} times with the same batch, ${dataParallelLargerBatch.speedup.toFixed(1)} with 128 sentences on each`,
  ];
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}
