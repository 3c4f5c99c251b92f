import { Command, Option } from 'commander';
import { DecadeError } from '../../core/errors.js';
import { accountMarkdown, timeTaken } from '../../experiments/account.js';
import { experimentSizes } from '../../experiments/base.js';
import { commandLine } from '../../core/shell.js';
import { experiments } from '../../experiments/catalogue/index.js';
import { type CommonOptions, reproduce, reproductionCost } from '../../experiments/reproduce.js';
import { experimentTasks } from '../../experiments/trainers.js';
import type { Runtime } from '../../parallel/runtime.js';
import { withDevicesOption, withGemmOption, withSetOption } from '../arguments.js';
import { experimentOptions, experimentsHelp } from '../experiment-options.js';
import { Interrupted, interruptible } from '../interruption.js';
import { describeCost, showLaboratory } from '../laboratory-progress.js';
import { print, printJson } from '../output.js';
import { amongRanks, ownRuntime } from '../ranks.js';
import { readTestSet } from '../test-set.js';

/** With the options of the experiment, which the library checks. */
interface ReproduceArguments extends Omit<CommonOptions, 'configuration' | 'test' | 'signal' | 'onEvent' | 'command'> {
  testSource?: string;
  testTarget?: string;
  estimate?: boolean;
  json?: boolean;
}

export function reproduceCommand(): Command {
  const command = new Command('reproduce')
    .description(
      "Rerun an experiment of a paper from start to finish and compare its effects with the paper's: a table (Markdown, JSON) and a page with plots. Ctrl-C saves; the same command continues.",
    )
    .argument('<NAME>', Object.keys(experiments).join(', '))
    .argument('[CONFIG.yaml]', 'training data and the network to vary (default: a task that needs no data)')
    .option(
      '--task <name>',
      'without CONFIG.yaml: digits:copy, digits:reverse, digits:sort or intl:en-fr (default: depends on the experiment)',
    )
    .addOption(new Option('--size <size>', 'without CONFIG.yaml: takes seconds, minutes or an hour').choices(experimentSizes))
    .option('--test-source <FILE>', 'sentences to translate (default: the dev corpus)')
    .option('--test-target <FILE>', 'their reference translations')
    .option('--out <DIR>', 'directory of all results; experiments in it share trained models', 'runs/the-paper')
    .option('--estimate', 'only predict the cost')
    .option('--json', 'print one JSON object');
  for (const option of experimentOptions()) command.addOption(option);
  return withSetOption(withGemmOption(withDevicesOption(command)))
    .addHelpText(
      'after',
      `
Experiments, each with its own options:
${experimentsHelp()}

Examples:
  $ decade reproduce reversal
  $ decade reproduce decoding --size tiny --out runs/try
  $ mpirun -n 4 decade reproduce depth --out runs/the-paper
  $ decade reproduce reversal recipes/tatoeba-en-fr-2014.yaml --set model.hidden=256 --test-source test.en --test-target test.fr --estimate`,
    )
    .action((name: string, path: string | undefined, options: ReproduceArguments) =>
      amongRanks({
        task: experimentTasks(ownRuntime()),
        work: (runtime) =>
          interruptible('finishing the update and saving a checkpoint; repeat to stop at once', (signal) =>
            run(runtime, name, path, options, signal),
          ),
      }),
    );
}

async function run(
  runtime: Runtime,
  name: string,
  configuration: string | undefined,
  options: ReproduceArguments,
  signal: AbortSignal,
): Promise<void> {
  const { testSource, testTarget, estimate, json, ...rest } = options;
  const { out } = rest;
  // Test files of different lengths are found before hours of training, not after.
  if (testSource !== undefined && testTarget !== undefined) await readTestSet(testSource, [testTarget]);
  const shown = showLaboratory(out);
  const request: CommonOptions = {
    ...rest,
    configuration,
    test: testOf(testSource, testTarget),
    signal,
    command: commandLine(['decade', ...process.argv.slice(2)]),
    onEvent: shown.onEvent,
  };
  if (estimate) {
    const cost = await reproductionCost(runtime, name, request);
    return json ? printJson(cost) : print(describeCost(cost, out).join('\n'));
  }
  try {
    const { account, files } = await reproduce(runtime, name, request);
    shown.end();
    const { plots: _, widePlots: __, ...data } = account;
    if (json) await printJson({ ...data, files });
    else
      await print(
        `${accountMarkdown(account)}\n${timeTaken(account.time)}\n${[files.markdown, files.json, files.page, ...files.plots].join(', ')}`,
      );
  } catch (error) {
    if (signal.aborted) throw new Interrupted(`stopped; the results so far are in ${out}, and the same command continues`);
    throw error;
  } finally {
    shown.end();
  }
}

function testOf(source: string | undefined, target: string | undefined): CommonOptions['test'] {
  if (source !== undefined && target !== undefined) return { source, target };
  if (source === undefined && target === undefined) return undefined;
  const allowed = '--test-source and --test-target together';
  throw new DecadeError('usage', { where: 'reproduce', received: 'one file of a test set', allowed });
}
