import { counted } from '../../core/counted.js';
import { stat } from 'node:fs/promises';
import { Command } from 'commander';
import { DecadeError } from '../../core/errors.js';
import type { Glossary } from '../../decoding/constraints/glossary.js';
import { formatTranslation } from '../../decoding/nbest.js';
import { type SourceLine, withTerms } from '../../decoding/source-line.js';
import type { TranslateOptions, TranslationProgress, TranslationResult } from '../../decoding/translator.js';
import type { Runtime } from '../../parallel/runtime.js';
import { type DeviceChoice, gathered, numberFrom, withDevicesOption, withGemmOption, wholeNumber } from '../arguments.js';
import { OutsideCriteria } from '../criteria.js';
import { Doubts } from '../doubts.js';
import { type GuidanceChoice, guidanceOf, parseJsonLine, readGlossary, withGuidanceOptions } from '../guidance.js';
import { typedOption } from '../idle-options.js';
import { interruptible } from '../interruption.js';
import { openModel } from '../model.js';
import { openOutput } from '../output.js';
import { amongRanks } from '../ranks.js';
import { type SamplingChoice, samplingOf, withSamplingOptions } from '../sampling.js';
import { figure, ProgressBar } from '../progress.js';
import { SelectionAccount, type SelectionChoice, selectionTerms, withSelectionOptions } from '../selection.js';
import { say } from '../terminal.js';
import { allLines, linesOf, requireNoneBroken } from '../text-input.js';
import { warn } from '../warning.js';

/** Search options common to all commands that translate. */
export interface SearchChoice {
  beam?: number;
  lengthPenalty?: number;
  maxLength?: number;
  forbidRepeats?: number;
  replaceUnknown?: string;
  maxSourceLength?: number;
}

/** A search for the best or samples, and how one of them is chosen. */
export interface DecodingChoice extends SearchChoice, SamplingChoice, SelectionChoice {
  nbest?: number;
  sample?: boolean;
}

interface TranslateArguments extends DeviceChoice, DecodingChoice, GuidanceChoice {
  model: string[];
  input?: string;
  output?: string;
  prefixes?: string;
}

export function withSearchOptions(command: Command): Command {
  return command
    .option('--beam <number>', 'beam size; 1 is greedy search (default: 5, or as the model says)', wholeNumber(1, 1000))
    .option(
      '--length-penalty <exponent>',
      'rank by log-probability / length^exponent; 0: by log-probability (default: 1, or as the model says)',
      numberFrom(0, 10),
    )
    .option(
      '--max-length <tokens>',
      'maximum length of a translation (default: 2 × source length + 10, or as the model says)',
      wholeNumber(1, 100_000),
    )
    .option('--forbid-repeats <tokens>', 'do not repeat an n-gram of this many tokens; 0: no limit', wholeNumber(0, 1000))
    .option(
      '--replace-unknown <attention|FILE>',
      'replace unknown words by the source word with most attention, or by its entry in a TSV dictionary',
    )
    .option('--max-source-length <tokens>', 'truncate longer lines, with a warning (default: 1000)', wholeNumber(1, 100_000));
}

export function translateCommand(): Command {
  const command = new Command('translate')
    .description('Translate text line by line. Lines typed at a terminal are translated at once.')
    .requiredOption(
      '-m, --model <RUN,...>',
      'run directory, packed model or its URL; several (separated by commas, or repeat -m) form an ensemble',
      gathered,
    )
    .option('-i, --input <FILE>', 'text to translate, .gz too (default: standard input)')
    .option('-o, --output <FILE>', 'where to write (default: standard output)');
  withSearchOptions(command)
    .option(
      '--nbest <number>',
      'print n-best lists: `line ||| text ||| feature= values ||| score`, lines numbered from 0',
      wholeNumber(1, 1000),
    )
    .option('--prefixes <FILE>', 'forced beginnings of the translations, one per line')
    .option('--sample', 'draw translations at random instead of searching for the best; with --samples as n-best lists');
  withGuidanceOptions(withSelectionOptions(withSamplingOptions(command)));
  return withGemmOption(withDevicesOption(command))
    .addHelpText(
      'after',
      `
Examples:
  $ decade translate -m runs/quickstart -i input.txt -o output.txt
  $ echo '3 weeks ago' | decade translate -m runs/quickstart --nbest 5
  $ echo '3 weeks ago' | decade translate -m runs/quickstart --sample --samples 5 --temperature 0.8 --seed 2
  $ decade translate -m runs/quickstart -i input.txt --sample --samples 64 --select mbr --utility chrf
  $ decade translate -m runs/quickstart -i input.txt --glossary terms.tsv --must-not 'so-called'
  $ decade translate -m runs/quickstart -i input.txt --beam 12 --nbest 12 --diverse-groups 4 --diversity 0.5
  $ decade translate -m runs/en-fr -i input.txt --beam 20 --select own,channel=0.5,lm=0.2 --channel runs/fr-en --lm runs/fr
  $ decade translate -m runs/en-fr -i input.txt --sample --samples 32 --select scorer --scorer ./quality
  $ mpirun -n 4 decade translate -m runs/en-fr -i input.txt -o output.txt`,
    )
    .action((options: TranslateArguments) => {
      requireOneKind(options, command);
      return amongRanks({ work: (runtime) => interruptible('stopping', (signal) => translate(runtime, options, signal)) });
    });
}

