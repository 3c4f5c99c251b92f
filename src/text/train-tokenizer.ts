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

const size = (smallest: number, standard: number) =>
  z
    .int()
    .min(smallest)
    .max(largestVocabulary)
    .default(standard)
    .describe('Vocabulary size, the four special tokens included; a small corpus may give fewer.');
const lowercase = z.boolean().default(false).describe('Convert text to lower case.');
const minimumCount = (standard: number) =>
  z.int().min(1).default(standard).describe('Leave out characters, words and pairs of tokens that occur less often than this.');

/** What a tokenizer is trained with, and the defaults. */
export const tokenizerOptions = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('bpe').describe('Byte-pair encoding (Sennrich et al. 2016); rare characters are spelt in bytes.'),
    size: size(firstTextId + 2, 8_000),
    lowercase,
    minimumCount: minimumCount(2),
  }),
  z.strictObject({
    kind: z.literal('word').describe('The most frequent words; all others are <unk>.'),
    size: size(specialTokens.length + 1, 30_000),
    lowercase,
    split: z
      .enum(['punctuation', 'spaces'])
      .default('punctuation')
      .describe('Split words from punctuation, or only at spaces, for text that is already tokenized.'),
    minimumCount: minimumCount(1),
  }),
  z.strictObject({
    kind: z.literal('character').describe('The most frequent characters; all others are <unk>.'),
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
