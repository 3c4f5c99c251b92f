import { Command } from 'commander';
import type { ComparedSystem, Comparison } from '../../analysis/examination/compare.js';
import { readComparedRun } from '../../analysis/examination/compared-runs.js';
import { describeTestSet } from '../../analysis/examination/scored-sentences.js';
import { DecadeError } from '../../core/errors.js';
import { isText } from '../../data/sources.js';
import { decade } from '../../decade.js';
import { nodeRuntime } from '../../node/runtime.js';
import { withMountedRun } from '../../packed/mounted-runs.js';
import { type DeviceChoice, gathered, withDevicesOption, withGemmOption } from '../arguments.js';
import { optionNames, refuseIdle } from '../idle-options.js';
import { interruptible } from '../interruption.js';
import { pagePath, print, printJson, writeWhole } from '../output.js';
import { StagedProgress } from '../progress.js';
import { scoringOf, type ScoringChoice, withScoringOptions } from '../scoring.js';
import { describeDifference, describeInterval } from '../scores.js';
import { warn } from '../warning.js';
import { type TestSetChoice, testSetOf, withTestSetOptions } from '../test-set.js';
import { allLines, requireSameCount } from '../text-input.js';
import { type SearchChoice, searchOptions, withSearchOptions } from './translate.js';

const { compare, compareTexts } = decade(nodeRuntime);

interface CompareArguments extends DeviceChoice, SearchChoice, ScoringChoice, TestSetChoice {
  hypotheses?: string[];
  text?: string[];
  out?: string;
  json?: boolean;
}

const defaultPage = 'compare.html';

export function compareCommand(): Command {
  const command = withTestSetOptions(
    new Command('compare')
      .description('Test whether systems differ significantly (paired bootstrap against the first), and show where they differ most.')
      .argument('[RUN...]', 'run directories or packed models; the others are compared with the first'),
    'the dev set of the first run',
  )
    .option('--hypotheses <FILE...>', 'translations in files, in addition to or instead of runs', gathered)
    .option('--text <FILE...>', 'of language models: text that all of them score (default: the dev text of the first run)', gathered)
    .option('--out <FILE>', `page to write (default: ${defaultPage})`)
    .option('--json', 'print one JSON object');
  return withGemmOption(withDevicesOption(withSearchOptions(withScoringOptions(command))))
    .addHelpText(
      'after',
      `
Examples:
  $ decade compare runs/characters runs/bytes
  $ decade compare runs/forward runs/reversed --source test.en --references test.fr
  $ decade compare --hypotheses theirs.fr ours.fr --source test.en --references test.fr --metrics bleu,chrf,ter`,
    )
    .action((runs: string[], options: CompareArguments) => interruptible('stopping', (signal) => run(runs, options, command, signal)));
}

async function run(runs: readonly string[], options: CompareArguments, command: Command, signal: AbortSignal): Promise<void> {
  const scoring = scoringOf(options);
  const [first] = runs;
  if (first !== undefined && (await isLanguageModel(first))) {
    const idle = optionNames(withSearchOptions, withScoringOptions);
    refuseIdle(command, idle, 'for language models, which do not translate', 'leave it out');
    return compareLanguageModels(runs, options, signal);
  }
  if (first === undefined) refuseIdle(command, optionNames(withSearchOptions), 'without a run', 'leave it out: nothing is translated');
  if (options.text !== undefined) throw notTranslators();
  const testSet = await testSetOf('compare', options);
  const hypotheses: ComparedSystem[] = [];
  for (const name of options.hypotheses ?? []) {
    if (testSet === undefined) {
      throw new DecadeError('usage', { where: 'compare', received: '--hypotheses alone', allowed: 'with --source and --references' });
    }
    const lines = await allLines(name);
    requireSameCount({ name: testSet.name, lines: testSet.sources }, { name, lines });
    hypotheses.push({ name, hypotheses: lines });
  }
  const out = await pagePath(options.out, defaultPage);
  const progress = new StagedProgress();
  const { page, comparison } = await compare(runs, {
    ...(testSet && { testSet }),
    hypotheses,
    ...scoring,
    decoding: await searchOptions(options),
    gemm: options.gemm,
    devices: options.devices,
    signal,
    onProgress: progress.update,
  }).finally(() => progress.end());
  await writeWhole(out, page);
  if (options.json) await printJson(asJson(comparison, out));
  else await print(`${describe(comparison)}\n${out}`);
}

