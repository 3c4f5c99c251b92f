import { Command, Option } from 'commander';
import { type RankedSentence, type RescoreOptions, type Rescoring, selectFromList } from '../../analysis/rescoring/rescore.js';
import type { NbestList } from '../../analysis/rescoring/rescoring.js';
import { type TunedSelection, type TuningMetric, tuningMetrics } from '../../analysis/rescoring/tuned-selection.js';
import type { PairedInterval } from '../../analysis/examination/scored-sentences.js';
import { counted } from '../../core/counted.js';
import { DecadeError } from '../../core/errors.js';
import { featureValues, formatNbestLine, selectedFeatures } from '../../decoding/nbest.js';
import { type DeviceChoice, gathered, numberFrom, wholeNumber, withDevicesOption, withGemmOption } from '../arguments.js';
import { OutsideCriteria } from '../criteria.js';
import { interruptible } from '../interruption.js';
import { openModel } from '../model.js';
import { openOutput, printJson } from '../output.js';
import { figure, StagedProgress } from '../progress.js';
import { describeDifference, describeInterval } from '../scores.js';
import { SelectionAccount, type SelectionChoice, selectionTerms, withSelectionOptions } from '../selection.js';
import { say } from '../terminal.js';
import { readTestSet } from '../test-set.js';
import { linesOf } from '../text-input.js';
import { warn } from '../warning.js';

interface RescoreArguments extends DeviceChoice, SelectionChoice {
  model?: string[];
  source: string;
  input?: string;
  output?: string;
  weight?: number;
  tune?: string;
  tuneSource?: string;
  tuneReferences?: string[];
  tuneMetric?: TuningMetric;
  references?: string[];
  own: string;
  lengthPenalty?: number;
  nbest?: number;
  json?: boolean;
}

export function rescoreCommand(): Command {
  const command = new Command('rescore')
    .description(
      "Rerank the n-best lists of any system by combining their scores with a model's log-probabilities. Format: `line ||| text ||| feature= values ||| score`, lines numbered from 0. Malformed lines are reported and skipped; the exit code is then 1.",
    )
    .option(
      '-m, --model <RUN,...>',
      'run directory, packed model or its URL; several (separated by commas, or repeat -m) form an ensemble; may be left out with --select',
      gathered,
    )
    .requiredOption('--source <FILE>', 'source sentences of the list, one per line')
    .option('-i, --input <FILE>', 'n-best list, .gz too (default: standard input)')
    .option('-o, --output <FILE>', 'where to write (default: standard output)')
    .option('--weight <number>', 'weight of the model: 0.5 is the even average, 1 the model alone (default: 0.5)', numberFrom(0, 1))
    .option('--tune <FILE>', 'tune the weight on this n-best list instead: the middle of the weights not significantly worse than the best')
    .option('--tune-source <FILE>', 'source sentences of the --tune list')
    .option('--tune-references <FILE...>', 'reference translations of the --tune list', gathered)
    .addOption(
      new Option('--tune-metric <name>', 'what the weights of --select are tuned for, without --model (default: bleu)').choices(
        Object.keys(tuningMetrics),
      ),
    )
    .option('--references <FILE...>', 'reference translations: prints BLEU before and after, and of the oracle', gathered)
    .option('--own <name>', 'which score of the list to use: `score`, or a feature such as logProbability', 'score')
    .option(
      '--length-penalty <exponent>',
      "divide the model's log-probability by length^exponent (default: that of the list's scores, or 0 if the list does not say)",
      numberFrom(0, 10),
    )
    .option('--nbest <number>', "print n-best lists, with the model's score as a feature", wholeNumber(1))
    .option('--json', 'print one JSON object with the scores instead of the text (needs --references; write the text with -o)');
  return withGemmOption(withDevicesOption(withSelectionOptions(command)))
    .addHelpText(
      'after',
      `
Examples:
  $ decade rescore -m runs/b,runs/c --source test.en -i test.nbest --references test.fr -o test.out
  $ decade translate -m runs/a -i test.en --beam 12 --nbest 12 | decade rescore -m runs/b --source test.en
  $ decade rescore -m runs/b --source test.en -i test.nbest --tune dev.nbest --tune-source dev.en --tune-references dev.fr
  $ decade rescore --source test.en -i test.nbest --references test.fr --select mbr --utility bleu
  $ decade rescore --source test.en -i test.nbest --select own,channel,lm,length --channel runs/fr-en --lm runs/fr --tune dev.nbest --tune-source dev.en --tune-references dev.fr`,
    )
    .action((options: RescoreArguments) => interruptible('stopping', (signal) => run(options, signal)));
}

