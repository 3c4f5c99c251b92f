import { type Command, InvalidArgumentError } from 'commander';
import { DecadeError } from '../core/errors.js';
import { Glossary } from '../decoding/constraints/glossary.js';
import { type SourceLine, sourceLine } from '../decoding/source-line.js';
import type { TranslateOptions } from '../decoding/translator.js';
import { gathered, numberFrom, wholeNumber } from './arguments.js';
import { figure } from './progress.js';
import { linesOf } from './text-input.js';
import { warn } from './warning.js';

/** What a search is led to besides the best: words, and translations that differ. */
export interface GuidanceChoice {
  must?: string[];
  mustNot?: string[];
  glossary?: string;
  diverseGroups?: number;
  diversity?: number;
  jsonLines?: boolean;
}

export function withGuidanceOptions(command: Command): Command {
  return command
    .option(
      '--must <phrase>',
      'what every translation must have; forms of which one is enough are separated by |; may be repeated',
      phrases,
    )
    .option('--must-not <phrase>', 'what no translation may have, in whole words; several are separated by |; may be repeated', phrases)
    .option('--glossary <FILE>', 'terms and how they are translated: `term <tab> form|form <tab> forbidden form`; .csv with commas', once)
    .option('--diverse-groups <number>', 'diverse beam search: groups that the beam is divided into', wholeNumber(1, 1000))
    .option(
      '--diversity <strength>',
      'what a token counts less each time that an earlier group has chosen it (default: 0.5)',
      numberFrom(0, 100),
    )
    .option('--json-lines', 'each line of the input is an object: {"text": "...", "prefix": "...", "must": ["..."], "mustNot": ["..."]}');
}

function phrases(text: string, before: readonly string[] = []): string[] {
  if (text.split('|').some((phrase) => phrase.trim() === ''))
    throw new InvalidArgumentError('expected a phrase, or several separated by |');
  return gathered(text, before);
}

/** A second glossary would take the place of the first, which nobody would see. */
function once(path: string, before: string | undefined): string {
  if (before !== undefined)
    throw new InvalidArgumentError(`expected one glossary, and ${before} is one; join the files: lines of one term add up`);
  return path;
}

/** What the library calls the options for all lines. */
export function guidanceOf({ must, mustNot, diverseGroups, diversity }: GuidanceChoice): TranslateOptions {
  if (diversity !== undefined && diverseGroups === undefined) {
    throw new DecadeError('usage', { where: '--diversity', received: 'without --diverse-groups', next: 'use --diverse-groups as well' });
  }
  return {
    ...(must !== undefined && { must: must.map((forms) => forms.split('|')) }),
    ...(mustNot !== undefined && { mustNot: mustNot.flatMap((phrases) => phrases.split('|')) }),
    ...(diverseGroups !== undefined && { diversity: { groups: diverseGroups, strength: diversity } }),
  };
}

/** Bad lines to report individually. */
const linesTold = 10;

/** A glossary from a file; a line that cannot be used is told, and the others are used. */
export async function readGlossary(path: string | undefined): Promise<Glossary | undefined> {
  if (path === undefined) return undefined;
  const lines: string[] = [];
  for await (const { where, text } of linesOf(path)) {
    if (text === undefined) warn(new Error(`${where}: bytes that are not valid UTF-8; line skipped`));
    lines.push(text ?? '');
  }
  let bad = 0;
  const glossary = new Glossary(lines, {
    name: path,
    separator: /\.csv(\.gz)?$/i.test(path) ? ',' : '\t',
    onBadLine: ({ message }) => {
      if (++bad <= linesTold) warn(new Error(`${message}; line skipped`));
    },
  });
  if (bad > linesTold) warn(new Error(`${path}: ${figure(bad - linesTold)} more lines were skipped`));
  return glossary;
}

const fields = ['text', 'prefix', 'must', 'mustNot'];

/** @throws DecadeError `input` for what is no such object */
export function parseJsonLine(text: string, where: string): SourceLine {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    line = undefined;
  }
  if (typeof line === 'object' && sourceLine.is(line) && Object.keys(line as object).every((key) => fields.includes(key)))
    return line as SourceLine;
  throw new DecadeError('input', {
    where,
    received: text.length > 60 ? `${text.slice(0, 60)}…` : text,
    allowed: '{"text": "..."}, with prefix, must and mustNot if there are any',
  });
}
