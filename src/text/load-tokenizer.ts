import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { byteCharacters, byteLevelModel, byteLevelRules, ByteLevelTokenizer } from './byte-level.js';
import { BytePairTokenizer, byteToken, firstByteId, firstTextId } from './byte-pair-encoding.js';
import { ClosedVocabularyTokenizer, longestWord } from './closed-vocabulary.js';
import { isImported } from './imported/format.js';
import { normalisations } from './normalisation.js';
import type { Merge } from './pair-merging.js';
import { Pipeline, type TextPipelineOptions } from './pipeline.js';
import { specialTokens, type Tokenizer } from './tokenizer.js';
import { Vocabulary } from './vocabulary.js';

const vocab = z.record(z.string(), z.int().nonnegative());
const merges = z.array(z.tuple([z.string(), z.string()]));
const unknownToken = z.literal(specialTokens[3]);

const bytePairModel = z.strictObject({
  type: z.literal('BPE'),
  dropout: z.null(),
  unk_token: unknownToken,
  continuing_subword_prefix: z.null(),
  end_of_word_suffix: z.null(),
  fuse_unk: z.literal(false),
  byte_fallback: z.literal(true),
  ignore_merges: z.literal(false),
  vocab,
  merges,
});

const byteLevelFile = z.looseObject({ model: z.looseObject({ vocab, merges }) });

const wholePieceModel = z.strictObject({
  type: z.literal('WordPiece'),
  unk_token: unknownToken,
  continuing_subword_prefix: z.literal('##'),
  max_input_chars_per_word: z.literal(longestWord),
  vocab,
});

const tokenizerFile = z.looseObject({
  version: z.literal('1.0'),
  truncation: z.null(),
  padding: z.null(),
  added_tokens: z.tuple([]),
  model: z.discriminatedUnion('type', [bytePairModel, wholePieceModel]),
});

const kinds = {
  subwords: 'bpe',
  punctuation: 'word',
  spaces: 'word',
  characters: 'character',
  verbatim: 'character',
} as const;

/**
 * Reads what `Tokenizer.toJson` wrote. Nothing in the file is run: patterns must be decade's own, letter for letter, and
 * every id is checked.
 *
 * @param where the file's path, for errors
 * Rejects with a `DecadeError` (`input`) for a truncated, changed or foreign file.
 */
export async function loadTokenizer(json: string, where: string): Promise<Tokenizer> {
  const refuse = (received: string, cause?: unknown): never => {
    throw new DecadeError('input', {
      where,
      received,
      allowed: 'a tokenizer.json that decade wrote',
      next: "use the file from the model's run directory",
      cause,
    });
  };
  let contents: unknown;
  try {
    contents = JSON.parse(json);
  } catch (cause) {
    return refuse('invalid or truncated JSON', cause);
  }
  if (isImported(contents)) {
    // Few models need them: a page loads them then.
    const { readImported } = await import('./imported/read-imported.js');
    return readImported(contents, where);
  }
  const byteLevelKind = matchingByteLevel(contents);
  if (byteLevelKind !== undefined) {
    const { model } = byteLevelFile.parse(contents);
    const tokens = tokensById(model.vocab, refuse);
    const vocabulary = new Vocabulary(tokens.slice(specialTokens.length));
    const first = { id: specialTokens.length, alphabet: byteCharacters };
    return new ByteLevelTokenizer(byteLevelKind, vocabulary, checkedMerges(tokens, vocabulary, model.merges, first, refuse));
  }
  const parsed = tokenizerFile.safeParse(contents);
  if (!parsed.success) return refuse(summary(contents, parsed.error), parsed.error);
  const pipeline = matchingPipeline(contents);
  if (pipeline === undefined) return refuse(`a tokenizer with ${parts(contents)}`);
  const { model } = parsed.data;
  const kind = kinds[pipeline.options.segmentation];
  if ((kind === 'bpe') !== (model.type === 'BPE')) return refuse(`a ${model.type} model behind the rules for a ${kind} tokenizer`);
  const tokens = tokensById(model.vocab, refuse);
  const vocabulary = new Vocabulary(tokens.slice(specialTokens.length));
  if (model.type === 'WordPiece') return new ClosedVocabularyTokenizer(kind === 'character' ? kind : 'word', pipeline, vocabulary);
  const bytes = Array.from({ length: firstTextId - firstByteId }, (_, byte) => byteToken(byte));
  requireTokens(tokens, firstByteId, bytes, refuse);
  const first = { id: firstTextId, alphabet: [] };
  return new BytePairTokenizer(pipeline, vocabulary, checkedMerges(tokens, vocabulary, model.merges, first, refuse));
}

