// Trains in PyTorch what a decade run trained, from the same start and with the same batches in the same order, and
// prints dev perplexity by epoch side by side. See ../README.md.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { Run } from '../../src/checkpoint/run.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { wholeNumber } from '../../src/cli/arguments.js';
import { planEpoch } from '../../src/data/batches.js';
import { openCorpus } from '../../src/data/corpus.js';
import { createModel } from '../../src/models/create.js';
import type { LstmOptions } from '../../src/models/lstm/options.js';
import type { TransformerOptions } from '../../src/models/transformer/options.js';
import { nodeFiles } from '../../src/node/files/files.js';
import { InitialValues } from '../../src/nn/parameters.js';
import { type Configuration, resolveConfiguration } from '../../src/training/configuration.js';
import { NoResult } from './program.js';
import { environmentOf, type PythonWithTorch, processorHints, pythonsWithTorch } from './torch.js';

interface Options {
  run: string;
  epochs: number;
  python?: string;
}

/** Source and target ids of a pair. */
type Ids = readonly [number[], number[]];

type Progress =
  | { readonly update: number; readonly loss: number }
  | { readonly epoch: number; readonly updates: number; readonly devPerplexity: number };

/** What the run reported, by updates: the loss of an update (where it reports every one), and dev perplexity. */
interface Reported {
  readonly losses: ReadonlyMap<number, number>;
  readonly perplexities: ReadonlyMap<number, number>;
}

const command = new Command('parity')
  .description('Trains in PyTorch what a decade run trained: the same start, the same batches, the same update rule.')
  .requiredOption(
    '--run <RUN>',
    'a run of an LSTM without attention, or of a Transformer, without dropout, at a constant rate, validated every epoch',
  )
  .option('--epochs <number>', 'how many', wholeNumber(1), 6)
  .option('--python <PATH>', 'an interpreter that has PyTorch')
  .addHelpText('after', '\nExample:\n  $ node dist/bench/peers/parity.js --run runs/multi30k-sgd')
  .action(compareTrainings);

async function compareTrainings({ run, epochs, python: wanted }: Options): Promise<void> {
  const found = pythonsWithTorch(wanted === undefined ? undefined : [wanted]);
  if ('missing' in found) throw new NoResult(found.missing);
  const job = await writeJob(run, epochs);
  const { losses, perplexities } = reportedBy(run);
  const row = (what: string, ours: number | undefined, theirs: number, digits: number) => {
    const difference = ours === undefined ? '' : `${(100 * (ours / theirs - 1)).toPrecision(2)} %`;
    console.log(
      `${what.padEnd(34)} ${(ours?.toFixed(digits) ?? '').padStart(9)} ${theirs.toFixed(digits).padStart(9)} ${difference.padStart(12)}`,
    );
  };
  console.log(`${''.padEnd(34)}    decade   PyTorch   difference`);
  for await (const progress of torchProgress((found[0] as PythonWithTorch).python, job)) {
    if ('update' in progress) row(`loss of update ${progress.update}`, losses.get(progress.update), progress.loss, 5);
    else {
      const { epoch, updates, devPerplexity } = progress;
      row(`dev perplexity, epoch ${epoch} (update ${updates})`, perplexities.get(updates), devPerplexity, 2);
    }
  }
}

/** What PyTorch needs to train as the run was trained, written beside the other peers' files. */
async function writeJob(run: string, epochs: number): Promise<string> {
  const opened = await Run.open(nodeFiles, run);
  const tokenizers = await opened.tokenizers();
  const configuration = resolveConfiguration(await opened.configuration(), join(run, 'config.yaml'));
  const { options, network } = requireKnown(run, configuration);
  const { data, training } = configuration;
  const folder = resolve('.build/peers/parity', run.replace(/[^\w-]+/g, '_'));
  mkdirSync(folder, { recursive: true });

  const read = async (source: typeof data.train) => {
    const corpus = await openCorpus({
      files: nodeFiles,
      source,
      sourceTokenizer: tokenizers.source,
      targetTokenizer: tokenizers.target,
      filter: { maximumLength: data.maximumLength, maximumRatio: data.maximumRatio, balancedUpTo: data.balancedUpTo },
      cache: { files: nodeFiles, directory: join(folder, 'cache') },
    });
    const pairs = await corpus.read(Array.from({ length: corpus.pairs }, (_, pair) => pair));
    await corpus.close();
    return { lengths: corpus.lengths, ids: pairs.map(({ source, target }): Ids => [Array.from(source), Array.from(target)]) };
  };
  const train = await read(data.train);
  const dev = await read(data.dev as typeof data.train);

  const model = createModel(options, { source: tokenizers.source.size, target: tokenizers.target.size });
  const start = join(folder, 'start.safetensors');
  await writeSafetensors(nodeFiles, start, new InitialValues(model.parameters, training.seed));

  const { seed, batch: size, bucketing } = training;
  const plans = Array.from({ length: epochs }, (_, epoch) => planEpoch(train.lengths, { size, bucketing }, seed, epoch));
  const job = {
    start,
    network,
    optimizer: training.optimizer,
    clip: training.clip.kind === 'norm' ? training.clip.max : undefined,
    normalise: training.normalise,
    pairs: train.ids,
    dev: dev.ids,
    epochs: plans.map((plan) => Array.from({ length: plan.batches }, (_, batch) => [...plan.sentences(batch)])),
  };
  const path = join(folder, 'job.json');
  writeFileSync(path, JSON.stringify(job));
  return path;
}

