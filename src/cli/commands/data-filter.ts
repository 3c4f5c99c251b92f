import { Command, Option } from 'commander';
import { counted } from '../../core/counted.js';
import { DecadeError } from '../../core/errors.js';
import { alignmentScore } from '../../data/curation/alignment-score.js';
import { type CorpusLines, corpusLines } from '../../data/curation/corpus-line.js';
import { crossEntropyDifference } from '../../data/curation/cross-entropy.js';
import { type FilterBound, filterRules, type RuleName, ruleNames } from '../../data/curation/filter-rules.js';
import {
  type BoundOfShare,
  filterLines,
  type FilterLinesOptions,
  lineFilterOptions,
  type LineScorer,
} from '../../data/curation/filter-lines.js';
import { shareOf } from '../../data/curation/share-of-lines.js';
import type { LoadedModel } from '../../loaded-model.js';
import { nodeFiles } from '../../node/files/files.js';
import { type DeviceChoice, names, wholeNumber, withDevicesOption, withGemmOption } from '../arguments.js';
import {
  type CorpusChoice,
  corpusOf,
  linesReadAgain,
  linesReadOnce,
  type VerdictChoice,
  withCorpusOptions,
  withVerdictOptions,
} from '../corpus-files.js';
import { interruptible } from '../interruption.js';
import { openModel } from '../model.js';
import { figure, StagedProgress } from '../progress.js';
import { carryOutVerdicts, LineProgress } from '../verdicts.js';

interface FilterArguments extends CorpusChoice, VerdictChoice, DeviceChoice, Partial<Record<RuleName, FilterBound>> {
  languages?: string[];
  scoreColumn?: number;
  domainModel?: string;
  generalModel?: string;
  side?: 'source' | 'target';
  alignmentCorpus?: string[];
}

