import { Command, Option } from 'commander';
import { evaluate } from '../../api.js';
import { DecadeError } from '../../core/errors.js';
import { type Evaluation, metricNamed } from '../../metrics/evaluate.js';
import { type BleuTokenizer, bleuTokenizers } from '../../metrics/tokenization.js';
import { type DeviceChoice, gathered, names, withDevicesOption, withGemmOption } from '../arguments.js';
import { interruptible } from '../interruption.js';
import { openModel } from '../model.js';
import { print, printJson } from '../output.js';
import { figure, Progress } from '../progress.js';
import { allLines, requireSameCount } from '../text-input.js';
import { warn } from '../warning.js';
import { describeSearch, type SearchChoice, searchOptions, withSearchOptions } from './translate.js';

interface Options extends DeviceChoice, SearchChoice {
  hypotheses?: string;
  references: string[];
  model?: string[];
  source?: string;
  metrics: string[];
  tokenize?: BleuTokenizer;
  lowercase?: boolean;
  json?: boolean;
}

export function evaluateCommand(): Command {
  const command = new Command('evaluate')
    .description('Score translations against references as sacreBLEU does: those in a file, or those a model gives.')
    .option('--hypotheses <FILE>', 'translations to score, a line each')
    .option(
      '-m, --model <RUN,...>',
      'instead: translate --source with this run; several, separated by commas or each with -m, translate together',
      gathered,
    )
    .option('--source <FILE>', 'source sentences for --model')
    .requiredOption('--references <FILE...>', 'what the translations should be; several files: several references a line', gathered)
    .addOption(new Option('--metrics <names>', 'bleu, chrf, chrf++, ter, exact').argParser(names).default(['bleu', 'chrf'], 'bleu,chrf'))
    .addOption(
      new Option('--tokenize <rules>', 'how BLEU finds words; none: between spaces (default: 13a)').choices(Object.keys(bleuTokenizers)),
    )
    .option('--lowercase', 'ignore case, which TER always does')
    .option('--json', 'print one JSON object');
  return withGemmOption(withDevicesOption(withSearchOptions(command)))
    .addHelpText(
      'after',
      `
Examples:
  $ decade evaluate --hypotheses output.fr --references test.fr
  $ decade evaluate --hypotheses output.tok.de --references test.tok.de --tokenize none
  $ decade evaluate -m runs/quickstart --source test.en --references test.fr --metrics bleu,chrf,ter --json`,
    )
    .action((options: Options) => interruptible('stopping', (signal) => run(options, signal)));
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  for (const name of options.metrics) metricNamed(name);
  const references = await Promise.all(options.references.map(allLines));
  const hypotheses = await hypothesesOf(options, references[0] ?? [], signal);
  for (const [set, lines] of references.entries()) {
    requireSameCount(
      { name: options.hypotheses ?? options.source ?? '', lines: hypotheses },
      { name: options.references[set] ?? '', lines },
    );
  }
  const results = evaluate({ hypotheses, references, metrics: options.metrics, tokenize: options.tokenize, lowercase: options.lowercase });
  if (options.json)
    await printJson({ sentences: hypotheses.length, results: results.map(({ details, ...result }) => ({ ...result, ...details })) });
  else for (const result of results) await print(describe(result));
}

async function hypothesesOf(options: Options, firstReferences: readonly string[], signal: AbortSignal): Promise<string[]> {
  if (options.hypotheses !== undefined && options.model === undefined && options.source === undefined) return allLines(options.hypotheses);
  if (options.hypotheses !== undefined || options.model === undefined || options.source === undefined) {
    throw new DecadeError('usage', {
      where: 'evaluate',
      received:
        ['hypotheses', 'model', 'source']
          .filter((name) => options[name as keyof Options] !== undefined)
          .map((name) => `--${name}`)
          .join(' and ') || 'nothing to score',
      allowed: 'either --hypotheses FILE, or --model RUN and --source FILE',
    });
  }
  const source = await allLines(options.source);
  requireSameCount({ name: options.source, lines: source }, { name: options.references[0] ?? '', lines: firstReferences });
  const model = await openModel(options.model, options, signal);
  const progress = new Progress();
  const started = performance.now();
  try {
    const results = await model.translate(source, {
      ...(await searchOptions(options)),
      signal,
      onProgress: ({ lines, targetTokens, search }) =>
        progress.update({
          label: 'translating',
          fraction: lines / source.length,
          figures: [
            `${figure((1000 * targetTokens) / (performance.now() - started))} tokens/s`,
            ...(search === undefined ? [] : [describeSearch(search)]),
          ],
        }),
    });
    for (const { warning } of results) if (warning !== undefined) warn(warning, progress);
    return results.map(({ text }) => text);
  } finally {
    progress.end();
    await model.dispose();
  }
}

function describe({ metric, score, signature }: Evaluation): string {
  return `${metricNamed(metric).label} = ${score.toFixed(2)}  ${signature}`;
}