async function translate(runtime: Runtime, options: TranslateArguments, signal: AbortSignal): Promise<void> {
  const guidance = guidanceOf(options);
  const [beginnings, glossary] = [await beginningsOf(options), await readGlossary(options.glossary)];
  const output = await openOutput(options.output);
  const model = await openModel(options.model, options, signal, runtime);
  const typed = options.input === undefined && process.stdin.isTTY === true;
  if (typed) say('Type lines to translate; Ctrl-D ends.');
  const progress = new ProgressBar(!typed && !(options.output === undefined && process.stdout.isTTY === true));
  const doubts = new Doubts(progress);
  const account = new SelectionAccount(model.operationsPerToken);
  const asLists = (options.nbest ?? (options.select === undefined ? options.samples : undefined)) !== undefined;
  const broken: string[] = [];
  const unread: DecadeError[] = [];
  const outside = new OutsideCriteria(options);
  const started = performance.now();
  try {
    await outside.open(signal);
    const lines = sourceLines(options, { beginnings, glossary, broken, unread });
    const results = model.translateStream(lines, {
      ...(await decodingOptionsOf(options, outside)),
      ...guidance,
      signal,
      onProgress: ({ lines, targetTokens, search }) =>
        progress.update({
          label: 'translating',
          figures: [
            `${figure(lines)} lines`,
            `${figure((1000 * targetTokens) / (performance.now() - started))} tokens/s`,
            ...(search === undefined ? [] : [describeSearch(search)]),
          ],
        }),
    });
    for await (const result of results) {
      if (result.warning !== undefined) warn(result.warning, progress);
      if (result.unmet !== undefined && result.unmet.length > 0) {
        warn(
          new Error(`line ${result.line}: no translation was found that ${result.unmet.join(', and ')}; this is the best without`),
          progress,
        );
      }
      doubts.note(result);
      account.add(result.selection);
      await output.write(asLists ? nbestLines(result) : `${result.text}\n`);
      if (typed) doubts.tell();
    }
    doubts.end();
    await output.close();
    progress.end();
    if (account.line !== undefined) say(account.line);
  } finally {
    progress.end();
    await output.abandon();
    await outside.dispose();
    await model.dispose();
  }
  requireNoneBroken(broken, 'an empty line was written in its place');
  requireAllRead(unread);
  outside.finish();
}

/** For when the rest is done. */
function requireAllRead([first, ...others]: readonly DecadeError[]): void {
  if (first === undefined) return;
  const more = others.length === 0 ? '' : ` (and ${counted(others.length, 'more line')})`;
  throw new DecadeError('input', { ...first.parts, received: `${first.parts.received}${more}; an empty line was written in its place` });
}

/** What the library calls them. */
export async function decodingOptionsOf(options: DecodingChoice, outside: OutsideCriteria): Promise<TranslateOptions> {
  const { sample = false, nbest = 1 } = options;
  const select = selectionTerms(options, outside);
  return {
    ...(await searchOptions(sample ? { ...options, beam: undefined } : options)),
    ...(sample && { sample: samplingOf(options) }),
    ...((!sample || select !== undefined) && { nbest }),
    ...(select !== undefined && { select }),
  };
}

/** A search for the best or samples, and the options of only one of them. */
export function requireOneKind(options: DecodingChoice, command: Command): void {
  const { beam = 1_000, nbest = 1 } = options;
  const isSelected = selectionTerms(options) !== undefined;
  const given = (names: readonly string[]) => typedOption(command, names);
  const [ofBeam, ofSampling] = [given(isSelected ? ['beam'] : ['beam', 'nbest']), given(Object.keys(samplingOf(options)))];
  if (options.sample === true && ofBeam !== undefined) {
    const next = `leave out ${ofBeam}; --samples prints several translations per line`;
    throw new DecadeError('usage', { where: ofBeam, received: 'together with --sample', allowed: 'a beam search or sampling', next });
  }
  if (options.sample !== true && ofSampling !== undefined) {
    throw new DecadeError('usage', { where: ofSampling, received: 'without --sample', next: 'use --sample as well' });
  }
  if (options.sample === true || nbest <= beam) return;
  const received = `more translations per line than --beam ${beam}`;
  throw new DecadeError('usage', { where: `--nbest ${nbest}`, received, next: `use --beam ${nbest} as well` });
}