export function filterCommand(): Command {
  const { languages, scoreColumn } = lineFilterOptions.shape;
  const command = withCorpusOptions(new Command('filter'))
    .description('Drop lines by rules, each with a bound that can be changed or switched off. Counts by reason, with a sample of each.')
    .addOption(new Option('--languages <codes>', languages.description).argParser(names))
    .addOption(new Option('--score-column <number>', scoreColumn.description).argParser(wholeNumber(1)))
    .option('--domain-model <RUN>', 'a language model of the domain, for the rule --domain: a network or n-grams')
    .option('--general-model <RUN>', 'a language model of general text')
    .addOption(new Option('--side <side>', 'which side they read (default: source)').choices(['source', 'target']))
    .addOption(
      new Option(
        '--alignment-corpus <FILE,FILE>',
        'source and target to learn from which words translate which, for the rule --alignment (default: the corpus itself)',
      ).argParser(names),
    );
  for (const name of ruleNames) {
    const { usual, description } = filterRules[name];
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} <bound>`;
    command.addOption(new Option(flag, `${description} (default: ${usual ?? 'off'})`).argParser(boundOf));
  }
  return withGemmOption(withDevicesOption(withVerdictOptions(command)))
    .addHelpText(
      'after',
      `
A bound is a number, a share such as 10% (the worst tenth of the lines is dropped; the corpus is read twice), or off.
Of lines with the same figure all or none are dropped, and never more than the share: what it came to is reported.
--alignment reads the corpus once more, to align its words. A default of it and of --domain counts once their other options are given.

Examples:
  $ decade data filter --source train.en --target train.fr --languages en,fr -o clean.en clean.fr --dropped dropped.tsv
  $ decade data filter --tsv crawl.tsv.gz --columns 3,4 --score-column 5 --score 25% --punctuation off -o clean.tsv.gz
  $ decade data filter --source clean.en --target clean.fr --alignment 0.5 -o aligned.en aligned.fr
  $ decade data filter --text news.txt --domain-model runs/medical --general-model runs/news --domain 20% -o medical.txt`,
    )
    .action((options: FilterArguments) => interruptible('stopping', (signal) => run(options, signal)));
}

/** A number as such; anything else is text, which the library checks. */
function boundOf(text: string): number | string {
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
}

async function run(options: FilterArguments, signal: AbortSignal): Promise<void> {
  const { languages, scoreColumn } = options;
  const corpus = corpusOf('data filter', options);
  const given = Object.fromEntries(ruleNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
  const isRanked = Object.values(given).some((bound) => shareOf(bound) !== undefined);
  const isAligned = options.alignment === undefined ? options.alignmentCorpus !== undefined : options.alignment !== 'off';
  const learnsFromItself = isAligned && options.alignmentCorpus === undefined;
  const readAgain = learnsFromItself ? 'a word alignment of its own' : isRanked ? 'a bound that is a share of the lines' : undefined;
  const lines = readAgain === undefined ? linesReadOnce(corpus) : linesReadAgain(corpus, readAgain);
  const models: LoadedModel[] = [];
  const progress = new LineProgress();
  const aligning = new StagedProgress();
  let bounds: readonly BoundOfShare[] = [];
  try {
    const request: FilterLinesOptions = {
      ...given,
      languages,
      scoreColumn,
      scorers: {
        domain: await domainScorer(options, models, signal),
        alignment: isAligned ? alignmentScorer(options, lines, aligning) : undefined,
      },
      signal,
      onProgress: ({ measured }) => progress.update('measuring', measured),
      onBounds: (found) => {
        bounds = found;
      },
    };
    const findings = () => ({ fields: bounds.length === 0 ? {} : { bounds }, lines: bounds.map(describeBound) });
    await carryOutVerdicts(corpus, filterLines(lines, request), options, findings);
  } finally {
    progress.end();
    aligning.end();
    for (const model of models) await model.dispose();
  }
}

/** `alignment 5%: less than 0.31, 12 of 1,000 lines; 38 fewer than the share, as 61 lines have this figure and stay together`. */
function describeBound({ rule, share, lines, asked, bound, worse, equal }: BoundOfShare): string {
  if (bound === undefined) return `${rule} ${share}: no line has its figure`;
  const than = filterRules[rule].keeps === 'most' ? 'more' : 'less';
  const fewer =
    worse === asked ? '' : `; ${figure(asked - worse)} fewer than the share, as ${figure(equal)} have this very figure and stay together`;
  return `${rule} ${share}: ${than} than ${Number(bound.toPrecision(4))}, ${figure(worse)} of ${counted(lines, 'line')}${fewer}`;
}

async function domainScorer({ domainModel, generalModel, side, ...options }: FilterArguments, opened: LoadedModel[], signal: AbortSignal) {
  if (domainModel === undefined && generalModel === undefined) {
    const idle = side !== undefined ? '--side' : options.domain !== undefined && options.domain !== 'off' ? '--domain' : undefined;
    if (idle === undefined) return undefined;
    throw new DecadeError('usage', { where: idle, received: 'without models', next: 'use --domain-model and --general-model as well' });
  }
  if (domainModel === undefined || generalModel === undefined) {
    throw new DecadeError('usage', {
      where: 'data filter',
      received: domainModel === undefined ? '--general-model alone' : '--domain-model alone',
      allowed: 'both or neither',
    });
  }
  for (const run of [domainModel, generalModel]) opened.push(await openModel([run], options, signal));
  const [domain, general] = opened;
  return domain && general && crossEntropyDifference(domain, general, side);
}

/** Learns from another corpus, or from the one that is filtered. */
function alignmentScorer({ alignmentCorpus }: FilterArguments, lines: CorpusLines, progress: StagedProgress): LineScorer {
  const onProgress = ({ read, estimated }: { readonly read: number; readonly estimated: number }) =>
    progress.update({ label: 'aligning words', ...(estimated > 0 && { fraction: estimated }), figures: [counted(read, 'line')] });
  if (alignmentCorpus === undefined) return alignmentScore(lines, { onProgress });
  const [source, target, ...more] = alignmentCorpus;
  if (source === undefined || target === undefined || more.length > 0) {
    throw new DecadeError('usage', {
      where: '--alignment-corpus',
      received: alignmentCorpus.join(','),
      allowed: 'two files, SOURCE,TARGET',
      next: 'leave it out to learn from the corpus itself',
    });
  }
  return alignmentScore(corpusLines(nodeFiles, { source, target }), { isForOthers: true, onProgress });
}
