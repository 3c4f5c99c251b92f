import { duration } from '../../core/duration.js';
import { Command } from 'commander';
import {
  type CorpusEstimate,
  estimateCorpus,
  estimateMemory,
  estimateModel,
  longestOf,
  type ModelEstimate,
  measureProducts,
  type MemoryNeed,
  operationsPerPair,
  trainingPairs,
} from '../../analysis/cost/estimate.js';
import { estimateCounting } from '../../analysis/cost/estimate-counting.js';
import { measureTrainingSpeed } from '../../analysis/cost/measured-speed.js';
import { DecadeError } from '../../core/errors.js';
import { isCounted, onlyFor } from '../../models/create.js';
import { nodeRuntime } from '../../node/runtime.js';
import { type Configuration, readConfiguration } from '../../training/configuration.js';
import { type DeviceChoice, withDevicesOption, withGemmOption, withSetOption } from '../arguments.js';
import { print, printJson } from '../output.js';
import { figure, ProgressBar } from '../progress.js';

interface EstimateArguments extends DeviceChoice {
  set?: string[];
  json?: boolean;
}

interface Estimate {
  model: ModelEstimate;
  memory: MemoryNeed;
  devices: number;
  gemm: string;
  /** Speed of the matrix products, measured here, per device. */
  gflops: number;
  corpus?: CorpusEstimate;
  /** The reason why the corpus could not be counted. */
  corpusMissing?: string;
  /** For the matrix products alone. Both absent for a configuration that does not fit into memory. */
  secondsAtLeast?: number;
  wordsPerSecondAtMost?: number;
}

export function estimateCommand(): Command {
  const command = new Command('estimate')
    .description('Predict what a training will need: parameters, memory, operations and time.')
    .argument('<CONFIG.yaml>', 'configuration, as for train')
    .option('--json', 'print one JSON object');
  return withSetOption(withGemmOption(withDevicesOption(command)))
    .addHelpText('after', '\nExample:\n  $ decade estimate recipes/paper-2014.yaml')
    .action(run);
}

async function run(path: string, options: EstimateArguments): Promise<void> {
  const configuration = await readConfiguration(nodeRuntime.files, path, options.set);
  if (onlyFor(configuration.model) === 'pairs') throw notEstimated(path);
  if (isCounted(configuration.model)) return counting(configuration, options);
  const result = await estimate(configuration, options);
  if (options.json) await printJson(result);
  else await print(describe(result));
}

function notEstimated(path: string): DecadeError {
  return new DecadeError('usage', {
    where: path,
    received: 'a phrase-based model, of which nobody knows how many phrases there will be',
    allowed: 'networks and n-grams',
    next: 'train it: 130,000 short pairs take two minutes of processor time',
  });
}

/** A model that is counted has neither updates nor matrix products; without its corpus nothing is known of it. */
async function counting(configuration: Configuration, { devices = nodeRuntime.cores, gemm, json }: EstimateArguments): Promise<void> {
  const corpus = await counted(configuration);
  if (corpus instanceof DecadeError) throw corpus;
  const estimate = estimateCounting(configuration, corpus);
  const tokensPerSecond = await measureTrainingSpeed(nodeRuntime, configuration, corpus, { devices, gemm });
  const seconds = (corpus.pairs * corpus.targetTokensPerPair) / tokensPerSecond;
  if (json) return printJson({ ...estimate, tokensPerSecond: Math.round(tokensPerSecond), seconds, corpus });
  await print(
    [
      `Parameters   ${millions(estimate.parameters)}, in about so many n-grams:`,
      ...estimate.parts.map(({ name, parameters }, index) => {
        return `             ${name.padEnd(18)} ${figure(parameters).padStart(13)} in ${figure(estimate.ngrams[index] ?? 0)}`;
      }),
      `Memory       ${size(estimate.totalMiB)} at most: tables ${size(estimate.tablesMiB)}, counting ${size(estimate.countingMiB)}, corpus ${size(estimate.corpusMiB)}, Node.js and libraries ${size(estimate.runtimeMiB)}`,
      `Corpus       ${described(corpus)}`,
      `Time         ${duration(seconds)} for counting, at ${figure(tokensPerSecond)} tokens/s (measured here)`,
    ].join('\n'),
  );
}

