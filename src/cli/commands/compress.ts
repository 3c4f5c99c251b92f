import { Command, Option } from 'commander';
import { compress, decompress } from '../../compression/format.js';
import { predictionOptions, type PredictionOptionsInput, resolvePrediction } from '../../compression/options.js';
import type { TrainedModel } from '../../compression/trained-model.js';
import { DecadeError } from '../../core/errors.js';
import { nodeFiles, streamOnce, streamStandardInput } from '../../node/files/files.js';
import { modeOf } from '../../node/files/output-file.js';
import { wholeNumber } from '../arguments.js';
import { interruptible } from '../interruption.js';
import { openModel } from '../model.js';
import { openOutput } from '../output.js';
import { figure, ProgressBar } from '../progress.js';
import { say } from '../terminal.js';

interface DecompressArguments {
  output?: string;
  model?: string;
}

interface CompressArguments extends DecompressArguments, PredictionOptionsInput {}

const ending = '.dcz';
const megabyte = 1_000_000;

export function compressCommand(): Command {
  const { networkOnly, cells } = predictionOptions.shape;
  return withModelOption(new Command('compress'), 'predict with a trained language model over bytes, which decompress needs, too')
    .description('Compress a file losslessly with models that learn while they read: what is predicted well takes few bits.')
    .argument('<FILE>', 'any file; - is standard input')
    .option(
      '-o, --output <FILE>',
      `where to write, instead of what is there; - for standard output (default: FILE${ending}, if it is free)`,
    )
    .option('--network-only', networkOnly.description)
    .addOption(new Option('--cells <number>', `${cells.description} (default: ${resolvePrediction({}).cells})`).argParser(wholeNumber(0)))
    .option('--no-adapt', 'with --model: take the model as it is; no network beside it learns what it lacks')
    .addHelpText('after', '\nExample:\n  $ decade compress book.txt')
    .action((path: string, { output, model, ...prediction }: CompressArguments) =>
      interruptible('stopping', async (signal) => {
        resolvePrediction(prediction);
        if (prediction.adapt === false && model === undefined) throw adaptsNothing();
        const to = output ?? (await freeName(path === '-' ? undefined : `${path}${ending}`, 'compress'));
        const size = path === '-' ? undefined : await sizeOf(path);
        await withTrained(model, signal, (trained) =>
          pass(path, to, size, (bytes, onProgress) => compress(bytes, { size, prediction, trained, signal, onProgress }), 'compressing'),
        );
      }),
    );
}

export function decompressCommand(): Command {
  return withModelOption(new Command('decompress'), 'the trained language model that the file was compressed with')
    .description('Give back exactly what decade compress was given.')
    .argument('<FILE>', `what decade compress wrote; - is standard input`)
    .option(
      '-o, --output <FILE>',
      `where to write, instead of what is there; - for standard output (default: FILE without ${ending}, if it is free)`,
    )
    .addHelpText('after', `\nExample:\n  $ decade decompress book.txt${ending} -o book.txt`)
    .action((path: string, { output, model }: DecompressArguments) =>
      interruptible('stopping', async (signal) => {
        const plain = path.endsWith(ending) && path.length > ending.length ? path.slice(0, -ending.length) : undefined;
        const to = output ?? (await freeName(plain, 'decompress'));
        await withTrained(model, signal, (trained) =>
          pass(path, to, undefined, (bytes, onProgress) => decompress(bytes, path, { trained, signal, onProgress }), 'decompressing'),
        );
      }),
    );
}

function withModelOption(command: Command, description: string): Command {
  return command.option('-m, --model <RUN>', `${description}: run directory, packed model or its URL`);
}

/** With the model of a run, if one is named, in arithmetic that is the same everywhere. */
async function withTrained(
  run: string | undefined,
  signal: AbortSignal,
  use: (trained: TrainedModel | undefined) => Promise<void>,
): Promise<void> {
  if (run === undefined) return use(undefined);
  const model = await openModel([run], { gemm: 'exact', devices: 1 }, signal);
  try {
    await model.compressing(use);
  } finally {
    await model.dispose();
  }
}

/** Writes what a stream becomes; nothing stays of it when it fails. */
async function pass(
  from: string,
  to: string,
  size: number | undefined,
  become: (bytes: AsyncIterable<Uint8Array>, onProgress: (bytes: number) => void) => AsyncGenerator<Uint8Array, void, undefined>,
  label: string,
): Promise<void> {
  // Who may not read a file may not read what is made of it.
  const output = await openOutput(to, from === '-' ? undefined : await modeOf(from));
  const progress = new ProgressBar();
  const started = performance.now();
  let [read, written] = [0, 0];
  const counted = async function* (bytes: AsyncIterable<Uint8Array>) {
    for await (const piece of bytes) {
      read += piece.length;
      yield piece;
    }
  };
  const onProgress = (bytes: number) => {
    const speed = bytes / 1_000 / ((performance.now() - started) / 1_000);
    progress.update({
      label,
      fraction: size === undefined || size === 0 ? undefined : bytes / size,
      figures: [`${(bytes / megabyte).toFixed(2)} MB`, `${figure(speed)} kB/s`],
    });
  };
  try {
    for await (const piece of become(counted(from === '-' ? streamStandardInput('standard input') : streamOnce(from)), onProgress)) {
      await output.write(piece);
      written += piece.length;
    }
    await output.close();
  } finally {
    progress.end();
    await output.abandon(false);
  }
  const [plain, code] = label === 'compressing' ? [read, written] : [written, read];
  const rate = plain === 0 ? '' : `, ${((8 * code) / plain).toFixed(3)} bits per byte`;
  if (to !== '-') say(`${to}: ${written.toLocaleString('en')} bytes of ${read.toLocaleString('en')}${rate}`);
}

function adaptsNothing(): DecadeError {
  return new DecadeError('usage', {
    where: 'compress',
    received: '--no-adapt without a model',
    allowed: '--no-adapt with --model, the model that is taken as it is',
    next: 'name a model, or leave --no-adapt out',
  });
}

/** A default name that nothing has yet. */
async function freeName(path: string | undefined, command: string): Promise<string> {
  if (path === undefined) {
    throw new DecadeError('usage', {
      where: command,
      received: 'no name for the result',
      allowed: '-o FILE',
      next: 'say where to write: -o FILE, or -o -',
    });
  }
  if ((await nodeFiles.kind(path)) === 'missing') return path;
  throw new DecadeError('usage', {
    where: path,
    received: 'a file that exists',
    allowed: 'a new file, unless -o names it',
    next: 'remove it, or say with -o where to write',
  });
}

/** Undefined for what has no size, as a pipe. */
async function sizeOf(path: string): Promise<number | undefined> {
  if ((await nodeFiles.kind(path)) !== 'file') return undefined;
  const file = await nodeFiles.open(path).catch(() => undefined);
  await file?.close();
  return file?.size;
}
