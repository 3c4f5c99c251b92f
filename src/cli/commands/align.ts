import { Command, Option } from 'commander';
import { alignText, type PairOfLines } from '../../alignment/align-text.js';
import { alignmentOptions, type Symmetrisation, symmetrisations } from '../../alignment/options.js';
import { pharaohLine } from '../../alignment/pharaoh.js';
import type { AlignmentSides } from '../../alignment/word-alignment.js';
import { mostWordsAligned, type WordSplit } from '../../alignment/words.js';
import { DecadeError } from '../../core/errors.js';
import { readPairs } from '../../data/sources.js';
import { nodeFiles } from '../../node/files/files.js';
import { requireDistinct } from '../../node/files/output-file.js';
import { wholeNumber } from '../arguments.js';
import { refuseIdle } from '../idle-options.js';
import { interruptible } from '../interruption.js';
import { openOutput, type Output, requireOutput } from '../output.js';
import { figure, StagedProgress } from '../progress.js';
import { linesOf } from '../text-input.js';
import { warn } from '../warning.js';

interface AlignArguments {
  source?: string;
  target?: string;
  input?: string;
  output?: string;
  lexicon?: string;
  symmetrise: Symmetrisation;
  direction: AlignmentSides;
  iterations?: number;
  split: WordSplit;
  lowercase?: boolean;
}

export function alignCommand(): Command {
  return new Command('align')
    .description('Align the words of a parallel corpus: `0-0 1-2` on a line for each pair, source and target positions from 0.')
    .option('--source <FILE>', 'one side of the corpus, one sentence per line; .gz too')
    .option('--target <FILE>', 'the other side, line by line')
    .option('-i, --input <FILE>', 'both sides in one file, `source ||| target` or with a tab between them (default: standard input)')
    .option('-o, --output <FILE>', 'where to write the alignments (default: standard output)')
    .option('--lexicon <FILE>', 'also write the most frequent translation of every word, for translate --replace-unknown')
    .addOption(new Option('--symmetrise <how>', 'how both directions are made one').choices(symmetrisations).default('grow-diag-final-and'))
    .addOption(
      new Option('--direction <which>', 'forward: each target word has one source word at most; reverse: each source word one target word')
        .choices(['forward', 'reverse', 'both'])
        .default('both'),
    )
    .addOption(
      new Option('--split <where>', 'words stand between spaces (tokenized text), or punctuation is split from them')
        .choices(['spaces', 'punctuation'])
        .default('spaces'),
    )
    .option('--lowercase', 'align words in lower case')
    .option('--iterations <number>', 'iterations of expectation maximisation (default: 5)', wholeNumber(1, 100))
    .addHelpText(
      'after',
      `
A line that holds no pair, or more than ${figure(mostWordsAligned)} words on a side, is reported, and its alignment is empty: lines stay parallel.

Examples:
  $ decade align --source train.tok.en --target train.tok.fr -o train.align
  $ decade align -i pairs.txt --symmetrise intersect --lexicon en-fr.tsv
  $ decade align --source train.en --target train.fr --split punctuation --lowercase --direction forward`,
    )
    .action((options: AlignArguments, command: Command) => {
      const { direction } = options;
      if (direction !== 'both') refuseIdle(command, ['symmetrise'], `with --direction ${direction}`, 'leave out one of them');
      return interruptible('stopping', (signal) => align(options, signal));
    });
}