/** The prefixes of translations, one per line of the input if the lines can be counted in advance. */
async function beginningsOf({ input, prefixes }: TranslateArguments): Promise<readonly string[] | undefined> {
  if (prefixes === undefined) return undefined;
  const beginnings = await allLines(prefixes);
  if (input !== undefined && (await isRegularFile(input))) {
    let lines = 0;
    for await (const _line of linesOf(input)) lines++;
    requireBeginnings(prefixes, beginnings, input, lines);
  }
  return beginnings;
}

/** A pipe can be read only once. A missing file is reported when it is read. */
async function isRegularFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

function requireBeginnings(name: string, beginnings: readonly string[], input: string, lines: number): void {
  if (beginnings.length === lines) return;
  throw new DecadeError('input', {
    where: `${name} and ${input}`,
    received: `${counted(beginnings.length, 'prefix', 'prefixes')} for ${counted(lines, 'line')}`,
    allowed: 'equal numbers of lines',
    next: 'use an empty line for a translation without a prefix',
  });
}

interface LineSources {
  readonly beginnings: readonly string[] | undefined;
  readonly glossary: Glossary | undefined;
  /** Takes the places of lines that are not valid UTF-8. */
  readonly broken: string[];
  /** Takes what is wrong with lines that are no objects. */
  readonly unread: DecadeError[];
}

/** The lines of the input; a line that cannot be read is translated as an empty one, so the others keep their places. */
async function* sourceLines(
  { input, prefixes = '', jsonLines = false }: TranslateArguments,
  { beginnings, glossary, broken, unread }: LineSources,
): AsyncGenerator<SourceLine> {
  let index = 0;
  for await (const { where, text } of linesOf(input)) {
    if (text === undefined) broken.push(where);
    let line: SourceLine = text ?? '';
    if (jsonLines && text !== undefined) {
      try {
        line = parseJsonLine(text, where);
      } catch (error) {
        if (!(error instanceof DecadeError)) throw error;
        unread.push(error);
        line = '';
      }
    }
    const prefix = beginnings?.[index++];
    if (prefix !== undefined) line = typeof line === 'string' ? { text: line, prefix } : { ...line, prefix };
    yield withTerms(line, glossary);
  }
  if (beginnings !== undefined) requireBeginnings(prefixes, beginnings, input ?? 'standard input', index);
}

/** The progress within a slow batch. */
export function describeSearch({ sentences, tokens, maximumTokens, hypotheses }: NonNullable<TranslationProgress['search']>): string {
  const of = `${figure(sentences)} ${sentences === 1 ? 'sentence' : 'sentences'}`;
  return `${figure(hypotheses)} hypotheses of ${of} at token ${figure(tokens)} of at most ${figure(maximumTokens)}`;
}

/** What the library calls the options of the command line. */
export async function searchOptions(options: SearchChoice): Promise<TranslateOptions> {
  return {
    ...(options.beam !== undefined && { beam: options.beam }),
    ...(options.lengthPenalty !== undefined && { lengthPenalty: { alpha: options.lengthPenalty } }),
    ...(options.maxLength !== undefined && { maximumLength: options.maxLength }),
    ...(options.forbidRepeats !== undefined && { forbidRepeats: options.forbidRepeats }),
    ...(options.maxSourceLength !== undefined && { maximumSourceLength: options.maxSourceLength }),
    ...(options.replaceUnknown !== undefined && {
      unknownReplacement: options.replaceUnknown === 'attention' ? 'attention' : await dictionary(options.replaceUnknown),
    }),
  };
}

async function dictionary(path: string): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  for (const [index, line] of (await allLines(path)).entries()) {
    const [word, translation, ...rest] = line.split('\t');
    if (line === '') continue;
    if (word === undefined || translation === undefined || rest.length > 0) {
      throw new DecadeError('input', {
        where: `${path}: line ${index + 1}`,
        received: `${line.split('\t').length} columns`,
        allowed: 'a word, a tab and its translation',
      });
    }
    entries.set(word, translation);
  }
  return entries;
}

function nbestLines({ line, nbest }: TranslationResult): string {
  return nbest.map((translation) => `${formatTranslation(line - 1, translation)}\n`).join('');
}
