import { type Command, InvalidArgumentError } from 'commander';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { type CorpusFiles, type CorpusLine, corpusLines, pathsOfCorpus } from '../data/curation/corpus-line.js';
import type { Verdict } from '../data/curation/verdict.js';
import { nodeFiles } from '../node/files/files.js';
import { gathered } from './arguments.js';
import { type Output, openOutput } from './output.js';
import { inputNamed, inputsReadOnce } from './text-input.js';

/** Which corpus a command reads. */
export interface CorpusChoice {
  source?: string;
  target?: string;
  tsv?: string;
  columns?: number[];
  text?: string;
}

export function withCorpusOptions(command: Command): Command {
  return command
    .option('--source <FILE>', 'parallel text: one file, line by line')
    .option('--target <FILE>', 'the translations, line by line')
    .option('--tsv <FILE>', 'instead: one file with a tab between source and target')
    .option('--columns <numbers>', 'with --tsv: which columns have the text, such as 3,4; the others go with it (default: 1,2)', numbers)
    .option('--text <FILE>', 'instead: text in one language, line by line');
}

function numbers(text: string): number[] {
  const list = text.split(',').map(Number);
  if (list.some((number) => !Number.isInteger(number) || number < 1)) throw new InvalidArgumentError('expected whole numbers from 1 on');
  return list;
}

/** The corpus of the options. Throws `usage` unless exactly one is named. */
export function corpusOf(command: string, { source, target, tsv, columns, text }: CorpusChoice): CorpusFiles {
  const isPair = source !== undefined && target !== undefined;
  const isHalf = (source !== undefined) !== (target !== undefined);
  const given = [isPair, tsv !== undefined, text !== undefined].filter(Boolean).length;
  if (given === 1 && !isHalf && (columns === undefined || tsv !== undefined)) {
    if (isPair) return { source: inputNamed(source), target: inputNamed(target) };
    return tsv !== undefined ? { tsv: inputNamed(tsv), columns } : { text: inputNamed(text ?? '') };
  }
  const names = Object.entries({ source, target, tsv, columns, text }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`],
  );
  throw new DecadeError('usage', {
    where: command,
    received: names.join(' and ') || 'no corpus',
    allowed: '--source FILE with --target FILE, or --tsv FILE (with --columns), or --text FILE; - is standard input',
  });
}

/** The lines of a corpus for a command that reads them once, from pipes too. */
export function linesReadOnce(corpus: CorpusFiles): AsyncIterable<CorpusLine> {
  return corpusLines(inputsReadOnce, corpus);
}

/** The lines of a corpus for a command that reads them several times. Throws `usage` for standard input. */
export function linesReadAgain(corpus: CorpusFiles, why: string): AsyncIterable<CorpusLine> {
  const again: Pick<Files, 'stream'> = nodeFiles;
  for (const path of pathsOfCorpus(corpus)) {
    if (path !== inputNamed('-')) continue;
    throw new DecadeError('usage', {
      where: path,
      received: `an input that can be read once, for ${why}`,
      allowed: 'a file',
      next: 'write it to a file first',
    });
  }
  return corpusLines(again, corpus);
}

/** The options for what becomes of lines. */
export interface VerdictChoice {
  output?: string[];
  dropped?: string;
  json?: boolean;
}

export function withVerdictOptions(command: Command): Command {
  return withDroppedOptions(
    command.option(
      '-o, --output <FILE...>',
      'where to write what is kept, in the form of the input: two files for --source and --target, otherwise one (default: standard output)',
      gathered,
    ),
  );
}

export function withDroppedOptions(command: Command): Command {
  return command
    .option('--dropped <FILE>', 'where to write dropped lines: number, reason, what was found and the text, with tabs between them')
    .option('--json', 'print the report as one JSON object');
}

const bufferedCharacters = 1 << 16;

/** Writes the lines of a corpus in the form in which they were read. Files appear, complete, when it is closed, or not at all. */
export class CorpusOutput {
  readonly #sides: { readonly output: Output; text: string }[];

  private constructor(outputs: readonly Output[]) {
    this.#sides = outputs.map((output) => ({ output, text: '' }));
  }

  /** @throws DecadeError `usage` for another number of files than the form of the corpus has; at once for files that cannot be written */
  static async open(corpus: CorpusFiles, paths: readonly string[] | undefined): Promise<CorpusOutput> {
    const isParallel = 'source' in corpus;
    const isStandardOutput = paths === undefined || (paths.length === 1 && paths[0] === '-');
    if (isParallel ? paths?.length !== 2 || paths.includes('-') : paths !== undefined && paths.length !== 1) {
      throw new DecadeError('usage', {
        where: '--output',
        received: paths?.join(' ') ?? 'nothing',
        allowed: isParallel ? 'two files, for the source and for the target' : 'one file',
        ...(isParallel && { next: 'name both, or give the corpus as --tsv to write to standard output' }),
      });
    }
    const outputs: Output[] = [];
    for (const path of isStandardOutput ? [undefined] : paths) outputs.push(await openOutput(path));
    return new CorpusOutput(outputs);
  }

  async write({ sides, columns }: CorpusLine): Promise<void> {
    const texts = this.#sides.length > 1 ? sides : [columns?.join('\t') ?? sides[0] ?? ''];
    for (const [index, side] of this.#sides.entries()) {
      side.text += `${texts[index] ?? ''}\n`;
      if (side.text.length > bufferedCharacters) await this.#flush(side);
    }
  }

  async close(): Promise<void> {
    for (const side of this.#sides) await this.#flush(side);
    for (const { output } of this.#sides) await output.close();
  }

  /** Must always be called; without `close` before it nothing of what was written to files stays. */
  async abandon(): Promise<void> {
    for (const { output } of this.#sides) await output.abandon(false);
  }

  async #flush(side: { readonly output: Output; text: string }): Promise<void> {
    const { text } = side;
    side.text = '';
    if (text !== '') await side.output.write(text);
  }
}

/** A dropped line as a row of `--dropped`. */
export function droppedRow({ line, dropped }: Verdict): CorpusLine {
  const texts = line.columns ?? line.sides.map((side) => side.replaceAll('\t', ' '));
  return { number: line.number, sides: [], columns: [String(line.number), dropped?.reason ?? '', dropped?.detail ?? '', ...texts] };
}
