import { Command, InvalidArgumentError } from 'commander';
import { RescoringJudgement, type RescoringScores, tuneWeight } from '../../analysis/rescoring/judgement.js';
import {
  modelWeight,
  type RescoredSentence,
  type RescoringOptionsInput,
  ranked,
  rescore,
  rescoringOptions,
  type SourceSentence,
} from '../../analysis/rescoring/rescoring.js';
import type { TunedWeight } from '../../analysis/rescoring/weight-search.js';
import type { LoadedModel } from '../../api.js';
import { DecadeError } from '../../core/errors.js';
import { formatNbestLine, nbestGroups } from '../../decoding/nbest.js';
import { type DeviceChoice, gathered, names, numberFrom, wholeNumber, withDevicesOption, withGemmOption } from '../arguments.js';
import { interruptible } from '../interruption.js';
import { openModel } from '../model.js';
import { openOutput, printJson } from '../output.js';
import { figure, Progress } from '../progress.js';
import { brokenLine, linesOf } from '../text-input.js';
import { warn } from '../warning.js';

interface Options extends DeviceChoice {
  model: string[];
  source: string;
  input?: string;
  output?: string;
  weight?: number;
  tune?: string;
  tuneSource?: string;
  tuneReferences?: string[];
  references?: string[];
  own: string;
  lengthPenalty: number;
  nbest?: number;
  json?: boolean;
}

export function rescoreCommand(): Command {
  const command = new Command('rescore')
    .description(
      "Choose anew from the n-best list of any system, by a model's log-probabilities and the list's own scores. A list has lines `line ||| text ||| feature= values ||| score`, lines numbered from 0. A line that cannot be read is left out and told; the command then exits with 1.",
    )
    .requiredOption('-m, --model <RUN,...>', 'run directory; several, separated by commas, average their probabilities', names)
    .requiredOption('--source <FILE>', 'the text that was translated, a line each')
    .option('-i, --input <FILE>', 'n-best list, .gz too (default: standard input)')
    .option('-o, --output <FILE>', 'where to write (default: standard output)')
    .option(
      '--weight <number>',
      "the model's share of the combined score: 0.5 is the even average, 1 the model alone (default: 0.5)",
      weight,
    )
    .option('--tune <FILE>', 'instead: the weight that is best for this other n-best list, found exactly')
    .option('--tune-source <FILE>', 'the text that the list of --tune translates')
    .option('--tune-references <FILE...>', 'what its translations should be', gathered)
    .option('--references <FILE...>', 'what the translations should be: tells BLEU before, after, and of the best choice', gathered)
    .option('--own <name>', "which of the list's figures counts: `score`, or a feature such as logProbability", 'score')
    .option('--length-penalty <exponent>', "divide the model's log-probability by length^exponent", numberFrom(0), 0)
    .option('--nbest <number>', 'print so many of each line, as an n-best list with a feature for the model', wholeNumber(1))
    .option('--json', 'print one JSON object with the scores in place of the text (needs --references; text with -o)');
  return withGemmOption(withDevicesOption(command))
    .addHelpText(
      'after',
      `
Examples:
  $ decade rescore -m runs/b,runs/c --source test.en -i test.nbest --references test.fr -o test.out
  $ decade translate -m runs/a -i test.en --beam 12 --nbest 12 | decade rescore -m runs/b --source test.en
  $ decade rescore -m runs/b --source test.en -i test.nbest --tune dev.nbest --tune-source dev.en --tune-references dev.fr`,
    )
    .action((options: Options) => interruptible('stopping', (signal) => run(options, signal)));
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  requireSensible(options);
  const model = await openModel(options.model, options);
  const progress = new Progress(!(options.output === undefined && process.stdout.isTTY === true));
  try {
    const call: Call = { model, options, progress, signal, leftOut: { lines: 0, names: new Set() } };
    const tuned = options.tune === undefined ? undefined : await tune(call, options.tune);
    const weight = tuned?.weight ?? options.weight ?? 0.5;
    const scores = await rewrite(call, weight);
    progress.end();
    if (options.json) await printJson({ weight, ...(tuned && { tuned }), ...scores });
    else for (const line of describe(weight, tuned, scores)) process.stderr.write(`${line}\n`);
    requireAllRead(call.leftOut);
  } finally {
    progress.end();
    await model.dispose();
  }
}

/** After all that could be read was rescored. */
function requireAllRead({ lines, names }: LeftOut): void {
  if (lines === 0) return;
  throw new DecadeError('input', {
    where: [...names].join(', '),
    received: `${figure(lines)} ${lines === 1 ? 'line' : 'lines'} that could not be read; the others were rescored`,
    allowed: 'lines `line ||| text ||| feature= values ||| score`',
    next: 'see the warnings above',
  });
}

interface Call {
  readonly model: LoadedModel;
  readonly options: Options;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly leftOut: LeftOut;
}

/** Lines of n-best lists that could not be read. */
interface LeftOut {
  lines: number;
  readonly names: Set<string>;
}

async function tune(call: Call, list: string): Promise<TunedWeight> {
  const { tuneSource = '', tuneReferences = [] } = call.options;
  const tuned = await tuneWeight(sentences(call, 'tuning', list, tuneSource, tuneReferences));
  if (tuned === undefined) throw new DecadeError('input', { where: tuneSource, received: 'no line', allowed: 'the text to tune on' });
  return tuned;
}