/** The most bad lines to report individually. */
const badLinesTold = 10;

async function run(options: RescoreArguments, signal: AbortSignal): Promise<void> {
  requireSensible(options);
  const { source, references, tune, tuneSource = '', tuneReferences, output: path, own, lengthPenalty, nbest, json } = options;
  const list = await listOf(options.input, source, references);
  const tunedOn = tune === undefined ? undefined : await listOf(tune, tuneSource, tuneReferences);
  const outside = new OutsideCriteria(options);
  const select = selectionTerms(options, outside);
  const output = json && path === undefined ? undefined : await openOutput(path);
  const model = options.model === undefined ? undefined : await openModel(options.model, options, signal);
  const progress = new StagedProgress();
  const isWatched = path !== undefined || process.stdout.isTTY !== true;
  const account = new SelectionAccount();
  let [badLines, empty] = [0, 0];
  try {
    await outside.open(signal);
    const control: RescoreOptions = {
      own,
      signal,
      onProgress: isWatched ? progress.update : undefined,
      onBadLine: ({ message }) => {
        if (++badLines <= badLinesTold) warn(new Error(`${message}; line skipped`), progress);
      },
      onAssumption: (text) => warn(new Error(text), progress),
      onCut: (warning) => warn(warning, progress),
      onSentence: async (sentence) => {
        if (sentence.hypotheses.length === 0) empty++;
        account.add(sentence.selection);
        await output?.write(nbest === undefined ? `${sentence.text}\n` : nbestLines(sentence, nbest));
      },
    };
    const weight = tunedOn === undefined ? options.weight : { tunedOn };
    const rescoring: Awaited<ReturnType<typeof selectFromList>> =
      model === undefined
        ? await selectFromList(list, { ...control, select, tunedOn, tunedFor: options.tuneMetric })
        : await model.rescore(list, { ...control, weight, lengthPenalty, select });
    const { tuned, tunedSelection, scores } = rescoring;
    await output?.close();
    progress.end();
    if (empty > 0)
      warn(new Error(`the list has no entry for ${counted(empty, 'line')} of ${source}; ${empty === 1 ? 'it is' : 'they are'} left empty`));
    if (json)
      await printJson({
        ...(model !== undefined && { weight: rescoring.weight }),
        ...(tuned && { tuned }),
        ...(tunedSelection && { tunedSelection: withoutTerms(tunedSelection) }),
        ...(model === undefined && scores !== undefined ? withoutModel(scores) : scores),
        ...(account.line !== undefined && { selection: account.total }),
      });
    else for (const line of describe(options, rescoring)) say(line);
    if (!json && account.line !== undefined) say(account.line);
  } finally {
    progress.end();
    await output?.abandon();
    await outside.dispose();
    await model?.dispose();
  }
  if (badLines > 0) {
    throw new DecadeError('input', {
      where: 'rescore',
      received: `${figure(badLines)} ${badLines === 1 ? 'line' : 'lines'} that could not be parsed; all others were rescored`,
      allowed: 'lines `line ||| text ||| feature= values ||| score`',
      next: 'see the warnings above',
    });
  }
  outside.finish();
}

/** Scores of a list for which no model was asked. */
function withoutModel({ model: _, even: __, rescored: ___, ...scores }: NonNullable<Rescoring['scores']>) {
  return scores;
}

/** What of a tuned selection can be written down. */
function withoutTerms({ select: _, ...tuned }: TunedSelection): Omit<TunedSelection, 'select'> {
  return tuned;
}

async function listOf(path: string | undefined, source: string, references: readonly string[] = []): Promise<NbestList> {
  return { ...(await readTestSet(source, references)), name: path ?? 'standard input', lines: textOf(path) };
}

async function* textOf(path: string | undefined): AsyncGenerator<string | undefined> {
  for await (const { text } of linesOf(path)) yield text;
}

