import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { type DigitTask, digitPairs } from './generators/digits.js';
import { describeText, type TextSource, textSource } from './documents.js';
import { composeIntlCorpus, type IntlCorpus, type IntlCorpusOptions, intlDefaults } from './generators/intl.js';
import type { Line } from './lines.js';
import { readLines } from './lines.js';

/** Two files; line n of one is the translation of line n of the other. */
const parallelSource = z.strictObject({
  source: z.string().min(1).meta({ description: 'Text file, one sentence per line; .gz is unpacked.', example: 'train.en' }),
  target: z.string().min(1).meta({ description: 'The translations, line by line.', example: 'train.fr' }),
});

/** One file with one pair per line. */
const tsvSource = z.strictObject({
  tsv: z
    .string()
    .min(1)
    .meta({ description: 'One file with source and target separated by a tab; .gz is unpacked.', example: 'train.tsv' }),
});

const intlName = /^intl:([a-z]{2,3}-[a-z]{2,3}|[^:]+:[^:]+)$/i;
const digitsName = /^digits:(copy|reverse|sort)(?::(\d+)-(\d+))?$/;

/** Generated sentences: `intl:en-fr` (see `intlCorpus`), `digits:copy` (see `digitPairs`). */
const generatorSource = z.strictObject({
  generator: z
    .string()
    .refine((name) => intlName.test(name) || digitsName.test(name), 'expected intl:FROM-TO, such as intl:en-fr, or digits:copy')
    .meta({
      description:
        'Generated pairs: intl:FROM-TO (intl:FROM:TO for names such as pt-BR), or digits:copy, digits:reverse, digits:sort, each with :SHORTEST-LONGEST for lengths other than 2 to 12.',
      example: 'intl:en-fr',
    }),
  split: z.enum(['train', 'dev', 'test']).default('train').describe('Training pairs, or one of two held-out sets.'),
  pairs: z
    .int()
    .min(1)
    .max(100_000)
    .default(intlDefaults.pairs)
    .describe('Training pairs. The held-out sets of intl depend on it: use the same number for all splits.'),
  heldOut: z
    .int()
    .min(0)
    .max(10_000)
    .default(intlDefaults.heldOut)
    .describe('Pairs per held-out set, rounded up to a multiple of the number of categories.'),
  seed: z.int().min(0).max(0xffff_ffff).default(intlDefaults.seed).describe('Random seed of the generator.'),
});

/** Where examples come from: sentence pairs for a translator, text for a language model. */
export const corpusSource = z.union([parallelSource, tsvSource, generatorSource, textSource]);
export type CorpusSource = z.output<typeof corpusSource>;

export function isText(source: CorpusSource): source is TextSource {
  return 'text' in source;
}

export interface SentencePair {
  /** Where the pair stands, from 1. */
  line: number;
  source: string;
  target: string;
}

/** A line that holds no pair. */
export interface UnusableLine {
  line: number;
  /** `encoding`: not valid UTF-8; `spaces`: no tab, but several spaces in a row; `columns`: not two columns otherwise. */
  unusable: 'encoding' | 'spaces' | 'columns';
}

/**
 * The pairs of a source in order, streamed; lines that cannot be used are reported in their place and the rest goes
 * on. Throws `input` for a missing file, a directory, damaged gzip, and parallel files with different line counts, `usage` for text.
 */
export function readPairs(files: Pick<Files, 'stream'>, source: CorpusSource): AsyncIterable<SentencePair | UnusableLine> {
  if (isText(source)) {
    throw new DecadeError('usage', {
      where: describeText(source),
      received: 'text for a language model',
      allowed: 'sentence pairs',
      next: 'give { source, target }, { tsv } or { generator } instead of { text }',
    });
  }
  if ('tsv' in source) return readTsv(files, source.tsv);
  if ('generator' in source) return generatePairs(source);
  return readParallel(files, source.source, source.target);
}

/** The files of a source; none of a generator. */
export function pathsOf(source: CorpusSource): readonly string[] {
  if (isText(source)) return source.text;
  if ('generator' in source) return [];
  return 'tsv' in source ? [source.tsv] : [source.source, source.target];
}

/** A source in a few words, for messages. */
export function describeSource(source: CorpusSource): string {
  if (isText(source)) return describeText(source);
  if ('tsv' in source) return source.tsv;
  if ('generator' in source) return `${source.generator} (${source.split})`;
  return `${source.source} and ${source.target}`;
}

