import { Command, Option } from 'commander';
import { benchShapeNames } from '../../analysis/cost/bench-shapes.js';
import { type BenchGenerateResult, benchGenerate } from '../../analysis/cost/bench-generate.js';
import { type BenchTrainResult, benchTrain } from '../../analysis/cost/bench-train.js';
import { type BenchTranslateResult, benchTranslate } from '../../analysis/cost/bench-translate.js';
import { type Strategy, strategies } from '../../analysis/cost/simulation.js';
import { DecadeError } from '../../core/errors.js';
import { type ShapeOfUpdate, updateNames } from '../../analysis/cost/update-products.js';
import { ProductBench, type Rates, type UpdateRates } from '../../node/native/bench-products.js';
import { openKernels } from '../../node/open-kernels.js';
import { webAssemblyProvider } from '../../tensor/kernels/provider.js';
import { type Precision, precisions } from '../../tensor/matrix.js';
import { counted } from '../../core/counted.js';
import { nodeRuntime } from '../../node/runtime.js';
import type { Runtime } from '../../parallel/runtime.js';
import { type DeviceChoice, numberFrom, wholeNumber, withDevicesOption, withGemmOption } from '../arguments.js';
import { amongRanks } from '../ranks.js';
import { print, printJson } from '../output.js';
import { figure } from '../progress.js';

interface BenchArguments extends DeviceChoice {
  config: string;
  length?: number;
  seconds: number;
  precision: Precision;
  strategy: Strategy;
  beam: number;
  texts: number;
  profile?: boolean;
  json?: boolean;
}

interface Subject {
  readonly measure: (options: BenchArguments, runtime: Runtime) => Promise<void>;
  /** What is measured unless another network is named. */
  readonly config: string;
  /** Why it is measured on one rank only. */
  readonly alone?: string;
}

const subjects: { readonly [subject: string]: Subject } = {
  train: { measure: benchTraining, config: 'base' },
  translate: { measure: benchTranslation, config: 'base', alone: 'bench translate measures the devices of one process' },
  generate: { measure: benchGeneration, config: 'lm-nano', alone: 'bench generate measures the devices of one process' },
  gemm: { measure: benchMatrices, config: 'base', alone: 'bench gemm measures one core' },
};

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('Measure the speed of this machine, also relative to its matrix products alone.')
    .argument('<subject>', `what to measure: ${Object.keys(subjects).join(', ')}`)
    .option(
      '--config <shape>',
      `the network: ${benchShapeNames.join(', ')}; gemm: ${updateNames.join(', ')}, all (default: base; generate: lm-nano)`,
    )
    .option('--length <tokens>', 'train: tokens per sentence (default: from the shape)', wholeNumber(1, 1_000))
    .option('--seconds <number>', 'how long to measure', numberFrom(0.1), 10)
    .addOption(new Option('--precision <type>', 'train: operands of the matrix products; sums are f32').choices(precisions).default('f32'))
    .addOption(new Option('--strategy <name>', 'train: parallel strategy').choices(strategies).default('data'))
    .option('--beam <number>', 'translate: 1 is greedy search', wholeNumber(1, 1_000), 1)
    .option('--texts <number>', 'generate: texts at once on each device', wholeNumber(1, 1_000), 1)
    .option('--profile', 'train: also print the time of every kernel')
    .option('--json', 'print one JSON object');
  return withGemmOption(withDevicesOption(command))
    .addHelpText(
      'after',
      '\nExamples:\n  $ decade bench train --config base --devices 1\n  $ decade bench generate --config lm-gpt2\n  $ decade bench gemm --config all\n  $ mpirun -n 2 decade bench train --devices 1',
    )
    .action(bench);
}

async function bench(
  subject: string,
  { config, ...options }: Omit<BenchArguments, 'config'> & { readonly config?: string },
): Promise<void> {
  const chosen = Object.hasOwn(subjects, subject) ? subjects[subject] : undefined;
  if (chosen === undefined) {
    throw new DecadeError('usage', { where: 'bench', received: JSON.stringify(subject), allowed: Object.keys(subjects).join(', ') });
  }
  await amongRanks({ alone: chosen.alone, work: (runtime) => chosen.measure({ ...options, config: config ?? chosen.config }, runtime) });
}

const peakRssBytes = () => process.resourceUsage().maxRSS * 1024;

