import { Command, Option } from 'commander';
import { counted } from '../../core/counted.js';
import { DecadeError } from '../../core/errors.js';
import { joinPath } from '../../core/files.js';
import { type CorpusFiles, pathsOfCorpus } from '../../data/curation/corpus-line.js';
import {
  type CorpusPart,
  corpusParts,
  type SplitGroups,
  splitLines,
  type SplitOptions,
  splitOptions,
} from '../../data/curation/split-lines.js';
import { nodeFiles } from '../../node/files/files.js';
import { requireDistinct } from '../../node/files/output-file.js';
import { numberFrom, wholeNumber } from '../arguments.js';
import { type CorpusChoice, CorpusOutput, corpusOf, linesReadAgain, withCorpusOptions, withDroppedOptions } from '../corpus-files.js';
import { refuseIdle } from '../idle-options.js';
import { interruptible } from '../interruption.js';
import { print, printJson } from '../output.js';
import { figure } from '../progress.js';
import { describeReport, LineProgress, openDropped, writeVerdicts } from '../verdicts.js';
import { ngramNames, withSimilarityOptions } from './data-dedup.js';

interface SplitArguments extends CorpusChoice, Pick<SplitOptions, 'dev' | 'test' | 'seed' | 'form' | 'unit' | 'size'> {
  out: string;
  near?: SplitOptions['similarity'];
  dropped?: string;
  json?: boolean;
}

export function splitCommand(): Command {
  const { dev, test, seed, similarity } = splitOptions.shape;
  const command = withCorpusOptions(new Command('split'))
    .description('Divide a corpus into train, dev and test so that no source or target, nor a near one, is in two of them.')
    .requiredOption('--out <DIR>', 'directory for the parts: train, dev and test, with the endings of the input')
    .addOption(new Option('--dev <size>', `${dev.description} (default: 1%)`).argParser(sizeOf))
    .addOption(new Option('--test <size>', `${test.description} (default: 1%)`).argParser(sizeOf))
    .addOption(new Option('--seed <number>', `${seed.description} (default: 1)`).argParser(wholeNumber(0, 0xffff_ffff)))
    .addOption(new Option('--near <similarity>', `${similarity.description} (default: 0.8)`).argParser(nearOf));
  return withDroppedOptions(withSimilarityOptions(command))
    .addHelpText(
      'after',
      `
The corpus is read three times: to find groups of lines that belong together, to collect the held-out ones, and to write. Lines of
train that are near to a held-out one although grouping has missed it are dropped (reason: leak).

Examples:
  $ decade data split --source clean.en --target clean.fr --dev 1000 --test 2000 --out split
  $ decade data split --text news.txt.gz --dev 1% --test 1% --near off --out split`,
    )
    .action((options: SplitArguments) => {
      if (options.near === 'off') refuseIdle(command, ngramNames, 'with --near off', 'leave out one of them');
      return interruptible('stopping', (signal) => run(options, signal));
    });
}

function sizeOf(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text;
}

function nearOf(text: string): number | 'off' {
  return text === 'off' ? text : numberFrom(0.3, 0.99)(text);
}

async function run(options: SplitArguments, signal: AbortSignal): Promise<void> {
  const { out, dev, test, seed, near, form, unit, size, json } = options;
  const corpus = corpusOf('data split', options);
  const lines = linesReadAgain(corpus, 'a split');
  const directory = new SplitDirectory(corpus, out);
  await directory.requireNew();
  if (options.dropped !== undefined) await requireDistinct([...Object.values(directory.paths).flat(), options.dropped]);
  const dropped = options.dropped === undefined ? undefined : await openDropped(options.dropped);
  const progress = new LineProgress();
  const counts: Record<CorpusPart, number> = { train: 0, dev: 0, test: 0 };
  let groups: SplitGroups | undefined;
  try {
    const verdicts = splitLines(lines, {
      ...{ dev, test, seed, similarity: near, form, unit, size, signal },
      onProgress: ({ stage, lines }) => progress.update(stage, lines),
      onGrouped: (found) => {
        groups = found;
      },
    });
    const report = await writeVerdicts(
      verdicts,
      async ({ part = 'train' }) => {
        progress.end();
        counts[part]++;
        return directory.part(part);
      },
      dropped,
    );
    await directory.close();
    await dropped?.close();
    if (json) await printJson({ ...report.toJSON(), parts: counts, groups, files: directory.paths });
    else await print([...describeSplit(counts, groups), describeReport(report)].join('\n'));
  } finally {
    progress.end();
    await directory.abandon();
    await dropped?.abandon();
  }
}