/** The corpus, or the reason why it could not be counted. */
async function counted(configuration: Configuration): Promise<CorpusEstimate | DecadeError> {
  const progress = new ProgressBar();
  const corpus = await estimateCorpus(nodeRuntime.files, configuration, (pairs) =>
    progress.update({ label: 'counting the corpus', figures: [`${figure(pairs)} pairs`] }),
  ).catch((error: unknown) => {
    if (error instanceof DecadeError && error.kind === 'input') return error;
    throw error;
  });
  progress.end();
  return corpus;
}

async function estimate(configuration: Configuration, { devices = nodeRuntime.cores, gemm }: EstimateArguments): Promise<Estimate> {
  const device = await nodeRuntime.openDevice(nodeRuntime.newMemory(), { gemm });
  const speed = measureProducts(device, configuration);
  const measured = { devices, gemm: device.matrix.name, gflops: Math.round(speed / 1e8) / 10 };
  device.matrix.dispose();
  const corpus = await counted(configuration);
  const known = corpus instanceof DecadeError ? undefined : corpus;
  const model = estimateModel(configuration, known);
  const result = {
    model,
    memory: estimateMemory(configuration, devices, known),
    ...measured,
    ...(corpus instanceof DecadeError ? { corpusMissing: corpus.message } : { corpus }),
  };
  if (!result.memory.fits) return result;
  const { longestSource, longestTarget } = longestOf(configuration);
  const lengths = known ?? { sourceTokensPerPair: longestSource, targetTokensPerPair: longestTarget };
  const perPair = operationsPerPair(model, lengths);
  return {
    ...result,
    wordsPerSecondAtMost: Math.round((devices * speed * (lengths.sourceTokensPerPair + lengths.targetTokensPerPair)) / perPair),
    ...(known && { secondsAtLeast: (trainingPairs(configuration, known) * perPair) / (devices * speed) }),
  };
}

function describe(estimate: Estimate): string {
  const { model, corpus, corpusMissing } = estimate;
  return [
    `Parameters   ${millions(model.parameters)}${model.recurrentParameters === 0 ? '' : `, of these ${millions(model.recurrentParameters)} recurrent`}${corpus?.vocabularies === undefined ? '; at most, for the largest vocabularies' : ''}`,
    ...model.parts.map(({ name, parameters }) => `             ${name.padEnd(18)} ${figure(parameters).padStart(13)}`),
    describeMemory(estimate),
    describeDecoding(model),
    `Operations   ${operations(model)}, forward and backward`,
    corpus === undefined ? `Corpus       not counted: ${corpusMissing}` : `Corpus       ${described(corpus)}`,
    ...describeTime(estimate),
  ].join('\n');
}

/** A model without a source spends nothing on its tokens. */
function operations({ operationsPerSourceToken, operationsPerTargetToken, attentionOperationsPerPair }: ModelEstimate): string {
  const isText = operationsPerSourceToken === 0;
  const attention =
    attentionOperationsPerPair === 0 ? [] : [`${millions(attentionOperationsPerPair)} for attention per ${isText ? 'context' : 'pair'}`];
  if (isText) return [`${millions(operationsPerTargetToken)} per token`, ...attention].join(', ');
  const products = [`${millions(operationsPerSourceToken)} per source token`, `${millions(operationsPerTargetToken)} per target token`];
  return [...products, ...attention].join(', ');
}