async function benchTraining(options: BenchArguments, runtime: Runtime): Promise<void> {
  const result = await benchTrain(
    runtime,
    {
      config: options.config,
      length: options.length,
      devices: options.devices,
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

async function benchTranslation({ config, beam, seconds, gemm, devices, json }: BenchArguments, runtime: Runtime): Promise<void> {
  const result = await benchTranslate(runtime, { config, beam, seconds, gemm, devices: devices ?? runtime.cores }, peakRssBytes);
  if (json) await printJson(result);
  else await print(describeTranslation(result));
}

async function benchGeneration({ config, texts, seconds, gemm, devices, json }: BenchArguments, runtime: Runtime): Promise<void> {
  const result = await benchGenerate(runtime, { config, texts, seconds, gemm, devices: devices ?? runtime.cores }, peakRssBytes);
  if (json) await printJson(result);
  else await print(describeGeneration(result));
}

async function benchMatrices({ config, gemm, seconds, json }: BenchArguments): Promise<void> {
  const memory = nodeRuntime.newMemory();
  const webAssembly = webAssemblyProvider(memory, await openKernels(memory));
  const configs = config === 'all' ? updateNames : [config];
  const bench = await ProductBench.open(memory, webAssembly, gemm);
  try {
    const { limit } = bench;
    if (limit !== undefined && !json) await print(`This processor's limit is ${limit.toFixed(1)} GFLOP/s per core.`);
    const networks: UpdateRates[] = [];
    for (const name of configs) {
      const rates = bench.measure(name, seconds);
      networks.push(rates);
      if (!json) await print(describeUpdate(rates));
    }
    if (json) await printJson({ ...(limit !== undefined && { limit }), networks });
  } finally {
    bench.dispose();
  }
}

function describeTranslation(result: BenchTranslateResult): string {
  return [
    `${result.config}: ${result.beam === 1 ? 'greedy search' : `beam ${result.beam}`}, ${result.batchSentences} sentences at once, ${result.devices} ${result.devices === 1 ? 'device' : 'devices'}, ${result.gemm}`,
    `${figure(result.targetTokensPerSecond)} target tokens/s, ${result.sentencesPerSecond} sentences/s (${result.batchMs} ms per batch, median)`,
    `${figure(result.peakRssMiB)} MiB of memory at most`,
  ].join('\n');
}

function describeGeneration(result: BenchGenerateResult): string {
  const { config, texts, devices, gemm, promptTokens, tokens, tokensPerSecond, msPerToken, batchMs, peakRssMiB } = result;
  return [
    `${config}: ${counted(texts, 'text')} at once, prompts of ${counted(promptTokens, 'token')}, ${counted(devices, 'device')}, ${gemm}`,
    `${figure(tokensPerSecond)} tokens/s, one token of a text every ${msPerToken} ms (${batchMs} ms for ${counted(tokens, 'token')}, median)`,
    `${figure(peakRssMiB)} MiB of memory at most`,
  ].join('\n');
}

function describeTraining(result: BenchTrainResult): string {
  const { profileMs, warning, fastest, ranks } = result;
  const devices = ranks === undefined ? result.devices : ranks.reduce((sum, each) => sum + each, 0);
  const ofRanks = ranks === undefined ? '' : ` of ${ranks.length} ranks`;
  return [
    `${result.config}: ${figure(result.parameters)} parameters, ${counted(devices, 'device')}${ofRanks}, ${result.strategy}, ${result.gemm}, ${result.precision}`,
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

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

function describeUpdate({ config, operations, shapes, gflops, fractionOfLimit }: UpdateRates): string {
  const names = Object.keys(gflops);
  const row = (name: string, count: string, part: string, cells: readonly string[]) =>
    [name.padEnd(30), count.padStart(7), part.padStart(8), ...cells.map((cell) => cell.padStart(12))].join(' ').trimEnd();
  const rates = (of: Rates) => names.map((name) => (of[name] ?? 0).toFixed(1));
  return [
    `\n${config}: ${figure(operations / 1e9)} GFLOP in the products of an update; GFLOP/s in processor time`,
    row('rows x columns x terms', 'times', 'part', names),
    ...shapes.map((shape) => row(describeShape(shape), figure(shape.count), percent(shape.fraction), rates(shape.gflops))),
    row('all of them', '', percent(1), rates(gflops)),
    ...(fractionOfLimit === undefined
      ? []
      : [
          row(
            'of the limit',
            '',
            '',
            names.map((name) => percent(fractionOfLimit[name] ?? 0)),
          ),
        ]),
  ].join('\n');
}

function describeShape({ m, n, k, transposeA, transposeB, packed }: ShapeOfUpdate): string {
  const forms = [...(transposeA ? ['Aᵀ'] : []), ...(packed ? ['packed'] : transposeB ? ['Bᵀ'] : [])];
  return [`${[m, n, k].map(figure).join(' x ')}`, ...forms].join(' ');
}
