// Trains the same Transformer on parallel text with decade and with PyTorch, from several seeds each, and prints mean dev perplexity by
// epoch side by side. See ../README.md.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { numberFrom, wholeNumber } from '../../src/cli/arguments.js';
import type { ConfigurationInput } from '../../src/training/configuration.js';
import { parityTable } from './parity-table.js';
import { NoResult, resultOf } from './program.js';
import { type PythonWithTorch, pythonsWithTorch, runTorch } from './torch.js';

interface Options {
  source: string;
  target: string;
  devSource: string;
  devTarget: string;
  seeds: number;
  epochs: number;
  minutes: number;
  python?: string;
}

const network = { vocabulary: 8_000, width: 128, inner: 256, heads: 4, layers: 4, longest: 50, tokens: 4_096 } as const;
const rate = 0.001;

const command = new Command('text-parity')
  .description(
    'The same Transformer on the same text in decade and in PyTorch, one device and one thread each: mean dev perplexity by epoch.',
  )
  .requiredOption('--source <FILE>', 'training sentences, words between spaces')
  .requiredOption('--target <FILE>', 'their translations')
  .requiredOption('--dev-source <FILE>', 'held-out sentences')
  .requiredOption('--dev-target <FILE>', 'their translations')
  .option('--seeds <number>', 'trainings of each', wholeNumber(1, 100), 3)
  .option('--epochs <number>', 'of each training', wholeNumber(1, 1_000), 6)
  .option('--minutes <number>', 'the longest that one training may take', numberFrom(0.1), 60)
  .option('--python <PATH>', 'an interpreter that has PyTorch')
  .addHelpText(
    'after',
    '\nExample:\n  $ node dist/bench/peers/text-parity.js --source train.en --target train.de --dev-source val.en --dev-target val.de',
  )
  .action(compareTrainings);

async function compareTrainings(options: Options): Promise<void> {
  const found = pythonsWithTorch(options.python === undefined ? undefined : [options.python]);
  if ('missing' in found) throw new NoResult(found.missing);
  const { python, version } = found[0] as PythonWithTorch;
  const [ours, theirs]: [number[][], number[][]] = [[], []];
  // In turn: what was trained until an interruption can be compared.
  for (let seed = 1; seed <= options.seeds; seed++) {
    ours.push(await told(`decade, seed ${seed}`, trainHere(options, seed)));
    theirs.push(await told(`PyTorch ${version}, seed ${seed}`, trainInTorch(options, python, seed)));
  }
  console.log(parityTable(ours, theirs));
}

async function told(what: string, training: Promise<number[]>): Promise<number[]> {
  const perplexities = await training;
  process.stderr.write(`${what}: ${perplexities.map((perplexity) => perplexity.toFixed(2)).join(' ')}\n`);
  return perplexities;
}

async function trainHere({ source, target, devSource, devTarget, epochs, minutes }: Options, seed: number): Promise<number[]> {
  const folder = resolve('.build/peers/text-parity');
  const out = join(folder, `seed-${seed}`);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { vocabulary: size, layers, width, heads, inner, longest, tokens } = network;
  const configuration: ConfigurationInput = {
    version: 1,
    data: {
      train: { source: resolve(source), target: resolve(target) },
      dev: { source: resolve(devSource), target: resolve(devTarget) },
      maximumLength: longest,
      maximumRatio: longest,
    },
    tokenizer: { kind: 'word', split: 'spaces', sourceSize: size, targetSize: size },
    model: {
      ...{ kind: 'transformer', encoderLayers: layers, decoderLayers: layers, width, heads, feedForward: inner },
      ...{ sinusoids: 'halves', dropout: 0 },
    },
    training: {
      optimizer: { kind: 'adam', learningRate: rate, beta2: 0.98, epsilon: 1e-9 },
      clip: { kind: 'norm', max: 1 },
      batch: { tokens },
      bucketing: 'corpus',
      seed,
      stop: { epochs },
    },
  };
  const file = join(folder, `seed-${seed}.yaml`);
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(configuration));
  await resultOf({
    command: process.execPath,
    arguments: [fileURLToPath(new URL('../../src/cli/main.js', import.meta.url)), 'train', file, '--out', out, '--devices', '1', '--json'],
    seconds: 60 * minutes,
  });
  const reports = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return reports
    .map((line) => JSON.parse(line) as { kind: string; perplexity: number })
    .flatMap((one) => (one.kind === 'validation' ? one.perplexity : []));
}

async function trainInTorch(
  { source, target, devSource, devTarget, epochs, minutes }: Options,
  python: string,
  seed: number,
): Promise<number[]> {
  const files = { source, target, 'dev-source': devSource, 'dev-target': devTarget };
  const script = fileURLToPath(new URL('../../../bench/peers/torch_text_training.py', import.meta.url));
  const setting = { torch: 1, openblas: 1 };
  const { perplexities } = await runTorch<{ perplexities: number[] }>(
    python,
    script,
    setting,
    { ...files, ...network, epochs, rate, seed },
    60 * minutes,
  );
  return perplexities;
}

try {
  await command.parseAsync();
} catch (error) {
  if (!(error instanceof NoResult)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
