import { Command } from 'commander';
import { evaluateSentences, requireTestSet } from '../../analysis/examination/scored-sentences.js';
import { DecadeError } from '../../core/errors.js';
import { type Evaluation, metricNamed } from '../../metrics/evaluate.js';
import type { Runtime } from '../../parallel/runtime.js';
import { type DeviceChoice, gathered, withDevicesOption, withGemmOption } from '../arguments.js';
import { OutsideCriteria } from '../criteria.js';
import { optionNames, refuseIdle } from '../idle-options.js';
import { interruptible } from '../interruption.js';
import { openModel } from '../model.js';
import { print, printJson } from '../output.js';
import { figure, ProgressBar } from '../progress.js';
import { amongRanks } from '../ranks.js';
import { scoringOf, type ScoringChoice, withScoringOptions } from '../scoring.js';
import { withSamplingOptions } from '../sampling.js';
import { SelectionAccount, withSelectionOptions } from '../selection.js';
import { say } from '../terminal.js';
import { readTestSet } from '../test-set.js';
import { warn } from '../warning.js';
import { type DecodingChoice, decodingOptionsOf, describeSearch, requireOneKind, withSearchOptions } from './translate.js';

interface EvaluateArguments extends DeviceChoice, DecodingChoice, ScoringChoice {
  hypotheses?: string;
  references: string[];
  model?: string[];
  source?: string;
  json?: boolean;
}

const decodingNames = ['sample', ...optionNames(withSearchOptions, withSamplingOptions, withSelectionOptions)];

export function evaluateCommand(): Command {
  const command = new Command('evaluate')
    .description('Score translations (from a file or a model) against references, as sacreBLEU does.')
    .option('--hypotheses <FILE>', 'translations to score, one per line')
    .option(
      '-m, --model <RUN,...>',
      'translate --source with this run instead; several (separated by commas, or repeat -m) form an ensemble',
      gathered,
    )
    .option('--source <FILE>', 'source sentences for --model')
    .requiredOption('--references <FILE...>', 'reference translations; several files for several references per line', gathered)
    .option('--json', 'print one JSON object');
  withSearchOptions(withScoringOptions(command)).option('--sample', 'draw translations at random instead of searching for the best');
  return withGemmOption(withDevicesOption(withSelectionOptions(withSamplingOptions(command))))
    .addHelpText(
      'after',
      `
Examples:
  $ decade evaluate --hypotheses output.fr --references test.fr
  $ decade evaluate --hypotheses output.zh --references test.zh --tokenize zh --smooth floor
  $ decade evaluate -m runs/quickstart --source test.en --references test.fr --metrics bleu,chrf,ter --json
  $ decade evaluate -m runs/quickstart --source test.en --references test.fr --sample --samples 64 --select mbr
  $ mpirun -n 4 decade evaluate -m runs/quickstart --source test.en --references test.fr`,
    )
    .action((options: EvaluateArguments) => {
      if (options.model === undefined) refuseIdle(command, decodingNames, 'without --model', 'leave it out: nothing is translated');
      requireOneKind(options, command);
      return amongRanks({
        alone: options.model === undefined ? 'without --model nothing is translated' : undefined,
        work: (runtime) => interruptible('stopping', (signal) => run(runtime, options, signal)),
      });
    });
}

async function run(runtime: Runtime, options: EvaluateArguments, signal: AbortSignal): Promise<void> {
  const scoring = scoringOf(options);
  // What is translated or already is a translation: as many lines as there are references of each, known before the work begins.
  const testSet = await readTestSet(scoredFile(options), options.references);
  requireTestSet(testSet);
  const { sources: lines, references } = testSet;
  const { texts, account } =
    options.model === undefined ? { texts: lines, account: undefined } : await translations(runtime, options.model, lines, options, signal);
  const results = await evaluateSentences({ hypotheses: texts, references, ...scoring }, { signal });
  if (options.json) {
    await printJson({
      sentences: texts.length,
      results: results.map(({ details, ...result }) => ({ ...result, ...details })),
      ...(account?.line !== undefined && { selection: account.total }),
    });
    return;
  }
  for (const result of results) await print(describe(result));
  if (account?.line !== undefined) say(account.line);
}

/** The translations, or the sentences for the model to translate. */
function scoredFile(options: EvaluateArguments): string {
  const { hypotheses, model, source } = options;
  if (hypotheses !== undefined && model === undefined && source === undefined) return hypotheses;
  if (hypotheses === undefined && model !== undefined && source !== undefined) return source;
  const given = (['hypotheses', 'model', 'source'] as const).filter((name) => options[name] !== undefined);
  throw new DecadeError('usage', {
    where: 'evaluate',
    received: given.map((name) => `--${name}`).join(' and ') || 'nothing to score',
    allowed: '--hypotheses FILE, or --model RUN with --source FILE',
  });
}

async function translations(
  runtime: Runtime,
  runs: readonly string[],
  lines: readonly string[],
  options: EvaluateArguments,
  signal: AbortSignal,
): Promise<{ readonly texts: string[]; readonly account: SelectionAccount }> {
  const model = await openModel(runs, options, signal, runtime);
  const progress = new ProgressBar();
  const outside = new OutsideCriteria(options);
  const started = performance.now();
  try {
    await outside.open(signal);
    const results = await model.translate(lines, {
      ...(await decodingOptionsOf(options, outside)),
      signal,
      onProgress: ({ lines: done, targetTokens, search }) =>
        progress.update({
          label: 'translating',
          fraction: done / lines.length,
          figures: [
            `${figure((1000 * targetTokens) / (performance.now() - started))} tokens/s`,
            ...(search === undefined ? [] : [describeSearch(search)]),
          ],
        }),
    });
    const account = new SelectionAccount(model.operationsPerToken);
    for (const { warning, selection } of results) {
      if (warning !== undefined) warn(warning, progress);
      account.add(selection);
    }
    outside.finish();
    return { texts: results.map(({ text }) => text), account };
  } finally {
    progress.end();
    await outside.dispose();
    await model.dispose();
  }
}

function describe({ metric, score, signature }: Evaluation): string {
  return `${metricNamed(metric).label} = ${score.toFixed(2)}  ${signature}`;
}
