import { Command } from 'commander';
import { counted } from '../../core/counted.js';
import { commandLine } from '../../core/shell.js';
import { describeCorpus, type CorpusFiles } from '../../data/curation/corpus-line.js';
import {
  type CorpusCensus,
  corpusStatistics,
  type CountedValue,
  type SideStatistics,
  statisticsOptions,
} from '../../data/curation/statistics.js';
import { wholeNumber } from '../arguments.js';
import { type CorpusChoice, corpusOf, linesReadOnce, withCorpusOptions } from '../corpus-files.js';
import { interruptible } from '../interruption.js';
import { pagePath, print, printJson, writeWhole } from '../output.js';
import { figure } from '../progress.js';
import { LineProgress } from '../verdicts.js';

interface StatsArguments extends CorpusChoice {
  languageSample?: number;
  longest?: number;
  form?: 'verbatim' | 'normalised' | 'letters';
  out?: string;
  json?: boolean;
}

const defaultPage = 'corpus.html';

export function statsCommand(): Command {
  const { form, languageSample, longest } = statisticsOptions.shape;
  return withCorpusOptions(new Command('stats'))
    .description('Say what is in a corpus: lines, words, duplicates, lengths and ratios, scripts, languages; and draw it on a page.')
    .option('--form <form>', `${form.description} (default: normalised)`)
    .option('--language-sample <lines>', `${languageSample.description} (default: 5000)`, wholeNumber(0, 1_000_000))
    .option('--longest <lines>', `${longest.description} (default: 10)`, wholeNumber(0, 1_000))
    .option('--out <FILE>', `page to write (default: ${defaultPage})`)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
For 10 million pairs of different lines it takes 0.6 GB (0.7 GB while growing), for 10 million lines of text a third.

Example:
  $ decade data stats --source train.en.gz --target train.fr.gz --out train.html`,
    )
    .action((options: StatsArguments) => interruptible('stopping', (signal) => run(options, signal)));
}

async function run(options: StatsArguments, signal: AbortSignal): Promise<void> {
  const { languageSample, longest, form, json } = options;
  const corpus: CorpusFiles = corpusOf('data stats', options);
  const out = await pagePath(options.out, defaultPage);
  const progress = new LineProgress();
  try {
    const statistics = await corpusStatistics(linesReadOnce(corpus), {
      ...{ languageSample, longest, form, signal },
      onProgress: ({ lines }) => progress.update('reading', lines),
    });
    progress.end();
    const { corpusPage } = await import('../../analysis/report/corpus-page.js');
    const command = commandLine(['decade', ...process.argv.slice(2)]);
    await writeWhole(out, await corpusPage(describeCorpus(corpus), statistics, command));
    if (json) await printJson({ ...statistics, page: out });
    else await print(`${describe(statistics).join('\n')}\n${out}`);
  } finally {
    progress.end();
  }
}

function describe({ lines, unusable, sides, pairs, languageSample }: CorpusCensus): string[] {
  return [
    counted(lines, pairs === undefined ? 'line' : 'pair'),
    ...Object.entries(unusable).map(
      ([reason, { count, firstLine }]) => `unusable: ${figure(count)} (${reason}), the first is line ${figure(firstLine)}`,
    ),
    ...(pairs === undefined
      ? []
      : [`the same as an earlier pair: ${figure(pairs.duplicates)}; the same on both sides: ${figure(pairs.same)}`]),
    ...sides.flatMap((side) => describeSide(side, languageSample)),
  ];
}

function describeSide(
  { name, words, characters, empty, duplicates, wordsPerLine, scripts, languages, longest }: SideStatistics,
  sample: number,
) {
  const shares = (items: readonly { readonly name: string; readonly share: number }[]) =>
    items
      .slice(0, 5)
      .map(({ name, share }) => `${name} ${(100 * share).toFixed(1)} %`)
      .join(', ');
  return [
    `${name}: ${counted(words, 'word')}, ${counted(characters, 'character')}, ${figure(empty)} empty, ${figure(duplicates)} the same as an earlier one`,
    `  words per line: half have at most ${quantile(wordsPerLine, 0.5)}, 99 % at most ${quantile(wordsPerLine, 0.99)}`,
    `  scripts: ${shares(scripts.map((script) => ({ name: script.name, share: script.characters / characters })))}`,
    ...(sample === 0
      ? []
      : [`  languages: ${shares(languages.map(({ language, lines }) => ({ name: language, share: lines / sample })))}`]),
    ...(longest[0] === undefined ? [] : [`  longest: line ${figure(longest[0].line)} (${counted(longest[0].characters, 'character')})`]),
  ];
}

function quantile(counted: readonly CountedValue[], share: number): number {
  const all = counted.reduce((sum, { count }) => sum + count, 0);
  let below = 0;
  const found = counted.find(({ count }) => {
    below += count;
    return below >= share * all;
  });
  return found?.value ?? 0;
}
