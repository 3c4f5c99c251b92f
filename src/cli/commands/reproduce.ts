import { Command, Option } from 'commander';
import { readConfiguration } from '../../api.js';
import { DecadeError } from '../../core/errors.js';
import { describeSource } from '../../data/sources.js';
import { type ExperimentBase, type ExperimentSize, embeddedBase, experimentSizes, forExperiments } from '../../experiments/base.js';
import { experimentNamed, experiments } from '../../experiments/catalogue/index.js';
import type { Cost } from '../../experiments/cost.js';
import { accountMarkdown } from '../../experiments/account.js';
import type { LaboratoryEvent } from '../../experiments/laboratory.js';
import { reproduce } from '../../experiments/reproduce.js';
import { nodeRuntime } from '../../node/runtime.js';
import { printConfiguration, resolveConfiguration } from '../../training/configuration.js';
import { type DeviceChoice, gathered, wholeNumber, withDevicesOption, withGemmOption } from '../arguments.js';
import { Interrupted, interruptible } from '../interruption.js';
import { print, printJson } from '../output.js';
import { duration, figure, Progress } from '../progress.js';
import { showTraining } from '../training-progress.js';

interface Options extends DeviceChoice {
  task?: string;
  size?: ExperimentSize;
  set?: string[];
  testSource?: string;
  testTarget?: string;
  out: string;
  seeds?: number;
  members?: number;
  beam?: number;
  nbest?: number;
  baseline?: 'narrow' | 'attention';
  timedUpdates?: number;
  estimate?: boolean;
  json?: boolean;
}

export function reproduceCommand(): Command {
  const listed = Object.entries(experiments).map(([name, { title, where }]) => `  ${name.padEnd(14)} ${title} (${where})`);
  const command = new Command('reproduce')
    .description(
      'Rerun an experiment of Sutskever, Vinyals and Le (2014) from end to end, and set its figures beside theirs: a table (Markdown, JSON) and a page with plots. Ctrl-C saves; the same command goes on.',
    )
    .argument('<NAME>', Object.keys(experiments).join(', '))
    .argument('[CONFIG.yaml]', 'what to train on and which network to vary; without it a task that needs no data')
    .option(
      '--task <name>',
      'without CONFIG.yaml: digits:copy, digits:reverse, digits:sort, intl:en-fr (default: what suits the experiment)',
    )
    .addOption(new Option('--size <size>', 'without CONFIG.yaml: seconds, minutes or an hour').choices(experimentSizes))
    .option('--set <key.path=value>', 'in place of what the configuration says; may be given several times', gathered)
    .option('--test-source <FILE>', 'sentences to translate (default: the dev corpus)')
    .option('--test-target <FILE>', 'what their translations should be')
    .option('--out <DIR>', 'where everything is kept; experiments there share what they have trained', 'runs/the-paper')
    .option('--seeds <number>', 'trainings of each kind (default: 3 for reversal and bucketing, else 1)', wholeNumber(1, 100))
    .option('--members <number>', 'models of an ensemble (default: 5)', wholeNumber(2, 20))
    .option('--beam <number>', 'translations kept at every step (default: 12)', wholeNumber(1, 1000))
    .option('--nbest <number>', 'hypotheses of a list that is rescored (default: 100)', wholeNumber(2, 1000))
    .addOption(new Option('--baseline <system>', 'what makes the list that is rescored (default: narrow)').choices(['narrow', 'attention']))
    .option('--timed-updates <number>', 'updates of a training that is only timed (default: 200)', wholeNumber(20, 100_000))
    .option('--estimate', 'only say what it would cost')
    .option('--json', 'print one JSON object');
  return withGemmOption(withDevicesOption(command))
    .addHelpText(
      'after',
      `
Experiments:
${listed.join('\n')}

Examples:
  $ decade reproduce reversal
  $ decade reproduce decoding --size tiny --out runs/try
  $ decade reproduce reversal recipes/tatoeba-en-fr-2014.yaml --set model.hidden=256 --test-source test.en --test-target test.fr --estimate`,
    )
    .action((name: string, path: string | undefined, options: Options) =>
      interruptible('finishing the update and saving; once more stops at once', (signal) => run(name, path, options, signal)),
    );
}

