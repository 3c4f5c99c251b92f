import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { byteCharacters, byteLevelPieces, ByteLevelTokenizer } from './byte-level.js';
import { BytePairTokenizer, byteToken, firstByteId, firstTextId } from './byte-pair-encoding.js';
import { frequentCharacters, trainBytePairs } from './byte-pair-training.js';
import { ClosedVocabularyTokenizer, longestWord } from './closed-vocabulary.js';
import { newest } from './normalisation.js';
import { Pipeline, type Segmentation } from './pipeline.js';
import { specialTokens, type Tokenizer } from './tokenizer.js';
import { Vocabulary } from './vocabulary.js';

const largestVocabulary = 1_000_000;
/** Special tokens and bytes. */
const smallestByteLevel = specialTokens.length + 256;

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
    verbatim: z.boolean().optional().meta({
      description: 'Take text as it is, line ends and runs of spaces included. Default: true for data.train.text, false for pairs.',
      example: true,
    }),
  }),
  z.strictObject({
    kind: z.literal('byte-bpe').describe('Byte-pair encoding of bytes, as in GPT-2 (Radford et al. 2019). Takes text as it is.'),
    size: size(smallestByteLevel + 1, 8_000),
    minimumCount: minimumCount(2),
  }),
  z.strictObject({ kind: z.literal('bytes').describe('The 256 bytes. Takes text as it is.') }),
]);

/** Ids that the tokenizer of these options has at most. */
export function largestSize(options: TokenizerOptions): number {
  const resolved = tokenizerOptions.parse(options);
  return resolved.kind === 'bytes' ? smallestByteLevel : resolved.size;
}

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
  if (resolved.kind === 'bytes') return new ByteLevelTokenizer('bytes', new Vocabulary(byteCharacters), []);
  if (resolved.kind === 'byte-bpe') {
    const counts = await countPieces(lines, byteLevelPieces, where);
    const alphabet = byteCharacters;
    const { merged, merges } = await trainBytePairs(counts, { ...resolved, alphabet, firstId: specialTokens.length, turn });
    return new ByteLevelTokenizer('byte-bpe', new Vocabulary([...alphabet, ...merged]), merges);
  }
  const pipeline = new Pipeline({ segmentation: segmentationOf(resolved), lowercase: resolved.lowercase, normalisation: newest });
  const counts = await countPieces(lines, (line) => pipeline.pieces(pipeline.normalise(line)), where);
  if (resolved.kind === 'bpe') {
    const { size, minimumCount } = resolved;
    const alphabet = frequentCharacters(counts, Math.max(1, (size - firstTextId) >> 1), minimumCount);
    const { merged, merges } = await trainBytePairs(counts, { alphabet, firstId: firstTextId, size, minimumCount, turn });
    const bytes = Array.from({ length: firstTextId - firstByteId }, (_, byte) => byteToken(byte));
    return new BytePairTokenizer(pipeline, new Vocabulary([...bytes, ...alphabet, ...merged]), merges);
  }
  const room = resolved.size - specialTokens.length;
  return new ClosedVocabularyTokenizer(resolved.kind, pipeline, new Vocabulary(mostFrequent(counts, room, resolved.minimumCount)));
}

/**
 * A tokenizer that also has the most frequent words or characters of these lines which it lacked, up to `size` tokens, behind its own.
 * One that spells what it lacks comes back as it is.
 */
export async function grownTokenizer(
  tokenizer: Tokenizer,
  lines: AsyncIterable<string> | Iterable<string>,
  { size, minimumCount }: { readonly size: number; readonly minimumCount: number },
): Promise<Tokenizer> {
  const room = size - tokenizer.size;
  if (!(tokenizer instanceof ClosedVocabularyTokenizer) || room <= 0) return tokenizer;
  const counts = new Map<string, number>();
  for await (const line of lines) for (const piece of tokenizer.lacking(line)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const more = mostFrequent(counts, room, minimumCount);
  return more.length === 0 ? tokenizer : tokenizer.with(more);
}

/** How often each piece of the lines occurs. Throws `input` when there is none. */
async function countPieces(
  lines: AsyncIterable<string> | Iterable<string>,
  piecesOf: (line: string) => readonly string[],
  where: string,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const line of lines) {
    for (const piece of piecesOf(line)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  if (counts.size > 0) return counts;
  throw new DecadeError('input', { where, received: 'no text to train on', allowed: 'at least one line that is not empty' });
}

type NormalisingOptions = Exclude<ResolvedOptions, { kind: 'byte-bpe' | 'bytes' }>;

function segmentationOf(options: NormalisingOptions): Segmentation {
  if (options.kind === 'bpe') return 'subwords';
  if (options.kind === 'word') return options.split;
  return options.verbatim ? 'verbatim' : 'characters';
}

function mostFrequent(counts: ReadonlyMap<string, number>, limit: number, minimum: number): string[] {
  return [...counts]
    .filter(([piece, count]) => count >= minimum && (piece.length <= longestWord || [...piece].length <= longestWord))
    .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || (a < b ? -1 : 1))
    .slice(0, limit)
    .map(([piece]) => piece);
}
