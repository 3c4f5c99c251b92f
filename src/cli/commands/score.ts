import { Command } from 'commander';
import { type DeviceChoice, gathered, withDevicesOption, withGemmOption, wholeNumber } from '../arguments.js';
import { interruptible } from '../interruption.js';
import { openModel } from '../model.js';
import { openOutput } from '../output.js';
import { figure, ProgressBar } from '../progress.js';
import { allLines, requireSameCount } from '../text-input.js';
import { warn } from '../warning.js';

interface ScoreArguments extends DeviceChoice {
  model: string[];
  source: string;
  target: string;
  output?: string;
  maxLength?: number;
}

export function scoreCommand(): Command {
  const command = new Command('score')
    .description('Print the log-probability (natural logarithm) of given translations, one per line.')
    .requiredOption('-m, --model <RUN,...>', 'run directory; several (separated by commas, or repeat -m) form an ensemble', gathered)
    .requiredOption('--source <FILE>', 'source sentences, one per line')
    .requiredOption('--target <FILE>', 'their translations')
    .option('--max-length <tokens>', 'truncate longer lines, with a warning (default: 1000)', wholeNumber(1, 100_000))
    .option('-o, --output <FILE>', 'where to write (default: standard output)');
  return withGemmOption(withDevicesOption(command))
    .addHelpText(
      'after',
      `
Examples:
  $ decade score -m runs/quickstart --source test.en --target test.fr > test.scores
  $ decade score -m runs/a,runs/b --source test.en --target test.fr`,
    )
    .action((options: ScoreArguments) => interruptible('stopping', (signal) => score(options, signal)));
}

async function score(options: ScoreArguments, signal: AbortSignal): Promise<void> {
  const sources = await allLines(options.source);
  const targets = await allLines(options.target);
  requireSameCount({ name: options.source, lines: sources }, { name: options.target, lines: targets });
  const output = await openOutput(options.output);
  const model = await openModel(options.model, options, signal);
  const progress = new ProgressBar();
  try {
    const scores = await model.score(
      sources.map((source, line) => ({ source, target: targets[line] ?? '' })),
      {
        maximumLength: options.maxLength,
        signal,
        onProgress: ({ done, total }) =>
          progress.update({ label: 'scoring', fraction: done / total, figures: [`${figure(done)} of ${figure(total)} lines`] }),
      },
    );
    for (const { logProbability, warning } of scores) {
      if (warning !== undefined) warn(warning, progress);
      await output.write(`${logProbability.toFixed(6)}\n`);
    }
    await output.close();
  } finally {
    progress.end();
    await output.abandon();
    await model.dispose();
  }
}
