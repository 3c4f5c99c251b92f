import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { BytePairTokenizer, firstTextId } from './byte-pair-encoding.js';
import { trainBytePairs } from './byte-pair-training.js';
import { ClosedVocabularyTokenizer, longestWord } from './closed-vocabulary.js';
import { newest } from './normalisation.js';
import { Pipeline, type Segmentation } from './pipeline.js';
import { specialTokens, type Tokenizer } from './tokenizer.js';
import { Vocabulary } from './vocabulary.js';

const largestVocabulary = 1_000_000;

/** Number of ids, the special tokens included; a smaller text gives fewer. */
const size = (smallest: number, standard: number) => z.int().min(smallest).max(largestVocabulary).default(standard);
const lowercase = z.boolean().default(false);
/** Characters, words and pairs of tokens that occur less often stay out of the vocabulary. */
const minimumCount = (standard: number) => z.int().min(1).default(standard);

/** What a tokenizer is trained with, and the defaults. */
export const tokenizerOptions = z.discriminatedUnion('kind', [
  /** Pieces of words learnt by byte-pair encoding; loses no character. */
  z.strictObject({
    kind: z.literal('bpe'),
    size: size(firstTextId + 2, 8_000),
    lowercase,
    minimumCount: minimumCount(2),
  }),
  /** The most frequent words; the others are `<unk>`. `split: 'spaces'` takes text as already tokenized. */
  z.strictObject({
    kind: z.literal('word'),
    size: size(specialTokens.length + 1, 30_000),
    lowercase,
    split: z.enum(['punctuation', 'spaces']).default('punctuation'),
    minimumCount: minimumCount(1),
  }),
  /** The most frequent characters; the others are `<unk>`. */
  z.strictObject({
    kind: z.literal('character'),
    size: size(specialTokens.length + 1, 1_000),
    lowercase,
    minimumCount: minimumCount(1),
  }),
]);

/** Options as a caller writes them: `{ kind: 'bpe', size: 8000 }`. */
export type TokenizerOptions = z.input<typeof tokenizerOptions>;
type ResolvedOptions = z.output<typeof tokenizerOptions>;

/**
 * Trains a tokenizer on lines of text, read once. The same lines in any order give the same tokenizer. Memory grows with
 * the number of distinct words, not of lines.
 *
 * @param where  what the lines were read from, for messages
 * @param turn   called often, and awaited where it gives a promise: lets other tasks have their turn, and ends the training by throwing
 * Throws a `DecadeError`: `usage` for options that are not allowed, `input` for lines without any text.
 */
export async function trainTokenizer(
  lines: AsyncIterable<string> | Iterable<string>,
  options: TokenizerOptions,
  where = 'tokenizer',
  turn: () => Promise<void> | undefined = () => undefined,
): Promise<Tokenizer> {
  const parsed = tokenizerOptions.safeParse(options);
  if (!parsed.success) {
    throw new DecadeError('usage', { where: 'tokenizer', received: z.prettifyError(parsed.error).replace(/\s*\n\s*/g, ' ') });
  }
  const resolved = parsed.data;
  const pipeline = new Pipeline({ segmentation: segmentationOf(resolved), lowercase: resolved.lowercase, normalisation: newest });
  const counts = new Map<string, number>();
  for await (const line of lines) {
    for (const piece of pipeline.pieces(pipeline.normalise(line))) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  if (counts.size === 0) {
    throw new DecadeError('input', { where, received: 'no text to train on', allowed: 'at least one line that is not empty' });
  }
  if (resolved.kind === 'bpe') {
    const { tokens, merges } = await trainBytePairs(counts, resolved.size, resolved.minimumCount, turn);
    return new BytePairTokenizer(pipeline, new Vocabulary(tokens), merges);
  }
  const room = resolved.size - specialTokens.length;
  return new ClosedVocabularyTokenizer(resolved.kind, pipeline, new Vocabulary(mostFrequent(counts, room, resolved.minimumCount)));
}

function segmentationOf(options: ResolvedOptions): Segmentation {
  if (options.kind === 'bpe') return 'subwords';
  return options.kind === 'word' ? options.split : 'characters';
}

function mostFrequent(counts: ReadonlyMap<string, number>, limit: number, minimum: number): string[] {
  return [...counts]
    .filter(([piece, count]) => count >= minimum && (piece.length <= longestWord || [...piece].length <= longestWord))
    .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || (a < b ? -1 : 1))
    .slice(0, limit)
    .map(([piece]) => piece);
}
