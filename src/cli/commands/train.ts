import { duration } from '../../core/duration.js';
import { DecadeError } from '../../core/errors.js';
import { shellWord } from '../../core/shell.js';
import { Command, Option } from 'commander';
import { type Decade, decade } from '../../decade.js';
import { nodeRuntime } from '../../node/runtime.js';
import { trainingClaims } from '../../parallel/ranks/claims.js';
import { readConfiguration } from '../../training/configuration.js';
import { exampleConfiguration } from '../../training/configuration-example.js';
import type { TrainingSummary } from '../../training/events.js';
import { type InitPart, initParts } from '../../training/request.js';
import { type DeviceChoice, withDevicesOption, withGemmOption, withSetOption } from '../arguments.js';
import { interruptible } from '../interruption.js';
import { print, printJson } from '../output.js';
import { amongRanks } from '../ranks.js';
import { figure } from '../progress.js';
import { timeToCome } from '../save-before.js';
import { say } from '../terminal.js';
import { interruptedTraining, type ShownTraining, showTraining } from '../training-progress.js';

interface TrainArguments extends DeviceChoice {
  out?: string;
  set?: string[];
  init?: string;
  initInto?: InitPart;
  resume?: boolean;
  saveBefore?: Date;
  allowDifferentPlacement?: boolean;
  json?: boolean;
  example?: boolean;
}

export function trainCommand(): Command {
  const command = new Command('train')
    .usage('[options] <CONFIG.yaml>')
    .description('Train a model. Ctrl-C saves a checkpoint; --resume continues, with bit-for-bit the same result.')
    .argument('[CONFIG.yaml]', 'data, model and training options; see --example and recipes/')
    .option('--example', 'print a configuration with every option, its default and its meaning')
    .option('--out <DIR>', 'run directory to create (default: runs/NAME for NAME.yaml)')
    .option('--init <RUN>', 'start from the parameters and vocabulary of another run or packed model (fine-tuning)')
    .addOption(
      new Option('--init-into <PART>', 'part of a translator that begins with a language model (default: decoder)').choices(initParts),
    )
    .option('--resume', 'continue the run in --out from its last checkpoint')
    .addOption(
      new Option(
        '--save-before <TIME>',
        'save a checkpoint and end before this time: 23h50m from now, 23:55, or 2026-12-31T23:55',
      ).argParser((text) => timeToCome(text)),
    )
    .option('--allow-different-placement', 'resume with a different number of devices or matrix library; results differ in the last digits')
    .option('--json', 'print one JSON object at the end');
  return withSetOption(withGemmOption(withDevicesOption(command)))
    .addHelpText(
      'after',
      `
Examples:
  $ decade train --example > my-pair.yaml
  $ decade train recipes/tatoeba-en-fr.yaml --out runs/tatoeba --set data.train.source=my/train.en --set data.train.target=my/train.fr
  $ decade train recipes/tatoeba-en-fr.yaml --out runs/tatoeba --resume --save-before 23h50m
  $ mpirun -n 4 decade train recipes/tatoeba-en-fr.yaml --out runs/tatoeba`,
    )
    .action((path: string | undefined, { example, ...options }: TrainArguments) => {
      if (example && path !== undefined) {
        throw new DecadeError('usage', {
          where: '--example',
          received: `with ${path}`,
          allowed: 'no configuration: it prints one',
          next: `write it to a file with decade train --example > ${shellWord(path)}`,
        });
      }
      if (example) return print(exampleConfiguration().trimEnd());
      if (path === undefined) return command.error("error: missing required argument 'CONFIG.yaml'");
      const shown = showTraining({ log: true });
      return amongRanks({
        same: async () => trainingClaims(nodeRuntime.files, await readConfiguration(nodeRuntime.files, path, options.set)),
        work: (runtime) =>
          interruptible(
            () => shown.announcement,
            (signal) => run(decade(runtime), path, options, shown, signal),
          ),
      });
    });
}

async function run(
  { train }: Pick<Decade, 'train'>,
  path: string,
  { json, out = defaultOut(path), ...options }: Omit<TrainArguments, 'example'>,
  shown: ShownTraining,
  signal: AbortSignal,
): Promise<void> {
  let summary: TrainingSummary;
  try {
    summary = await train(path, { ...options, out, signal, onEvent: shown.onEvent });
  } finally {
    shown.end();
  }
  if (summary.interrupted) {
    const stopped = await interruptedTraining(out, `stopped and saved at update ${figure(summary.steps)}`);
    // An end that was planned is no failure for what a script does next.
    if (summary.reason !== 'time') throw stopped;
    say(`decade: --save-before: ${stopped.message}`);
  }
  if (json) await printJson(summary);
  else await print(describe(summary));
}

/** `recipes/tatoeba-en-fr.yaml` → `runs/tatoeba-en-fr` */
function defaultOut(path: string): string {
  const name = path.replace(/^.*[\\/]/, '').replace(/\.ya?ml$/i, '');
  return `runs/${name}`;
}

function describe({ out, steps, epochs, best, averaged, seconds }: TrainingSummary): string {
  if (steps === 0) return `${out}: counted in ${duration(seconds)}${best === undefined ? '' : `; ${best.metric} ${best.value.toFixed(3)}`}`;
  const score = best === undefined ? '' : `; best ${best.metric} ${best.value.toFixed(3)} at update ${figure(best.step)}`;
  const mean = averaged === undefined ? '' : `; the model is the mean of checkpoints ${averaged.join(', ')}`;
  return `${out}: ${figure(steps)} updates, ${epochs.toFixed(2)} epochs, ${duration(seconds)}${score}${mean}`;
}
