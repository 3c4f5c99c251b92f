import type { Command } from 'commander';
import type { TestSet } from '../analysis/examination/scored-sentences.js';
import { DecadeError } from '../core/errors.js';
import { gathered } from './arguments.js';
import { allLines, requireSameCount } from './text-input.js';

/** The options for the test set. */
export interface TestSetChoice {
  source?: string;
  references?: string[];
}

export function withTestSetOptions(command: Command, otherwise: string): Command {
  return command
    .option('--source <FILE>', `sentences to translate (default: ${otherwise})`)
    .option('--references <FILE...>', 'reference translations; several files for several references per line', gathered);
}

/**
 * The test set of the options; undefined without them.
 *
 * @param needsReferences  false: source sentences alone are enough
 */
export async function testSetOf(
  command: string,
  { source, references = [] }: TestSetChoice,
  needsReferences = true,
): Promise<TestSet | undefined> {
  if (source === undefined && references.length === 0) return undefined;
  if (source === undefined || (needsReferences && references.length === 0)) {
    throw new DecadeError('usage', {
      where: command,
      received: source === undefined ? '--references without --source' : '--source without --references',
      allowed: needsReferences ? 'both or neither' : '--source as well',
    });
  }
  return readTestSet(source, references);
}

/** Throws `input` for files that are not parallel line by line. */
export async function readTestSet(source: string, references: readonly string[]): Promise<TestSet> {
  const sources = await allLines(source);
  const sets: string[][] = [];
  for (const path of references) {
    const lines = await allLines(path);
    requireSameCount({ name: source, lines: sources }, { name: path, lines });
    sets.push(lines);
  }
  return { name: source, sources, references: sets };
}