async function run(name: string, path: string | undefined, options: Options, signal: AbortSignal): Promise<void> {
  const base = await baseOf(name, path, options);
  const { seeds, members, beam, nbest, baseline, timedUpdates, devices, gemm, out } = options;
  const chosen = { seeds, members, beam, nbest, baseline, timedUpdates };
  const shown = showLaboratory();
  let cost: Cost | undefined;
  try {
    const reproduced = await reproduce(nodeRuntime, {
      experiment: name,
      base,
      out,
      devices,
      gemm,
      signal,
      options: Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined)),
      command: `decade ${process.argv.slice(2).join(' ')}`,
      onEvent: shown.onEvent,
      onCost: (found) => {
        cost = found;
        shown.begin(found);
        if (!options.estimate) for (const line of describeCost(found, out)) process.stderr.write(`${line}\n`);
        return options.estimate !== true;
      },
    });
    shown.end();
    if (reproduced === undefined) {
      if (options.json) await printJson(cost ?? {});
      else if (cost !== undefined) await print(describeCost(cost, out).join('\n'));
      return;
    }
    const { account, files } = reproduced;
    const { plots: _, widePlots: __, ...data } = account;
    if (options.json) await printJson({ ...data, files });
    else await print(`${accountMarkdown(account)}\n${[files.markdown, files.json, files.page, ...files.plots].join(', ')}`);
  } catch (error) {
    if (signal.aborted) throw new Interrupted(`stopped; what was done is in ${out}, and the same command goes on`);
    throw error;
  } finally {
    shown.end();
  }
}

async function baseOf(name: string, path: string | undefined, options: Options): Promise<ExperimentBase> {
  const { task: defaultTask } = experimentNamed(name);
  const { task, size, set = [], testSource, testTarget } = options;
  const wrong = (received: string, allowed: string) => new DecadeError('usage', { where: 'reproduce', received, allowed });
  if ((testSource === undefined) !== (testTarget === undefined))
    throw wrong('one file of a test set', '--test-source and --test-target together');
  if (path === undefined) {
    if (testSource !== undefined) throw wrong('a test set without CONFIG.yaml', 'a task with its own, or a configuration');
    const base = embeddedBase(task ?? defaultTask, size ?? 'small');
    if (set.length === 0) return base;
    const text = printConfiguration(base.configuration);
    const configuration = resolveConfiguration(text, 'configuration', set, nodeRuntime.files.absolute);
    return { ...base, description: `${base.description}, ${set.join(', ')}`, configuration: forExperiments(configuration) };
  }
  if (task !== undefined || size !== undefined) throw wrong('CONFIG.yaml with --task or --size', 'one or the other');
  const configuration = forExperiments(await readConfiguration(nodeRuntime, path, set));
  const { absolute } = nodeRuntime.files;
  const test =
    testSource === undefined || testTarget === undefined
      ? configuration.data.dev
      : { source: absolute(testSource), target: absolute(testTarget) };
  if (test === undefined) throw wrong('no test set', '--test-source and --test-target, or data.dev');
  const tested = testSource === undefined ? 'tested on the dev corpus' : `tested on ${testSource}`;
  const isFiles = !('generator' in configuration.data.train);
  const corpus = isFiles ? '' : `, ${describeSource(configuration.data.train)}`;
  return { description: [`${path}${corpus}`, ...set.filter((one) => !one.startsWith('data.')), tested].join(', '), configuration, test };
}

function describeCost({ trainings, seconds, wordsPerSecond }: Cost, out: string): string[] {
  const count = (state: 'done' | 'begun' | 'new') => trainings.filter((training) => training.state === state).length;
  const sizes = trainings.map(({ parameters }) => parameters);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const parameters = least === most ? figure(least) : `${figure(least)} to ${figure(most)}`;
  const [done, begun] = [count('done'), count('begun')];
  const states = [...(done > 0 ? [`${done} done`] : []), ...(begun > 0 ? [`${begun} begun`] : []), `${count('new')} to begin`];
  const words = trainings.reduce((sum, training) => sum + training.words, 0);
  return [
    `Trainings   ${trainings.length} (${states.join(', ')}), of ${parameters} parameters, in ${out}`,
    ...wordsPerSecond.map(({ network, wordsPerSecond: speed }) => `Speed       ${figure(speed)} words/s measured here: ${network}`),
    `Time        about ${duration(seconds)} for ${figure(words)} words of updates; validation and translating come on top`,
  ];
}

/** What a laboratory does, on standard error. */
function showLaboratory() {
  let training: { run: string; shown: ReturnType<typeof showTraining> } | undefined;
  let using = new Progress();
  let [over, all] = [0, 0];
  const endTraining = () => {
    training?.shown.end();
    training = undefined;
  };
  const line = (text: string) => {
    using.end();
    using = new Progress();
    process.stderr.write(`${text}\n`);
  };
  return {
    begin: (cost: Cost) => {
      all = cost.trainings.length;
    },
    onEvent: (event: LaboratoryEvent): void => {
      switch (event.kind) {
        case 'training':
          if (training?.run !== event.run) {
            endTraining();
            line(`Training ${over + 1} of ${all}: ${event.run}`);
            training = { run: event.run, shown: showTraining({ log: false }) };
          }
          training.shown.onEvent(event.event);
          break;
        case 'trained': {
          endTraining();
          over++;
          const { name, perplexity, seconds } = event.run;
          line(`  ${name}: dev perplexity ${perplexity.toFixed(3)}${event.skipped ? ', done before' : ` after ${duration(seconds)}`}`);
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
