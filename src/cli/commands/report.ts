import { Command, InvalidArgumentError } from 'commander';
import { paperGroups, parseGroups, type SentenceGroup } from '../../analysis/examination/sentence-map.js';
import { Run } from '../../checkpoint/run.js';
import { joinPath } from '../../core/files.js';
import { decade } from '../../decade.js';
import { nodeRuntime } from '../../node/runtime.js';
import { withMountedRun } from '../../packed/mounted-runs.js';
import { type DeviceChoice, gathered, withDevicesOption, withGemmOption } from '../arguments.js';
import { interruptible } from '../interruption.js';
import { pagePath, print, writeWhole } from '../output.js';
import { StagedProgress } from '../progress.js';
import { scoringOf, type ScoringChoice, withScoringOptions } from '../scoring.js';
import { allLines } from '../text-input.js';
import { type TestSetChoice, testSetOf, withTestSetOptions } from '../test-set.js';
import { warn } from '../warning.js';
import { type SearchChoice, searchOptions, withSearchOptions } from './translate.js';

const { report } = decade(nodeRuntime);

interface ReportArguments extends DeviceChoice, SearchChoice, ScoringChoice, TestSetChoice {
  groups?: string;
  text?: string[];
  attention?: number[];
  out?: string;
}

export function reportCommand(): Command {
  const command = withTestSetOptions(
    new Command('report')
      .description('Write an HTML page about a run: training curves, scores, errors, attention.')
      .argument('<RUN>', 'run directory, packed model, or URL of one'),
    "the run's dev set",
  )
    .option('--text <FILE...>', "of a language model: text to look at (default: the run's dev text)", gathered)
    .option(
      '--groups <FILE|paper>',
      'sentences for the map: `# title` starts a group, `## name` or an empty line a new class; `paper`: those of the 2014 paper, in English',
    )
    .option('--attention <lines>', 'lines of the test set whose attention to show, such as 3,17 (default: a few)', lineNumbers)
    .option('--out <FILE>', 'page to write (default: report.html in the run, or here for a packed model)');
  return withGemmOption(withDevicesOption(withSearchOptions(withScoringOptions(command))))
    .addHelpText(
      'after',
      `
Examples:
  $ decade report runs/quickstart
  $ decade report runs/my-pair --source new.en
  $ decade report runs/shakespeare --text act-5.txt
  $ decade report runs/my-pair --source test.en --references test.fr --groups paper --out report.html`,
    )
    .action((run: string, options: ReportArguments) => interruptible('stopping', (signal) => write(run, options, signal)));
}

async function write(run: string, options: ReportArguments, signal: AbortSignal): Promise<void> {
  // Before a file is made in what may be no run.
  await withMountedRun(nodeRuntime.files, run, (files, path) => Run.open(files, path));
  const scoring = scoringOf(options);
  const testSet = await testSetOf('report', options, false);
  const groups = await groupsOf(options.groups);
  const path = await pagePath(options.out, await defaultPage(run));
  const progress = new StagedProgress();
  const { page, examination } = await report(run, {
    ...(testSet && { testSet }),
    ...scoring,
    text: options.text,
    groups,
    attention: options.attention,
    decoding: await searchOptions(options),
    gemm: options.gemm,
    devices: options.devices,
    command: ['decade', ...process.argv.slice(2)],
    signal,
    onProgress: progress.update,
  }).finally(() => progress.end());
  await writeWhole(path, page);
  for (const text of examination.missing) warn(new Error(text));
  const scores = examination.test?.scored?.scores ?? [];
  for (const { label, score, low, high } of scores) {
    await print(`${label} = ${score.toFixed(2)}, 95 % interval ${low.toFixed(2)} to ${high.toFixed(2)}`);
  }
  const { text } = examination;
  if (text !== undefined) {
    const { score, low, high } = text.bitsPerByte;
    await print(`Bits per byte = ${score.toFixed(4)}, 95 % interval ${low.toFixed(4)} to ${high.toFixed(4)}`);
  }
  await print(path);
}

/** In the run; of a packed model or a URL in the current directory. */
async function defaultPage(run: string): Promise<string> {
  return (await nodeRuntime.files.kind(run)) === 'directory' ? joinPath(run, 'report.html') : 'report.html';
}

async function groupsOf(given: string | undefined): Promise<readonly SentenceGroup[]> {
  if (given === undefined) return [];
  return given === 'paper' ? paperGroups : parseGroups(await allLines(given), given);
}

function lineNumbers(text: string): number[] {
  const lines = text.split(',').map(Number);
  if (lines.some((line) => !Number.isSafeInteger(line) || line < 1)) throw new InvalidArgumentError('expected lines from 1, such as 3,17');
  return lines;
}
