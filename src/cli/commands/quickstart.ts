import { counted } from '../../core/counted.js';
import { duration } from '../../core/duration.js';
import { Command, Option } from 'commander';
import { commandLine, shellWord } from '../../core/shell.js';
import { supportedLanguage } from '../../data/generators/languages.js';
import { nodeRuntime } from '../../node/runtime.js';
import { type QuickstartModel, quickstartRecipe } from '../../quickstart-recipe.js';
import { type QuickstartResult, quickstart } from '../../quickstart.js';
import { type DeviceChoice, withDevicesOption, withGemmOption } from '../arguments.js';
import { interruptible } from '../interruption.js';
import { print, printJson } from '../output.js';
import { figure } from '../progress.js';
import { styleFor } from '../terminal.js';
import { interruptedTraining, showTraining } from '../training-progress.js';

interface QuickstartArguments extends DeviceChoice {
  from: string;
  to: string;
  model: QuickstartModel;
  out: string;
  resume?: boolean;
  json?: boolean;
}

export function quickstartCommand(): Command {
  const command = new Command('quickstart')
    .description('Train a demo translator in a minute, on sentences generated from the language data in Node.')
    .option('--from <language>', 'source language, such as `en` or `pt-BR`', 'en')
    .option('--to <language>', 'target language', 'fr')
    .addOption(new Option('--model <kind>', 'the network').choices(Object.keys(quickstartRecipe.models)).default('lstm'))
    .option('--out <DIR>', 'run directory; replaces an earlier quickstart', 'runs/quickstart')
    .option('--resume', 'continue an interrupted quickstart')
    .option('--json', 'print one JSON object at the end');
  return withGemmOption(withDevicesOption(command))
    .addHelpText('after', '\nExample:\n  $ decade quickstart --from en --to de --out runs/english-german')
    .action((options: QuickstartArguments) =>
      interruptible('finishing the update and saving a checkpoint; repeat to stop at once', (signal) => run(options, signal)),
    );
}

async function run({ json, ...options }: QuickstartArguments, signal: AbortSignal): Promise<void> {
  for (const side of ['from', 'to'] as const) supportedLanguage(options[side], `--${side}`);
  if (!json) await print(introduction(options));
  const shown = showTraining({ log: false });
  let result: QuickstartResult | undefined;
  try {
    result = await quickstart(nodeRuntime, { ...options, signal, onEvent: shown.onEvent });
  } finally {
    shown.end();
  }
  if (result === undefined) throw await interruptedTraining(options.out, 'stopped and saved');
  if (json) await printJson(result);
  else await print(report(result, options));
}

function introduction({ from, to, model }: QuickstartArguments): string {
  return [
    `Learning to translate from ${languageName(from)} to ${languageName(to)}: ${figure(quickstartRecipe.corpus.pairs)} sentence pairs that the language data inside Node`,
    `writes in both (dates, amounts, lists, names, ...), by ${networks[model]}.`,
  ].join('\n');
}

const { lstm, transformer } = quickstartRecipe.models;
const networks: { readonly [Kind in QuickstartModel]: string } = {
  lstm: `an LSTM encoder-decoder with attention,\n${counted(lstm.layers, 'layer')} of ${lstm.hidden} cells per side`,
  transformer: `a Transformer,\n${counted(transformer.encoderLayers, 'layer')} of ${transformer.width} values per side`,
};

function report(
  { training, exact, bleu, byCategory, examples, testFiles }: QuickstartResult,
  { out, from, to }: QuickstartArguments,
): string {
  const style = styleFor(process.stdout);
  const right = examples.filter(({ isExact }) => isExact).length;
  const shown = examples.slice(0, 10);
  const source = shown.find(({ isExact }) => isExact)?.source ?? shown[0]?.source ?? '';
  const next = to === 'de' ? 'es' : 'de';
  const decade = (...words: string[]) => `${howToCall()} ${commandLine(words)}`;
  return [
    `Trained in ${duration(training.seconds)}: ${figure(training.parameters)} parameters, ${figure(training.steps)} updates.`,
    '',
    `${figure(examples.length)} held-out sentences, new combinations of known words:`,
    `  exactly right  ${style('bold', `${exact.score.toFixed(1)} %`)} (${right} of ${examples.length})`,
    `  BLEU           ${style('bold', bleu.score.toFixed(1))}  ${style('dim', bleu.signature)}`,
    `  by category    ${byCategory.map(({ category, exact: share }) => `${category} ${share.toFixed(0)} %`).join(', ')}`,
    '',
    'The first ten of them:',
    ...shown.flatMap(({ source, target, translation, isExact }) => [
      `  ${isExact ? style('green', '✓') : style('red', '✗')} ${source}`,
      `    ${translation}`,
      ...(isExact ? [] : [style('dim', `    (should be: ${target})`)]),
    ]),
    '',
    `The model is in ${out}. Try:`,
    `  echo ${shellWord(source)} | ${decade('translate', '-m', out, '--nbest', '3')}`,
    `  ${decade('evaluate', '-m', out, '--source', testFiles.source, '--references', testFiles.target, '--metrics', 'exact,bleu,chrf')}`,
    `  ${decade('report', out)}`,
    `  ${decade('score', '-m', out, '--source', testFiles.source, '--target', testFiles.target)}`,
    `  ${decade('quickstart', '--from', from, '--to', next, '--out', `${out}-${next}`)}`,
  ].join('\n');
}

function languageName(tag: string): string {
  return new Intl.DisplayNames('en', { type: 'language' }).of(tag) ?? tag;
}

/** The program name as the user types it: in a clone through npm. */
function howToCall(): string {
  const script = process.env.npm_lifecycle_event;
  if (script === 'npx') return 'npx decade';
  return script === undefined ? 'decade' : 'npm run -s decade --';
}