async function isLanguageModel(run: string): Promise<boolean> {
  const { configuration } = await withMountedRun(nodeRuntime.files, run, readComparedRun);
  return isText(configuration.data.train);
}

function notTranslators(): DecadeError {
  return new DecadeError('usage', {
    where: 'compare',
    received: '--text for translators',
    allowed: 'language models, which score text',
    next: 'use --source and --references',
  });
}

/** Language models translate nothing: they are compared by what they make of a text. */
async function compareLanguageModels(names: readonly string[], options: CompareArguments, signal: AbortSignal): Promise<void> {
  const given = (['source', 'references', 'hypotheses'] as const).filter((name) => options[name] !== undefined);
  if (given.length > 0) {
    throw new DecadeError('usage', {
      where: 'compare',
      received: `${given.map((name) => `--${name}`).join(' and ')} for language models, which do not translate`,
      allowed: 'a text that all of them score',
      next: 'use --text, or score a text with decade score --text',
    });
  }
  const out = await pagePath(options.out, defaultPage);
  const progress = new StagedProgress();
  const { page, runs, scored, missing } = await compareTexts(names, {
    text: options.text,
    gemm: options.gemm,
    devices: options.devices,
    signal,
    onProgress: progress.update,
  }).finally(() => progress.end());
  await writeWhole(out, page);
  for (const reason of missing) warn(new Error(reason));
  if (options.json) {
    const systems = scored?.systems.map(({ name, total, code, bitsPerByte }) => ({ name, total, code, bitsPerByte }));
    return printJson({
      runs: runs.map(({ name, best }) => ({ name, ...best })),
      ...(scored && { text: { name: scored.name, isPart: scored.isPart, systems } }),
      page: out,
    });
  }
  const width = Math.max(...names.map(({ length }) => length));
  for (const { name, best } of runs) {
    const figures =
      best === undefined
        ? 'not validated'
        : `perplexity ${best.perplexity?.toFixed(3)}  bits per byte ${best.bitsPerByte?.toFixed(4)}  ${
            best.steps === 0 ? 'counted' : `at update ${best.steps.toLocaleString('en')}`
          }`;
    await print(`${name.padEnd(width)}  ${figures}`);
  }
  if (scored !== undefined)
    await print(
      `\n${scored.isPart ? 'The beginning of ' : ''}${scored.name}: bits per byte and difference from the first with 95 % intervals, p by paired bootstrap of lines`,
    );
  for (const { name, total, bitsPerByte } of scored?.systems ?? []) {
    const interval = bitsPerByte === undefined ? '' : `  ${describeInterval(bitsPerByte, 4)}`;
    const against = bitsPerByte?.difference === undefined ? '' : `  ${describeDifference(bitsPerByte.difference, 4)}`;
    await print(`${name.padEnd(width)}  ${total.bitsPerByte.toFixed(4)}${interval}${against}`);
  }
  await print(out);
}

function asJson({ testSet, metrics }: Comparison, page: string): object {
  return { sentences: testSet.sources.length, results: metrics.map(({ label: _, higherIsBetter: __, ...metric }) => metric), page };
}

function describe({ testSet, metrics }: Comparison): string {
  const width = Math.max(...metrics.flatMap(({ systems }) => systems.map(({ system }) => system.length)));
  const tables = metrics.map(({ label, signature, systems }) => {
    const rows = systems.map(({ system, score, difference, ...interval }) => {
      const against = difference === undefined ? '' : `  ${describeDifference(difference)}`;
      return `  ${system.padEnd(width)}  ${score.toFixed(2).padStart(6)}  ${describeInterval(interval).padEnd(16)}${against}`.trimEnd();
    });
    return [`${label}  ${signature}`, ...rows].join('\n');
  });
  return [`${describeTestSet(testSet)}; score and difference from the first with 95 % intervals, p by paired bootstrap`, ...tables].join(
    '\n',
  );
}
