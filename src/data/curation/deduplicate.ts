import * as z from 'zod';
import { turns } from '../../core/event-loop.js';
import { resolveOptions } from '../../core/options.js';
import { type CorpusLine, type CorpusLines, sideOf } from './corpus-line.js';
import { fingerprint, FingerprintMap } from './fingerprints.js';
import { inForm, textForms } from './forms.js';
import { NearLines } from './near-lines.js';
import type { Verdict } from './verdict.js';

/** When two lines are the same, and when they are nearly. */
export const similarityOptions = {
  form: z.enum(textForms).default('normalised').describe('how texts are compared: verbatim, normalised (case, width and spaces), letters'),
  similarity: z
    .number()
    .min(0.3)
    .max(0.99)
    .optional()
    .describe('near duplicates, too: n-grams in common over n-grams in either, from this share on'),
  unit: z.enum(['characters', 'words']).default('characters').describe('what n-grams consist of'),
  size: z.int().min(1).max(20).default(5).describe('characters or words of an n-gram'),
};

export const deduplicationOptions = z.strictObject({
  by: z
    .array(z.enum(['line', 'source', 'target']))
    .min(1)
    .default(['line'])
    .describe('what may not occur twice: the line (a pair as a whole), its source, its target'),
  ...similarityOptions,
});

export interface DeduplicateOptions extends z.input<typeof deduplicationOptions> {
  readonly signal?: AbortSignal | undefined;
}

/** The share of pairs at exactly the wanted similarity that are found. */
const recall = 0.95;

/**
 * Drops every line that is, in one of the asked ways, the same as an earlier one that was kept or nearly so. Verdicts come in order.
 *
 * Memory for n lines, for each of `by`: 17 to 34 n bytes (at 10 million 201 MB, and half of that while it grows), and for near
 * duplicates, per line that is kept, 8 bytes, 2 for each n-gram up to 64 and 10 to 12 for each of up to 12 bands (8 for a similarity of 0.8):
 * at most 232 bytes, 2.3 GB for 10 million lines.
 *
 * @example
 * for await (const { line, dropped } of deduplicate(lines, { by: ['line', 'target'], similarity: 0.8 }))
 *   if (dropped === undefined) console.log(line.sides.join('\t'));
 *
 * @throws DecadeError `usage` for options that are not allowed; the signal's reason
 */
export async function* deduplicate(lines: CorpusLines, { signal, ...given }: DeduplicateOptions = {}): AsyncGenerator<Verdict, void> {
  const { by, form, similarity, ...ngrams } = resolveOptions(deduplicationOptions, given, 'deduplicate options', ['signal']);
  const ways = by.map((side) => ({
    side,
    seen: new FingerprintMap(),
    near: similarity === undefined ? undefined : new NearLines({ similarity, recall, ...ngrams }),
  }));
  const turn = turns();
  for await (const line of lines) {
    signal?.throwIfAborted();
    await turn();
    yield line.unusable === undefined ? verdictOf(line) : { line, dropped: { reason: line.unusable } };
  }

  function verdictOf(line: CorpusLine): Verdict {
    const compared = line.sides.map((side) => inForm(side, form));
    const looked = ways.map((way) => {
      const sides = way.side === 'line' ? compared : [sideOf(compared, way.side, 'deduplicate options.by')];
      return { ...way, sides, key: fingerprint(sides.join('\n')) };
    });
    for (const { side, seen, key } of looked) {
      const first = seen.get(key);
      if (first !== undefined) return { line, dropped: { reason: 'duplicate', detail: `${side} as in line ${first}` } };
    }
    for (const { side, near, sides } of looked) {
      let detail: string | undefined;
      near?.visitNear(sides, (number, similarity) => {
        detail = `${side} near to line ${number}: ${similarity.toFixed(2)}`;
        return true;
      });
      if (detail !== undefined) return { line, dropped: { reason: 'near-duplicate', detail } };
    }
    for (const { seen, key, near } of looked) {
      seen.set(key, line.number);
      near?.add(line.number);
    }
    return { line };
  }
}