type Refuse = (received: string) => never;

/** Which byte-level tokenizer has exactly the file's rules. */
function matchingByteLevel(contents: unknown): keyof typeof byteLevelRules | undefined {
  const file = byteLevelFile.safeParse(contents);
  if (!file.success) return undefined;
  const { model, ...rules } = file.data;
  const { vocab: _, merges: pairs, ...modelRules } = model;
  if (JSON.stringify(modelRules) !== JSON.stringify(byteLevelModel)) return undefined;
  const kinds = Object.keys(byteLevelRules) as (keyof typeof byteLevelRules)[];
  return kinds.find((kind) => JSON.stringify(rules) === JSON.stringify(byteLevelRules[kind]) && (kind !== 'bytes' || pairs.length === 0));
}

/** The pipeline, of all that decade writes or has written, that gives exactly the file's rules. */
function matchingPipeline(contents: unknown): Pipeline | undefined {
  const found = z.looseObject({}).parse(contents);
  for (const segmentation of Object.keys(kinds) as TextPipelineOptions['segmentation'][]) {
    for (const lowercase of [false, true]) {
      for (const normalisation of normalisations) {
        const pipeline = new Pipeline({ segmentation, lowercase, normalisation });
        const rules = Object.entries(pipeline.describe());
        if (rules.every(([part, rule]) => JSON.stringify(found[part]) === JSON.stringify(rule))) return pipeline;
      }
    }
  }
  return undefined;
}

function tokensById(ids: Record<string, number>, refuse: Refuse): string[] {
  const entries = Object.entries(ids);
  const tokens: string[] = [];
  for (const [token, id] of entries) {
    if (id >= entries.length) refuse(`id ${id} in a vocabulary of ${entries.length} tokens`);
    if (tokens[id] !== undefined) refuse(`id ${id} for both ${JSON.stringify(tokens[id])} and ${JSON.stringify(token)}`);
    tokens[id] = token;
  }
  for (const [id, token] of specialTokens.entries()) {
    if (tokens[id] !== token) refuse(`${JSON.stringify(tokens[id])} for id ${id}, which is ${token}`);
  }
  return tokens;
}

/** Refuses a vocabulary without these tokens from an id on. */
function requireTokens(tokens: readonly string[], first: number, expected: readonly string[], refuse: Refuse): void {
  for (const [index, token] of expected.entries()) {
    const found = tokens[first + index];
    if (found !== token) refuse(`${JSON.stringify(found)} for id ${first + index}, which is ${token}`);
  }
}

/** `first`: the first token that may be merged, and the characters that stand there whatever the text was. */
function checkedMerges(
  tokens: readonly string[],
  vocabulary: Vocabulary,
  pairs: readonly [string, string][],
  first: { readonly id: number; readonly alphabet: readonly string[] },
  refuse: Refuse,
): Merge[] {
  requireTokens(tokens, first.id, first.alphabet, refuse);
  const unmade = new Set(tokens.slice(first.id).filter((token) => [...token].length > 1));
  const seen = new Set<string>();
  const textId = (token: string): number => {
    const id = vocabulary.id(token);
    return id === undefined || id < first.id ? refuse(`a merge with ${JSON.stringify(token)}, which is not in the vocabulary`) : id;
  };
  const merges = pairs.map(([left, right]) => {
    const key = JSON.stringify([left, right]);
    if (seen.has(key)) refuse(`the merge ${key} twice`);
    seen.add(key);
    unmade.delete(left + right);
    return { left: textId(left), right: textId(right), merged: textId(left + right) };
  });
  for (const token of unmade) refuse(`the token ${JSON.stringify(token)}, which no merge makes`);
  return merges;
}

/** What a file is that does not have the shape. */
function summary(contents: unknown, error: z.ZodError): string {
  const foreign = z.looseObject({ model: z.looseObject({ type: z.string() }) }).safeParse(contents);
  const issue = error.issues[0];
  const place = issue === undefined ? '' : ` (${issue.path.join('.') || 'the file'}: ${issue.message})`;
  return foreign.success ? `a tokenizer with ${parts(contents)}${place}` : `no tokenizer${place}`;
}

/** `model BPE, normalizer NFKC, pre_tokenizer Metaspace, decoder none`. */
function parts(contents: unknown): string {
  const file = z.looseObject({}).parse(contents);
  return ['model', 'normalizer', 'pre_tokenizer', 'post_processor', 'decoder']
    .map((part) => {
      const named = z.looseObject({ type: z.string() }).safeParse(file[part]);
      return `${part} ${named.success ? printable(named.data.type) : 'none'}`;
    })
    .join(', ');
}

function printable(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
