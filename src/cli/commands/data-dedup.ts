import { Command, Option } from 'commander';
import { deduplicate, deduplicationOptions, type DeduplicateOptions } from '../../data/curation/deduplicate.js';
import { names, numberFrom, wholeNumber } from '../arguments.js';
import { type CorpusChoice, corpusOf, linesReadOnce, type VerdictChoice, withCorpusOptions, withVerdictOptions } from '../corpus-files.js';
import { refuseIdle } from '../idle-options.js';
import { interruptible } from '../interruption.js';
import { carryOutVerdicts } from '../verdicts.js';

interface DedupArguments extends CorpusChoice, VerdictChoice, Omit<DeduplicateOptions, 'signal' | 'similarity'> {
  near?: number;
}

export function dedupCommand(): Command {
  const { by, similarity } = deduplicationOptions.shape;
  const command = withCorpusOptions(new Command('dedup'))
    .description('Drop lines that are the same as an earlier one, or nearly so. The first of them stays; the order stays.')
    .addOption(new Option('--by <line,source,target>', `${by.description} (default: line)`).argParser(names))
    .addOption(new Option('--near <similarity>', similarity.description).argParser(numberFrom(0.3, 0.99)));
  return withVerdictOptions(withSimilarityOptions(command))
    .addHelpText(
      'after',
      `
For 10 million lines it takes 0.2 GB for each of --by (0.3 GB while growing), and with --near at most 2.3 GB more.

Examples:
  $ decade data dedup --source train.en --target train.fr -o unique.en unique.fr
  $ decade data dedup --tsv pairs.tsv.gz --by line,target --near 0.8 --dropped dropped.tsv > unique.tsv`,
    )
    .action((options: DedupArguments) => {
      if (options.near === undefined) refuseIdle(command, ngramNames, 'without --near', 'use --near 0.8 as well');
      return interruptible('stopping', (signal) => run(options, signal));
    });
}

/** Of the options below, those that only near duplicates need. */
export const ngramNames = ['unit', 'size'];

/** How texts are compared. */
export function withSimilarityOptions(command: Command): Command {
  const { form, unit, size } = deduplicationOptions.shape;
  return command
    .addOption(new Option('--form <form>', `${form.description} (default: normalised)`))
    .addOption(new Option('--unit <unit>', `${unit.description}: characters or words (default: characters)`))
    .addOption(new Option('--size <number>', `${size.description} (default: 5)`).argParser(wholeNumber(1, 20)));
}

async function run(options: DedupArguments, signal: AbortSignal): Promise<void> {
  const { by, near, form, unit, size } = options;
  const corpus = corpusOf('data dedup', options);
  await carryOutVerdicts(corpus, deduplicate(linesReadOnce(corpus), { by, similarity: near, form, unit, size, signal }), options);
}