function describeSplit(counts: Readonly<Record<CorpusPart, number>>, groups: SplitGroups | undefined): string[] {
  const parts = corpusParts.map((part) => `${part} ${figure(counts[part])}`).join(', ');
  if (groups === undefined) return [parts];
  const { groups: number, largest, tooLarge } = groups;
  const large = tooLarge === 0 ? '' : `; ${counted(tooLarge, 'group')} too large for dev or test`;
  if (number === 0) return [parts];
  return [
    parts,
    `${counted(number, 'group')}, the largest of ${counted(largest.lines, 'line')} (with line ${figure(largest.firstLine)})${large}`,
  ];
}

/** The files of the parts, which are made when the first line of any comes. */
class SplitDirectory {
  readonly paths: Readonly<Record<CorpusPart, readonly string[]>>;
  readonly #corpus: CorpusFiles;
  readonly #directory: string;
  #outputs: Readonly<Record<CorpusPart, CorpusOutput>> | undefined;
  #isMade = false;

  constructor(corpus: CorpusFiles, directory: string) {
    this.#corpus = corpus;
    this.#directory = directory;
    const endings = endingsOf(corpus);
    const pathsOf = (part: CorpusPart) => endings.map((ending) => joinPath(directory, `${part}${ending}`));
    this.paths = { train: pathsOf('train'), dev: pathsOf('dev'), test: pathsOf('test') };
  }

  /** Names that nobody asked for by themselves replace nothing. */
  async requireNew(): Promise<void> {
    if ((await nodeFiles.kind(this.#directory)) === 'file') {
      throw new DecadeError('usage', { where: '--out', received: `${this.#directory}, a file`, allowed: 'a directory' });
    }
    for (const path of Object.values(this.paths).flat()) {
      if ((await nodeFiles.kind(path)) === 'missing') continue;
      throw new DecadeError('usage', {
        where: path,
        received: 'a file that exists',
        allowed: 'a new file',
        next: 'remove it, or choose another directory with --out',
      });
    }
  }

  async part(part: CorpusPart): Promise<CorpusOutput> {
    this.#outputs ??= await this.#open();
    return this.#outputs[part];
  }

  async close(): Promise<void> {
    this.#outputs ??= await this.#open();
    for (const part of corpusParts) await this.#outputs[part].close();
  }

  async abandon(): Promise<void> {
    for (const part of corpusParts) await this.#outputs?.[part].abandon();
    if (this.#isMade) await nodeFiles.removeIfEmpty(this.#directory);
  }

  async #open(): Promise<Readonly<Record<CorpusPart, CorpusOutput>>> {
    if ((await nodeFiles.kind(this.#directory)) === 'missing') {
      await nodeFiles.makeDirectory(this.#directory);
      this.#isMade = true;
    }
    const open = (part: CorpusPart) => CorpusOutput.open(this.#corpus, this.paths[part]);
    return { train: await open('train'), dev: await open('dev'), test: await open('test') };
  }
}

/** What names of the parts end in: as the input's, with the side where both end in the same. */
function endingsOf(corpus: CorpusFiles): string[] {
  const endings = pathsOfCorpus(corpus).map((path) => /(\.[^./\\]+(?:\.gz)?)$/i.exec(path)?.[1] ?? '');
  const [source, target] = endings;
  return source === target && endings.length > 1 ? [`.source${source}`, `.target${target}`] : endings;
}