async function align(options: AlignArguments, signal: AbortSignal): Promise<void> {
  const { symmetrise: symmetrisation, iterations, direction: sides, split, lowercase = false } = options;
  const bad = new BadLines();
  const pairs = pairsOf(options, bad);
  await requireOutput(options.lexicon);
  const files = [options.output, options.lexicon].filter((path) => path !== undefined);
  await requireDistinct(files.filter((path) => path !== '-'));
  const output = await openOutput(options.output);
  const lexicon = options.lexicon === undefined ? undefined : await openOutput(options.lexicon);
  const progress = new StagedProgress();
  const resolved = alignmentOptions.parse({ symmetrisation, ...(iterations !== undefined && { iterations }) });
  const corpus = options.input ?? (options.source === undefined ? 'standard input' : `${options.source} and ${options.target}`);
  const onTooLong = (pair: number, words: number) => {
    bad.add(`${corpus}: line ${pair + 1}`, `${figure(words)} words on a side, of at most ${figure(mostWordsAligned)}`);
  };
  try {
    const onProgress = (fraction: number) => progress.update({ label: 'aligning', fraction });
    const alignment = await alignText(
      counted(pairs, (read) => progress.update({ label: 'reading', figures: [`${figure(read)} pairs`] }), signal),
      { ...resolved, sides, split, lowercase, onTooLong },
      { signal, onProgress },
    );
    if (alignment.pairs === 0) {
      throw new DecadeError('input', { where: corpus, received: 'no lines', allowed: 'sentence pairs, some thousand to learn from' });
    }
    await writeInBlocks(output, alignment.links(), pharaohLine, signal);
    if (lexicon !== undefined) await writeInBlocks(lexicon, await alignment.lexicon({ signal }), (entry) => entry.join('\t'), signal);
    await output.close();
    await lexicon?.close();
  } finally {
    progress.end();
    await output.abandon();
    await lexicon?.abandon();
  }
  bad.report();
}

/** The corpus, from two files or from one. */
function pairsOf({ source, target, input }: AlignArguments, bad: BadLines): AsyncIterable<PairOfLines> {
  if (source !== undefined && target !== undefined && input === undefined) return pairsOfTwo(source, target, bad);
  if (source === undefined && target === undefined) return pairsOfOne(input, bad);
  const given = { source, target, input };
  throw new DecadeError('usage', {
    where: 'align',
    received: Object.entries(given)
      .flatMap(([name, value]) => (value === undefined ? [] : `--${name}`))
      .join(' and '),
    allowed: '--source FILE with --target FILE, or --input FILE with both sides',
  });
}

async function* pairsOfTwo(source: string, target: string, bad: BadLines): AsyncGenerator<PairOfLines> {
  for await (const pair of readPairs(nodeFiles, { source, target })) {
    if ('unusable' in pair) bad.add(`${source} and ${target}: line ${pair.line}`, 'bytes that are not valid UTF-8');
    yield 'unusable' in pair ? undefined : pair;
  }
}

async function* pairsOfOne(path: string | undefined, bad: BadLines): AsyncGenerator<PairOfLines> {
  for await (const { where, text } of linesOf(path)) {
    const sides = text?.split(text.includes('|||') ? '|||' : '\t') ?? [];
    const [source = '', target = ''] = sides;
    if (sides.length === 2) yield { source, target };
    else {
      bad.add(where, text === undefined ? 'bytes that are not valid UTF-8' : 'no source ||| target');
      yield undefined;
    }
  }
}

async function* counted<Item>(items: AsyncIterable<Item>, onRead: (read: number) => void, signal: AbortSignal): AsyncGenerator<Item> {
  let read = 0;
  for await (const item of items) {
    if (read++ % 1_000 === 0) {
      signal.throwIfAborted();
      onRead(read - 1);
    }
    yield item;
  }
}

const linesAtOnce = 1_000;

async function writeInBlocks<Item>(
  output: Output,
  items: Iterable<Item>,
  line: (item: Item) => string,
  signal: AbortSignal,
): Promise<void> {
  let block: string[] = [];
  const flush = async () => {
    signal.throwIfAborted();
    await output.write(block.map((text) => `${text}\n`).join(''));
    block = [];
  };
  for (const item of items) {
    block.push(line(item));
    if (block.length === linesAtOnce) await flush();
  }
  await flush();
}

const mostShown = 10;

/** Lines that hold no pair that can be aligned. */
class BadLines {
  readonly #shown: string[] = [];
  #count = 0;

  add(where: string, received: string): void {
    if (this.#count++ < mostShown) this.#shown.push(`${where}: ${received}`);
  }

  report(): void {
    for (const line of this.#shown) warn(new Error(`${line}; its alignment is empty`));
    if (this.#count > mostShown) warn(new Error(`and ${figure(this.#count - mostShown)} more such lines`));
  }
}
