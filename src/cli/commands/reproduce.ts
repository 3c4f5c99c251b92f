import { duration } from '../../core/duration.js';
import { Command, Option } from 'commander';
import { DecadeError } from '../../core/errors.js';
import { accountMarkdown, timeTaken } from '../../experiments/account.js';
import { experimentSizes } from '../../experiments/base.js';
import { commandLine } from '../../core/shell.js';
import { experiments } from '../../experiments/catalogue/index.js';
import type { Cost } from '../../experiments/cost.js';
import { type CommonOptions, type ReproduceEvent, reproduce, reproductionCost } from '../../experiments/reproduce.js';
import { nodeRuntime } from '../../node/runtime.js';
import { withDevicesOption, withGemmOption, withSetOption } from '../arguments.js';
import { experimentOptions, experimentsHelp } from '../experiment-options.js';
import { Interrupted, interruptible } from '../interruption.js';
import { print, printJson } from '../output.js';
import { figure, ProgressBar } from '../progress.js';
import { say } from '../terminal.js';
import { readTestSet } from '../test-set.js';
import { showTraining } from '../training-progress.js';

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
  $ decade reproduce reversal recipes/tatoeba-en-fr-2014.yaml --set model.hidden=256 --test-source test.en --test-target test.fr --estimate`,
    )
    .action((name: string, path: string | undefined, options: ReproduceArguments) =>
      interruptible('finishing the update and saving a checkpoint; repeat to stop at once', (signal) => run(name, path, options, signal)),
    );
}

async function run(name: string, configuration: string | undefined, options: ReproduceArguments, signal: AbortSignal): Promise<void> {
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
    const cost = await reproductionCost(nodeRuntime, name, request);
    return json ? printJson(cost) : print(describeCost(cost, out).join('\n'));
  }
  try {
    const { account, files } = await reproduce(nodeRuntime, name, request);
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

function describeCost({ trainings, uses, unknown, trainingSeconds, usingSeconds, wordsPerSecond }: Cost, out: string): string[] {
  const tokens = trainings.reduce((sum, training) => sum + training.tokens, 0);
  return [
    `Trainings   ${trainings.length}${trainings.length === 0 ? '' : ` (${states(trainings)}), of ${sizesOf(trainings)} parameters`}, in ${out}`,
    ...wordsPerSecond.map(({ network, wordsPerSecond: speed }) => `Speed       ${figure(speed)} words/s measured here: ${network}`),
    ...(['translate', 'list', 'score'] as const).flatMap((kind) => {
      const these = uses.filter((use) => use.kind === kind);
      if (these.length === 0) return [];
      const seconds = these.reduce((sum, use) => sum + use.seconds, 0);
      return [`${useNames[kind].padEnd(12)}${these.length} (${states(these)}), about ${duration(seconds)}`];
    }),
    `Time        about ${duration(trainingSeconds)} to train on ${figure(tokens)} tokens, ${duration(usingSeconds)} for translations and scores; validation and resampling are not included`,
    ...unknown.map(({ what, why }) => `Unknown     ${what}: ${why}`),
  ];
}

function sizesOf(trainings: Cost['trainings']): string {
  const sizes = trainings.map(({ parameters }) => parameters);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  return least === most ? figure(least) : `${figure(least)} to ${figure(most)}`;
}

const useNames = { translate: 'Translating', list: 'N-best', score: 'Scoring' } as const;

/** `2 done, 1 started, 3 to do` */
function states(of: readonly { readonly state: 'done' | 'begun' | 'new' }[]): string {
  const count = (state: 'done' | 'begun' | 'new') => of.filter((one) => one.state === state).length;
  const [done, begun] = [count('done'), count('begun')];
  return [...(done > 0 ? [`${done} done`] : []), ...(begun > 0 ? [`${begun} started`] : []), `${count('new')} to do`].join(', ');
}

/** Shows the progress of a laboratory on standard error. */
function showLaboratory(out: string) {
  let training: { run: string; shown: ReturnType<typeof showTraining> } | undefined;
  let using = new ProgressBar();
  let [over, all, isKnown] = [0, 0, true];
  const endTraining = () => {
    training?.shown.end();
    training = undefined;
  };
  const line = (text: string) => {
    using.end();
    using = new ProgressBar();
    say(text);
  };
  return {
    onEvent: (event: ReproduceEvent): void => {
      switch (event.kind) {
        case 'cost':
          all = over + event.cost.trainings.length;
          isKnown = event.cost.unknown.length === 0;
          for (const text of describeCost(event.cost, out)) line(text);
          break;
        case 'training':
          if (training?.run !== event.run) {
            endTraining();
            line(`Training ${over + 1}${isKnown ? ` of ${all}` : ''}: ${event.run}`);
            training = { run: event.run, shown: showTraining({ log: false }) };
          }
          training.shown.onEvent(event.event);
          break;
        case 'trained': {
          endTraining();
          over++;
          const { name, perplexity, seconds } = event.run;
          line(
            `  ${name}: ${Number.isFinite(perplexity) ? `dev perplexity ${perplexity.toFixed(3)}` : 'diverged'}${event.skipped ? ', already trained' : ` after ${duration(seconds)}`}`,
          );
          break;
        }
        case 'using':
          using.update({
            label: `${event.label} with ${event.runs.length === 1 ? event.runs[0] : `${event.runs.length} models`}`,
            fraction: event.fraction,
            figures: [],
          });
          break;
      }
    },
    end: () => {
      endTraining();
      using.end();
    },
  };
}