async function* readTsv(files: Pick<Files, 'stream'>, path: string): AsyncGenerator<SentencePair | UnusableLine> {
  let line = 0;
  for await (const block of readLines(files, path)) {
    for (const text of block) {
      line++;
      const columns = text?.split('\t');
      const [source, target] = columns ?? [];
      if (columns === undefined) yield { line, unusable: 'encoding' };
      else if (target === undefined && /\S\s{2,}\S/.test(source ?? '')) yield { line, unusable: 'spaces' };
      else if (columns.length !== 2 || source === undefined || target === undefined) yield { line, unusable: 'columns' };
      else yield { line, source, target };
    }
  }
}

async function* readParallel(
  files: Pick<Files, 'stream'>,
  sourcePath: string,
  targetPath: string,
): AsyncGenerator<SentencePair | UnusableLine> {
  const sources = new LineCursor(files, sourcePath);
  const targets = new LineCursor(files, targetPath);
  try {
    while ((await sources.advance()) && (await targets.advance())) {
      const line = sources.lines;
      const source = sources.current;
      const target = targets.current;
      if (source === undefined || target === undefined) yield { line, unusable: 'encoding' };
      else yield { line, source, target };
    }
    const sourceLines = await sources.countAll();
    const targetLines = await targets.countAll();
    if (sourceLines !== targetLines) {
      throw new DecadeError('input', {
        where: `${sourcePath} and ${targetPath}`,
        received: `${sourceLines} and ${targetLines} lines`,
        allowed: 'equal numbers of lines',
        next: 'look for a missing or split line: the files must be parallel',
      });
    }
  } finally {
    await sources.close();
    await targets.close();
  }
}

/** Walks through the lines of a file, reading the next block only when it is needed. */
class LineCursor {
  /** Lines walked through so far, the current one included. */
  lines = 0;
  current: Line;
  readonly #blocks: AsyncGenerator<Line[]>;
  #block: Line[] = [];
  #next = 0;

  constructor(files: Pick<Files, 'stream'>, path: string) {
    this.#blocks = readLines(files, path);
  }

  /** Whether there was another line. */
  async advance(): Promise<boolean> {
    while (this.#next === this.#block.length) {
      const read = await this.#blocks.next();
      if (read.done) return false;
      this.#block = read.value;
      this.#next = 0;
    }
    this.current = this.#block[this.#next++];
    this.lines++;
    return true;
  }

  async countAll(): Promise<number> {
    this.lines += this.#block.length - this.#next;
    this.#next = this.#block.length;
    for await (const block of this.#blocks) this.lines += block.length;
    return this.lines;
  }

  async close(): Promise<void> {
    await this.#blocks.return(undefined);
  }
}

async function* generatePairs(source: z.output<typeof generatorSource>): AsyncGenerator<SentencePair> {
  const [isDigits, task, shortest, longest] = digitsName.exec(source.generator) ?? [];
  if (isDigits !== undefined) {
    const lengths = shortest === undefined ? {} : { shortest: Number(shortest), longest: Number(longest) };
    const pairs = source.split === 'train' ? source.pairs : source.heldOut;
    const drawn = digitPairs({ task: task as DigitTask, part: source.split, seed: source.seed, ...lengths });
    for (let line = 1; line <= pairs; line++) yield { line, ...drawn.next().value };
    return;
  }
  const languages = source.generator.slice('intl:'.length);
  const [from = '', to = ''] = languages.split(languages.includes(':') ? ':' : '-');
  const corpus = await intlCorpusOf({ from, to, seed: source.seed, pairs: source.pairs, heldOut: source.heldOut });
  let line = 0;
  for (const pair of corpus[source.split]) yield { line: ++line, source: pair.source, target: pair.target };
}

/** The last one: its parts are read one after the other, some more than once, and each needs the whole. */
let lastIntl: { readonly key: string; readonly corpus: Promise<IntlCorpus> } | undefined;

function intlCorpusOf(options: IntlCorpusOptions): Promise<IntlCorpus> {
  const key = JSON.stringify(options);
  if (lastIntl?.key !== key) lastIntl = { key, corpus: composeIntlCorpus(options) };
  return lastIntl.corpus;
}
