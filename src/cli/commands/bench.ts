import { Command, Option } from 'commander';
import { benchShapes } from '../../analysis/cost/bench-shapes.js';
import { type BenchTrainResult, benchTrain } from '../../analysis/cost/bench-train.js';
import { type BenchTranslateResult, benchTranslate } from '../../analysis/cost/bench-translate.js';
import { type Strategy, strategies } from '../../analysis/cost/simulation.js';
import { DecadeError } from '../../core/errors.js';
import { mixedPrecision } from '../../node/native/mixed-precision.js';
import { type ProviderReport, matrixProviders } from '../../node/native/providers.js';
import { openKernels } from '../../node/open-kernels.js';
import { webAssemblyProvider } from '../../tensor/kernels/provider.js';
import { type Precision, precisions } from '../../tensor/matrix.js';
import { nodeRuntime } from '../../node/runtime.js';
import { type DeviceChoice, numberFrom, wholeNumber, withDevicesOption, withGemmOption } from '../arguments.js';
import { print, printJson } from '../output.js';
import { figure } from '../progress.js';

interface BenchArguments extends DeviceChoice {
  config: string;
  length?: number;
  seconds: number;
  precision: Precision;
  strategy: Strategy;
  beam: number;
  profile?: boolean;
  json?: boolean;
}

const subjects: { readonly [subject: string]: (options: BenchArguments) => Promise<void> } = {
  train: benchTraining,
  translate: benchTranslation,
  gemm: benchProducts,
};

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('Measure the speed of this machine, also relative to its matrix products alone.')
    .argument('<subject>', `what to measure: ${Object.keys(subjects).join(', ')}`)
    .option('--config <shape>', `the network: ${Object.keys(benchShapes).join(', ')}`, 'base')
    .option('--length <tokens>', 'train: tokens per sentence (default: from the shape)', wholeNumber(1, 1_000))
    .option('--seconds <number>', 'how long to measure', numberFrom(0.1), 10)
    .addOption(new Option('--precision <type>', 'train: operands of the matrix products; sums are f32').choices(precisions).default('f32'))
    .addOption(new Option('--strategy <name>', 'train: parallel strategy').choices(strategies).default('data'))
    .option('--beam <number>', 'translate: 1 is greedy search', wholeNumber(1, 1_000), 1)
    .option('--profile', 'train: also print the time of every kernel')
    .option('--json', 'print one JSON object');
  return withGemmOption(withDevicesOption(command))
    .addHelpText('after', '\nExample:\n  $ decade bench train --config base --devices 1')
    .action(bench);
}

async function bench(subject: string, options: BenchArguments): Promise<void> {
  const measure = Object.hasOwn(subjects, subject) ? subjects[subject] : undefined;
  if (measure === undefined) {
    throw new DecadeError('usage', { where: 'bench', received: JSON.stringify(subject), allowed: Object.keys(subjects).join(', ') });
  }
  await measure(options);
}

const peakRssBytes = () => process.resourceUsage().maxRSS * 1024;

async function benchTraining(options: BenchArguments): Promise<void> {
  const result = await benchTrain(
    nodeRuntime,
    {
      config: options.config,
      length: options.length,
      devices: options.devices ?? nodeRuntime.cores,
      seconds: options.seconds,
      gemm: options.gemm,
      precision: options.precision,
      strategy: options.strategy,
      profile: options.profile ?? false,
    },
    peakRssBytes,
  );
  if (options.json) await printJson(result);
  else await print(describeTraining(result));
}

async function benchTranslation({ config, beam, seconds, gemm, devices = nodeRuntime.cores, json }: BenchArguments): Promise<void> {
  const result = await benchTranslate(nodeRuntime, { config, beam, seconds, gemm, devices }, peakRssBytes);
  if (json) await printJson(result);
  else await print(describeTranslation(result));
}

async function benchProducts({ gemm, json }: BenchArguments): Promise<void> {
  const memory = nodeRuntime.newMemory();
  const { provider, choice, reports } = await matrixProviders(memory, webAssemblyProvider(memory, await openKernels(memory)), {
    gemm,
    all: true,
    measure: true,
  });
  provider.dispose();
  const mixed = await mixedPrecision(memory, { measure: true });
  mixed.provider?.dispose();
  if (json) await printJson({ gemm: choice.name, providers: reports, bf16: mixed.report });
  else {
    const rows = reports.map((report) => describeProvider(report, choice.name));
    await print([...rows, describeProvider({ name: 'onednn bf16', ...mixed.report }, choice.name)].join('\n'));
  }
}

function describeProvider({ name, speed, reason }: Pick<ProviderReport, 'speed' | 'reason'> & { name: string }, chosen: string): string {
  if (speed === undefined) return `  ${name.padEnd(12)} ${reason ?? 'not measured'}`;
  const figures = [speed.plainGflops, speed.packedGflops, speed.gflops].map((gflops) => gflops.toFixed(0).padStart(4));
  return `${name === chosen ? '*' : ' '} ${name.padEnd(12)} ${figures[0]} GFLOP/s per core on matrices used once, ${figures[1]} packed, ${figures[2]} in the mix of training`;
}

function describeTranslation(result: BenchTranslateResult): string {
  return [
    `${result.config}: ${result.beam === 1 ? 'greedy search' : `beam ${result.beam}`}, ${result.batchSentences} sentences at once, ${result.devices} ${result.devices === 1 ? 'device' : 'devices'}, ${result.gemm}`,
    `${figure(result.targetTokensPerSecond)} target tokens/s, ${result.sentencesPerSecond} sentences/s (${result.batchMs} ms per batch, median)`,
    `${figure(result.peakRssMiB)} MiB of memory at most`,
  ].join('\n');
}

function describeTraining(result: BenchTrainResult): string {
  const { profileMs, warning, fastest } = result;
  const percent = (fraction: number) => `${(100 * fraction).toFixed(1)} %`;
  return [
    `${result.config}: ${figure(result.parameters)} parameters, ${result.devices} ${result.devices === 1 ? 'device' : 'devices'}, ${result.strategy}, ${result.gemm}, ${result.precision}`,
    ...(result.placement ?? []),
    `${figure(result.wordsPerSecond)} words/s (source and target; ${result.stepMs} ms per update, median of ${result.updates}; ${result.gflops} GFLOP/s)`,
    `${figure(result.gemmBoundWordsPerSecond)} words/s if there were only the matrix products: ${percent(result.fractionOfBound)} of that bound`,
    `${figure(result.plainBoundWordsPerSecond)} words/s if these were plain, without packed weights: ${percent(result.fractionOfPlainBound)} of that`,
    `${figure(fastest.wordsPerSecond)} words/s in the fastest update: ${percent(fastest.fractionOfBound)} and ${percent(fastest.fractionOfPlainBound)} of the fastest replays`,
    `${figure(result.peakRssMiB)} MiB of memory at most (estimated: ${figure(result.estimatedRssMiB)})`,
    ...(warning === undefined ? [] : [warning]),
    ...Object.entries(profileMs ?? {}).map(([kernel, milliseconds]) => `  ${milliseconds.toFixed(3).padStart(10)} ms  ${kernel}`),
  ].join('\n');
}