/** Writes the choice, a line for each line of the source text; gives the scores when there are references. */
async function rewrite(call: Call, weight: number): Promise<RescoringScores | undefined> {
  const { input, source, output: path, references, nbest, json } = call.options;
  const judgement = references === undefined ? undefined : new RescoringJudgement(weight);
  const output = json && path === undefined ? undefined : await openOutput(path);
  let empty = 0;
  try {
    for await (const sentence of sentences(call, 'rescoring', input, source, references ?? [])) {
      const order = ranked(sentence.hypotheses, weight);
      if (order.length === 0) empty++;
      judgement?.add(sentence);
      if (nbest === undefined) await output?.write(`${order[0]?.hypothesis.hypothesis.text ?? ''}\n`);
      else {
        for (const { hypothesis: rescored, score } of order.slice(0, nbest)) {
          const { hypothesis, model } = rescored;
          const features = `${hypothesis.features} model= ${model.toFixed(6)}`.trim();
          await output?.write(`${formatNbestLine(sentence.sentence, { ...hypothesis, features, score })}\n`);
        }
      }
    }
  } finally {
    await output?.close();
  }
  if (empty > 0) warn(new Error(`the list has nothing for ${figure(empty)} lines of ${source}; they are empty`), call.progress);
  return judgement?.scores();
}

/** So many bad lines are told one by one. */
const badLinesTold = 10;

async function* sentences(
  { model, options, progress, signal, leftOut }: Call,
  label: string,
  list: string | undefined,
  source: string,
  references: readonly string[],
): AsyncGenerator<RescoredSentence> {
  const name = list ?? 'standard input';
  let bad = 0;
  const groups = nbestGroups(textOf(list), name, (error) => {
    leftOut.lines++;
    leftOut.names.add(name);
    if (++bad <= badLinesTold) warn(new Error(`${error.message}; the line is left out`), progress);
  });
  const rescoring: RescoringOptionsInput = rescoringOptions.parse({ own: options.own, lengthPenalty: options.lengthPenalty });
  const score = (pairs: Parameters<LoadedModel['score']>[0], control: Parameters<LoadedModel['score']>[1]) => model.score(pairs, control);
  let [lines, hypotheses] = [0, 0];
  for await (const sentence of rescore(groups, parallelLines(source, references), score, { ...rescoring, name, signal })) {
    yield sentence;
    hypotheses += sentence.hypotheses.length;
    progress.update({ label, figures: [`${figure(++lines)} lines`, `${figure(hypotheses)} hypotheses`] });
  }
  if (bad > badLinesTold) warn(new Error(`${name}: ${figure(bad - badLinesTold)} more lines were left out`), progress);
}

async function* textOf(path: string | undefined): AsyncGenerator<string | undefined> {
  for await (const { text } of linesOf(path)) yield text;
}

/** The lines of the source text, each with its references. Throws `input` for files that are not parallel. */
async function* parallelLines(source: string, references: readonly string[]): AsyncGenerator<SourceSentence> {
  const paths = [source, ...references];
  const readers = paths.map((path) => linesOf(path));
  try {
    for (let line = 1; ; line++) {
      const next = await Promise.all(readers.map((reader) => reader.next()));
      const ended = next.findIndex(({ done }) => done === true);
      if (ended >= 0) {
        const longer = next.findIndex(({ done }) => done !== true);
        if (longer < 0) return;
        throw new DecadeError('input', {
          where: `${paths[ended]} and ${paths[longer]}`,
          received: `${line - 1} lines in the first, more in the second`,
          allowed: 'as many lines in both',
          next: 'find where a line is missing or split: the files must be parallel line by line',
        });
      }
      const [first, ...others] = next.map(({ value }) => {
        const { where, text } = value as { where: string; text: string | undefined };
        if (text === undefined) throw brokenLine(where);
        return text;
      });
      yield { source: first ?? '', references: others };
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.return(undefined)));
  }
}

function requireSensible({ weight, tune, tuneSource, tuneReferences, references, json }: Options): void {
  const wrong = (received: string, allowed: string) => new DecadeError('usage', { where: 'rescore', received, allowed });
  if (tune !== undefined && weight !== undefined) throw wrong('--weight and --tune', 'one of them');
  const tuning = [tune, tuneSource, tuneReferences].filter((option) => option !== undefined).length;
  if (tuning > 0 && tuning < 3) throw wrong('some of the options for tuning', '--tune, --tune-source and --tune-references together');
  if (json && references === undefined) throw wrong('--json without --references', 'both: the scores are what it prints');
}

function weight(text: string): number {
  const parsed = modelWeight.safeParse(text.trim() === '' ? Number.NaN : Number(text));
  if (!parsed.success) throw new InvalidArgumentError('expected a number from 0 to 1');
  return parsed.data;
}

function describe(weight: number, tuned: TunedWeight | undefined, scores: RescoringScores | undefined): string[] {
  const lines: string[] = [];
  if (tuned !== undefined) {
    const { from, to, score } = tuned;
    lines.push(
      `weight ${weight.toFixed(4)}, the best of all: BLEU ${score.toFixed(2)} on the tuning list from ${from.toFixed(4)} to ${to.toFixed(4)}`,
    );
  }
  if (scores === undefined) return lines;
  const row = (name: string, score: number) => `${name.padEnd(36)} ${score.toFixed(2).padStart(6)}`;
  lines.push(
    `BLEU  ${scores.signature}`,
    row("by the list's own scores", scores.list),
    row('by the model alone', scores.model),
    row('by both, evenly averaged', scores.even),
    row(`by both, the model's share ${weight.toFixed(4)}`, scores.rescored),
    row('the best choice (oracle)', scores.oracle),
  );
  return lines;
}