/** What a search holds besides the parameters. */
function describeDecoding({ decoding }: ModelEstimate): string {
  const { rows, sourceTokens, targetTokens, totalMiB, bytesPerStep } = decoding;
  const what =
    sourceTokens === 0 ? `writing ${figure(targetTokens)} tokens` : `translating ${figure(sourceTokens)} tokens with beam ${rows}`;
  const cache =
    bytesPerStep === 0 ? '' : `, ${(bytesPerStep / 1024).toFixed(1)} KiB of it per token and ${sourceTokens === 0 ? 'text' : 'hypothesis'}`;
  return `Decoding     ${size(totalMiB)} at most for ${what}${cache}`;
}

function described({ pairs, sourceTokensPerPair, targetTokensPerPair }: CorpusEstimate): string {
  if (sourceTokensPerPair === 0) return `${figure(pairs)} contexts of ${targetTokensPerPair.toFixed(1)} tokens`;
  return `${figure(pairs)} pairs of ${sourceTokensPerPair.toFixed(1)} and ${targetTokensPerPair.toFixed(1)} tokens`;
}

function describeMemory({ memory, devices }: Estimate): string {
  const parts = [
    `parameters ${size(memory.parametersMiB)}`,
    `gradients ${size(memory.gradientsMiB)}`,
    `optimizer ${size(memory.optimizerMiB)}`,
    `activations ${size(memory.activationsMiB)}`,
  ].join(', ');
  if (memory.fits)
    return `Memory       ${size(memory.totalMiB)} at most: ${parts}, corpus ${size(memory.corpusMiB)}, Node.js and libraries ${size(memory.runtimeMiB)}`;
  const needed = size(memory.totalMiB - memory.runtimeMiB - memory.corpusMiB);
  const { largest } = memory;
  const where =
    largest === undefined
      ? `${needed} needed (${parts}) in one WebAssembly memory of ${size(memory.limitMiB)}`
      : `device ${largest.device} needs ${size(largest.needsMiB)} in its WebAssembly memory of ${size(memory.limitMiB)} (all together ${needed}: ${parts})`;
  return [`Memory       cannot be allocated on ${count(devices)}: ${where}`, `             ${remedies(memory).join(', or ')}`].join('\n');
}

function remedies({ devicesAtMost, devicesAtLeast, fitsAsPipeline, sizeKeys = [] }: MemoryNeed): string[] {
  const wishes = [
    ...(devicesAtMost === undefined ? [] : [`use --devices ${devicesAtMost}${devicesAtMost > 1 ? ' or fewer' : ''}`]),
    ...(devicesAtLeast === undefined
      ? []
      : [`use --devices ${devicesAtLeast} or more, without a placement or with one that divides more evenly`]),
    ...(fitsAsPipeline ? ['--set training.parallel.strategy=pipeline, where each device has a memory for its own layers only'] : []),
  ];
  return wishes.length > 0 ? wishes : [`make ${[...sizeKeys, 'the vocabularies or the batches'].join(', ')} smaller`];
}

function describeTime({ devices, gflops, gemm, corpus, secondsAtLeast, wordsPerSecondAtMost }: Estimate): string[] {
  if (wordsPerSecondAtMost === undefined) return [];
  const on = `${count(devices)} of ${gflops} GFLOP/s (${gemm}, measured here)`;
  return [
    `Speed        ${figure(wordsPerSecondAtMost)} words/s at most on ${on}`,
    secondsAtLeast === undefined || corpus === undefined
      ? 'Time         unknown without the corpus'
      : `Time         ${duration(secondsAtLeast)} at least: the matrix products alone`,
  ];
}

function count(devices: number): string {
  return `${devices} ${devices === 1 ? 'device' : 'devices'}`;
}

/** `384M`, `8.25M` */
function millions(count: number): string {
  return count < 1e6 ? figure(count) : `${(count / 1e6).toLocaleString('en-US', { maximumSignificantDigits: 3 })}M`;
}

function size(mebibytes: number): string {
  return mebibytes < 1024 ? `${Math.ceil(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}
