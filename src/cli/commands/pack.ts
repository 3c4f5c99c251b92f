import { Command, Option } from 'commander';
import { DecadeError } from '../../core/errors.js';
import { openOutputFile } from '../../node/files/output-file.js';
import { nodeRuntime } from '../../node/runtime.js';
import { packRuns } from '../../packed/pack.js';
import { type PackedPrecision, packedPrecisions } from '../../packed/packed-tensors.js';
import { describeRun } from '../../training/run-description.js';
import { interruptible } from '../interruption.js';
import { runsNamed } from '../model.js';
import { print, printJson, requireOutput } from '../output.js';
import { figure } from '../progress.js';
import { warn } from '../warning.js';

interface PackArguments {
  output: string;
  precision: PackedPrecision;
  card?: string;
  licence?: string;
  json?: boolean;
}

export function packCommand(): Command {
  return new Command('pack')
    .description('Pack a run into one file, with everything that its model needs and nothing executable.')
    .argument('<RUN>', 'run directory, packed model or its URL; several (separated by commas) form an ensemble')
    .requiredOption('-o, --output <FILE>', 'file to write, such as model.decade')
    .addOption(
      new Option('--precision <type>', 'of the weights; f16 has half of the size of f32, int8 a quarter')
        .choices(packedPrecisions)
        .default('f32'),
    )
    .option('--card <FILE>', 'text about the model (default: README.md in the run, if there is one)')
    .option('--licence <FILE>', 'its licence (default: LICENSE in the run, if there is one)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ decade pack runs/my-pair -o my-pair.decade --precision int8
  $ decade pack runs/one,runs/two -o ensemble.decade
  $ decade translate -m my-pair.decade -i input.txt`,
    )
    .action((runs: string, options: PackArguments) => interruptible('stopping', (signal) => pack(runs, options, signal)));
}

async function pack(runs: string, { output, precision, card, licence, json }: PackArguments, signal: AbortSignal): Promise<void> {
  if (/\.gz$/i.test(output)) {
    throw new DecadeError('usage', {
      where: output,
      received: 'a name that ends in .gz',
      next: 'leave out .gz: a packed model is read as it is',
    });
  }
  await requireOutput(output);
  const read = async (path: string | undefined) => (path === undefined ? undefined : nodeRuntime.files.readText(path));
  const contents = { precision, card: await read(card), licence: await read(licence), signal };
  const file = await openOutputFile(output);
  let isDone = false;
  try {
    const packed = await packRuns(nodeRuntime.files, await runsNamed(runs), contents, describeRun, (bytes) => file.write(bytes));
    await file.finish();
    isDone = true;
    if (packed.precision !== precision) warn(new Error(`--precision ${precision}: no matrix is in ${runs}; all of it stays in f32`));
    if (json) await printJson({ file: output, ...packed });
    else
      await print(
        `${output}: ${figure(packed.parameters)} parameters in ${packed.precision}, ${figure(packed.bytes)} bytes, hash ${packed.hash}`,
      );
  } finally {
    // What is left of a file that is not whole is of no use to anybody.
    const kept = isDone ? undefined : await file.abandon();
    if (kept !== undefined) await nodeRuntime.files.remove(kept);
  }
}
