import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { requireList } from '../../core/lists.js';
import { isText } from '../../data/sources.js';
import { type ComparedRun, readComparedRun } from './compared-runs.js';

/** The validation at which a language model was best; figures that a run did not write down are undefined. */
export interface ComparedText extends ComparedRun {
  readonly best:
    | {
        readonly steps: number;
        readonly perplexity: number | undefined;
        readonly wordPerplexity: number | undefined;
        readonly bitsPerByte: number | undefined;
      }
    | undefined;
}

/**
 * Language models beside each other, by what their validations found.
 *
 * @throws DecadeError `usage` for fewer than two runs, or one that is no language model; `input` for what is no run
 */
export async function compareTexts(files: Files, names: readonly string[]): Promise<ComparedText[]> {
  requireList('runs', names);
  if (names.length < 2) throw new DecadeError('usage', { where: 'compare', received: `${names.length} runs`, allowed: 'at least two' });
  const compared: ComparedText[] = [];
  for (const name of names) {
    const run = await readComparedRun(files, name);
    if (!isText(run.configuration.data.train)) {
      throw new DecadeError('usage', {
        where: name,
        received: 'a translator among language models',
        allowed: 'runs of one kind',
        next: 'compare it with translators, on a test set',
      });
    }
    compared.push({ ...run, best: bestOf(run) });
  }
  return compared;
}

function bestOf({ record }: ComparedRun): ComparedText['best'] {
  const figure = (value: unknown) => (typeof value === 'number' ? value : undefined);
  const validations = record.validations.map(({ steps, perplexity, wordPerplexity, bitsPerByte }) => ({
    steps,
    perplexity: figure(perplexity),
    wordPerplexity: figure(wordPerplexity),
    bitsPerByte: figure(bitsPerByte),
  }));
  const [first, ...others] = validations;
  if (first === undefined) return undefined;
  return others.reduce((best, each) => ((each.perplexity ?? Infinity) < (best.perplexity ?? Infinity) ? each : best), first);
}