/** What PyTorch is told of a network; its sizes are those of the parameters. */
type KnownNetwork =
  | { readonly kind: 'lstm'; readonly layers: number; readonly reverseSource: boolean }
  | { readonly kind: 'transformer'; readonly layers: number; readonly heads: number };

interface Known {
  readonly options: LstmOptions | TransformerOptions;
  readonly network: KnownNetwork;
}

/** @throws NoResult for a run that PyTorch is not told to train */
function requireKnown(run: string, { data, model, training }: Configuration): Known {
  const { schedule, labelSmoothing, clip, optimizer } = training;
  const constant = schedule.kind === 'constant' && labelSmoothing === 0 && clip.kind === 'norm' && hasPlainRule(optimizer);
  const known = model.kind === 'lstm' ? knownLstm(model) : model.kind === 'transformer' ? knownTransformer(model) : undefined;
  if (known !== undefined && constant && data.dev !== undefined) return known;
  throw new NoResult(
    `${run}: expected an LSTM without attention, or a Transformer of the default form with as many layers on both sides and sinusoids=halves, ` +
      'without dropout, at a constant rate, without weight decay, clipped by its norm, with a dev corpus',
  );
}

function hasPlainRule(rule: Configuration['training']['optimizer']): boolean {
  return rule.kind === 'sgd' || (rule.weightDecay === 0 && !rule.lazy);
}

function knownLstm(options: LstmOptions): Known | undefined {
  const { attention, bidirectional, residual, tiedEmbeddings, dropout, layers, reverseSource } = options;
  const isPlain = attention === 'none' && !bidirectional && !residual && !tiedEmbeddings && dropout === 0;
  return isPlain ? { options, network: { kind: 'lstm', layers, reverseSource } } : undefined;
}

function knownTransformer(options: TransformerOptions): Known | undefined {
  const { encoderLayers: layers, heads, width } = options;
  const known: Partial<TransformerOptions> = {
    ...{ decoderLayers: layers, encoderFeedForward: options.feedForward },
    ...{ encoderHeads: heads, keyValueHeads: heads, headWidth: width / heads },
    ...{ positions: 'sinusoidal', sinusoids: 'halves', firstPosition: 0, activation: 'relu', biases: true, outputBias: false },
    ...{ scaledAttention: true, scaledEmbeddings: true, scaledOutput: false, tiedEmbeddings: 'target', sourceEnd: true },
    ...{ dropout: 0, attentionDropout: 0, feedForwardDropout: 0 },
  };
  const isKnown = (Object.keys(known) as (keyof TransformerOptions)[]).every((key) => (options[key] ?? known[key]) === known[key]);
  const { place, kind, epsilon } = options.norm;
  return isKnown && layers > 0 && place === 'pre' && kind === 'layer' && epsilon === 1e-5
    ? { options, network: { kind: 'transformer', layers, heads } }
    : undefined;
}

function reportedBy(run: string): Reported {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const reports = lines.map((line) => JSON.parse(line) as { kind: string; steps: number; perplexity: number; loss: number });
  const of = (kind: string) => reports.filter((report) => report.kind === kind);
  const losses = of('report');
  const isEvery = losses.every(({ steps }, index) => steps === index + 1);
  return {
    losses: new Map(isEvery ? losses.map(({ steps, loss }) => [steps, loss]) : []),
    perplexities: new Map(of('validation').map(({ steps, perplexity }) => [steps, perplexity])),
  };
}

/** One thread: fast enough, and the order of its sums is always the same. */
async function* torchProgress(python: string, job: string): AsyncGenerator<Progress> {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  const child = spawn(python, ['bench/peers/torch_parity.py', '--job', job], {
    env: { ...process.env, ...environmentOf({ torch: 1, openblas: 1, ...processorHints(flags).at(-1) }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface(child.stdout)) yield JSON.parse(line) as Progress;
  const status = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('close', resolve)));
  if (status !== 0) throw new NoResult(`PyTorch failed: exit status ${status}`);
}

try {
  await command.parseAsync();
} catch (error) {
  if (!(error instanceof NoResult)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