function nbestLines({ sentence, hypotheses }: RankedSentence, most: number): string {
  return hypotheses
    .slice(0, most)
    .map(({ model, combined, selected, ...hypothesis }) => {
      const isWithoutModel = selected !== undefined && !Number.isFinite(model);
      const features = isWithoutModel ? hypothesis.features : withFeature(hypothesis.features, 'model', model);
      const line =
        selected === undefined
          ? { ...hypothesis, features, score: combined }
          : { ...hypothesis, features: selectedFeatures(features, selected.values), score: selected.value };
      return `${formatNbestLine(sentence, line)}\n`;
    })
    .join('');
}

/** A list that is rescored again has `model=` and `model2=`. */
function withFeature(features: string, name: string, value: number): string {
  let free = name;
  for (let number = 2; featureValues(features, free).length > 0; number++) free = `${name}${number}`;
  return `${features} ${free}= ${value.toFixed(6)}`.trim();
}

function requireSensible({
  model,
  select,
  weight,
  lengthPenalty,
  tune,
  tuneSource,
  tuneReferences,
  tuneMetric,
  references,
  json,
}: RescoreArguments): void {
  const wrong = (received: string, allowed: string) => new DecadeError('usage', { where: 'rescore', received, allowed });
  if (model === undefined && select === undefined) throw wrong('neither --model nor --select', 'one of them, or both');
  const ofModel = { weight, 'length-penalty': lengthPenalty };
  const idle = Object.entries(ofModel).find(([, given]) => given !== undefined)?.[0];
  if (model === undefined && idle !== undefined) throw wrong(`--${idle} without --model`, 'options of the model together with --model');
  if (tune !== undefined && weight !== undefined) throw wrong('--weight and --tune', 'one of them');
  const tuning = [tune, tuneSource, tuneReferences].filter((option) => option !== undefined).length;
  if (tuning > 0 && tuning < 3) throw wrong('some of the options for tuning', '--tune, --tune-source and --tune-references together');
  if (tuneMetric !== undefined && (tune === undefined || model !== undefined)) {
    const received = model === undefined ? '--tune-metric without --tune' : '--tune-metric and --model, whose weight is tuned for BLEU';
    throw wrong(received, '--tune-metric with --tune and --select, without --model');
  }
  if (json && references === undefined) throw wrong('--json without --references', 'both: the scores are what it prints');
}

function describe(
  { model, select }: RescoreArguments,
  { weight, tuned, tunedSelection, scores }: Rescoring & { readonly tunedSelection?: TunedSelection },
): string[] {
  const lines: string[] = [];
  if (tunedSelection !== undefined) {
    const { weights, metric, score, before } = tunedSelection;
    const terms = Object.entries(weights).map(([name, value]) => `${name}=${value.toFixed(4)}`);
    lines.push(
      `--select ${terms.join(',')}, tuned: ${tuningMetrics[metric]().label} ${score.toFixed(2)} on the tuning list, ${before.toFixed(2)} with the weights that were given`,
    );
  }
  if (tuned !== undefined) {
    const { score, low, high, best } = tuned;
    lines.push(
      `weight ${weight.toFixed(4)}, the middle of the range from ${low.toFixed(4)} to ${high.toFixed(4)}, which is not significantly worse than the best weight on the tuning list (95 % confidence): BLEU ${score.toFixed(2)} there, at most ${best.score.toFixed(2)} (at ${best.weight.toFixed(4)})`,
    );
  }
  if (scores === undefined) return lines;
  const row = (name: string, { score, low, high, difference }: PairedInterval) =>
    `${name.padEnd(36)} ${score.toFixed(2).padStart(6)}  ${describeInterval({ low, high }).padEnd(16)}  ${difference === undefined ? '' : describeDifference(difference)}`.trimEnd();
  lines.push(
    `BLEU  ${scores.signature}; with 95 % intervals, then the difference from the first, p by paired bootstrap`,
    row("by the list's own scores", scores.list),
    ...(model === undefined
      ? []
      : [
          row('by the model alone', scores.model),
          row('by both, even average', scores.even),
          row(`by both, the model's share ${weight.toFixed(4)}`, scores.rescored),
        ]),
    ...(scores.selected === undefined ? [] : [row(`selected by ${select}`, scores.selected)]),
    row('the best choice (oracle)', scores.oracle),
  );
  return lines;
}
