import { Command } from 'commander';
import {
  type CorpusEstimate,
  estimateCorpus,
  estimateMemory,
  estimateModel,
  type ModelEstimate,
  measureProducts,
  trainingOperations,
} from '../../analysis/estimate.js';
import type { MemoryEstimate } from '../../analysis/peak-memory.js';
import { readConfiguration } from '../../api.js';
import { DecadeError } from '../../core/errors.js';
import { nodeRuntime } from '../../node/runtime.js';
import { Memory } from '../../tensor/memory.js';
import { type DeviceChoice, gathered, withDevicesOption, withGemmOption } from '../arguments.js';
import { print, printJson } from '../output.js';
import { duration, figure, Progress } from '../progress.js';

interface Options extends DeviceChoice {
  set?: string[];
  json?: boolean;
}

interface Estimate {
  model: ModelEstimate;
  memory: MemoryEstimate;
  devices: number;
  gemm: string;
  /** Of the matrix products, measured here, a device. */
  gflops: number;
  corpus?: CorpusEstimate;
  /** Why the corpus could not be counted. */
  corpusMissing?: string;
  /** If there were nothing but the matrix products. */
  secondsAtLeast?: number;
  wordsPerSecondAtMost: number;
}

export function estimateCommand(): Command {
  const command = new Command('estimate')
    .description('What a configuration will need: parameters, memory, operations and time, before anything is trained.')
    .argument('<CONFIG.yaml>', 'a configuration, as for train')
    .option('--set <key.path=value>', 'in place of what the configuration says; may be given several times', gathered)
    .option('--json', 'print one JSON object');
  return withGemmOption(withDevicesOption(command))
    .addHelpText('after', '\nExample:\n  $ decade estimate recipes/paper-2014.yaml')
    .action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const result = await estimate(path, options);
  if (options.json) await printJson(result);
  else await print(describe(result));
}

async function estimate(path: string, { set, devices = nodeRuntime.cores, gemm }: Options): Promise<Estimate> {
  const configuration = await readConfiguration(nodeRuntime, path, set);
  const model = estimateModel(configuration);
  const device = await nodeRuntime.openDevice(new Memory({ shared: false }), { gemm });
  const speed = measureProducts(device, configuration);
  const measured = { devices, gemm: device.matrix.name, gflops: Math.round(speed / 1e8) / 10 };
  device.matrix.dispose();
  const progress = new Progress();
  const corpus = await estimateCorpus(nodeRuntime.files, configuration, (pairs) =>
    progress.update({ label: 'counting the corpus', figures: [`${figure(pairs)} pairs`] }),
  ).catch((error: unknown) => {
    if (error instanceof DecadeError && error.kind === 'input') return error;
    throw error;
  });
  progress.end();
  const counted = corpus instanceof DecadeError ? undefined : corpus;
  const { sourceTokensPerPair = 1, targetTokensPerPair = 1 } = counted ?? {};
  const perPair = sourceTokensPerPair * model.operationsPerSourceToken + targetTokensPerPair * model.operationsPerTargetToken;
  return {
    model,
    memory: estimateMemory(configuration, devices, counted),
    ...measured,
    wordsPerSecondAtMost: Math.round((devices * speed * (sourceTokensPerPair + targetTokensPerPair)) / perPair),
    ...(corpus instanceof DecadeError
      ? { corpusMissing: corpus.message }
      : { corpus, secondsAtLeast: trainingOperations(configuration, model, corpus) / (devices * speed) }),
  };
}

function describe({ model, memory, devices, gemm, gflops, corpus, corpusMissing, secondsAtLeast, wordsPerSecondAtMost }: Estimate): string {
  const on = `${devices} ${devices === 1 ? 'device' : 'devices'} of ${gflops} GFLOP/s (${gemm}, measured here)`;
  return [
    `Parameters   ${millions(model.parameters)}, of these ${millions(model.recurrentParameters)} recurrent`,
    ...model.parts.map(({ name, parameters }) => `             ${name.padEnd(18)} ${figure(parameters).padStart(13)}`),
    `Memory       ${size(memory.totalMiB)} at most: parameters ${size(memory.parametersMiB)}, gradients ${size(memory.gradientsMiB)}, optimizer ${size(memory.optimizerMiB)}, activations ${size(memory.activationsMiB)}, Node.js and libraries ${size(memory.runtimeMiB)}`,
    `Operations   ${millions(model.operationsPerSourceToken)} a source token, ${millions(model.operationsPerTargetToken)} a target token, forward and backward`,
    `Speed        ${figure(wordsPerSecondAtMost)} words/s at most on ${on}`,
    corpus === undefined
      ? `Corpus       not counted: ${corpusMissing}`
      : `Corpus       ${figure(corpus.pairs)} pairs of ${corpus.sourceTokensPerPair.toFixed(1)} and ${corpus.targetTokensPerPair.toFixed(1)} tokens`,
    secondsAtLeast === undefined
      ? 'Time         unknown without the corpus'
      : `Time         ${duration(secondsAtLeast)} at least: the matrix products alone`,
  ].join('\n');
}

/** `384M`, `8.25M` */
function millions(count: number): string {
  return count < 1e6 ? figure(count) : `${(count / 1e6).toLocaleString('en-US', { maximumSignificantDigits: 3 })}M`;
}

function size(mebibytes: number): string {
  return mebibytes < 1024 ? `${Math.ceil(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}
