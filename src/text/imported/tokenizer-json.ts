import * as z from 'zod';
import type { Codec, TokenPlace } from './codec.js';
import { decoderOf } from './decoders.js';
import { cutterOf, type TokenizerModel, modelPart } from './models.js';
import { normalizerOf } from './normalizers.js';
import { type Part, part, type Refuse } from './parts.js';
import { preTokenizerOf } from './pre-tokenizers.js';
import { tokensById } from './token-table.js';

const addedToken = z.looseObject({
  id: z.int().nonnegative(),
  content: z.string().min(1),
  special: z.boolean().default(false),
});

const tokenizerJson = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  normalizer: part.nullish(),
  pre_tokenizer: part.nullish(),
  decoder: part.nullish(),
  model: modelPart,
});

/** A `tokenizer.json` in Hugging Face's format, whoever wrote it. */
export interface ForeignTokenizer {
  /** With ids; added tokens among them. */
  readonly tokens: readonly (string | null)[];
  readonly addedTokens: readonly string[];
  readonly unknownToken: string | undefined;
  /** `reserved`: ids that text never becomes, whatever it contains. */
  codec(reserved: ReadonlySet<number>): Codec;
}

/**
 * Reads what `tokenizers` writes: byte-level BPE (GPT-2), BPE with U+2581 and byte fallback (Llama), unigram (T5, conversions of
 * Marian). Every part that takes part is either known here to the letter or refused by name; patterns are not run but recognised.
 *
 * @param size rows of the checkpoint, where it has more than tokens
 */
export function readTokenizerJson(contents: unknown, size: number | undefined, refuse: Refuse): ForeignTokenizer {
  const parsed = tokenizerJson.safeParse(contents);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(`${issue?.path.join('.') || 'the file'}: ${issue?.message}`, parsed.error);
  }
  const { model, added_tokens: added, normalizer, pre_tokenizer: preTokenizer, decoder } = parsed.data;
  const entries = model.type === 'Unigram' ? model.vocab.map(([token], id) => [token, id] as const) : Object.entries(model.vocab);
  const tokens = tokensById([...entries, ...added.map(({ content, id }) => [content, id] as const)], size, refuse);
  const codec = (reserved: ReadonlySet<number>) => codecOf(model, { normalizer, preTokenizer, decoder, tokens, reserved }, refuse);
  codec(new Set());
  const unknownToken = model.type === 'Unigram' ? model.vocab[model.unk_id ?? -1]?.[0] : (model.unk_token ?? undefined);
  return { tokens, addedTokens: added.map(({ content }) => content), unknownToken, codec };
}

function codecOf(
  model: TokenizerModel,
  parts: {
    readonly normalizer: Part | null | undefined;
    readonly preTokenizer: Part | null | undefined;
    readonly decoder: Part | null | undefined;
    readonly tokens: readonly (string | null)[];
    readonly reserved: ReadonlySet<number>;
  },
  refuse: Refuse,
): Codec {
  const normalize = normalizerOf(parts.normalizer, refuse);
  const preTokenizer = preTokenizerOf(parts.preTokenizer, refuse);
  const decoder = decoderOf(parts.decoder, refuse);
  const cutPiece = cutterOf(model, parts, refuse);
  return {
    space: preTokenizer.isByteLevel ? ' ' : '\u2581',
    normalise: (text, isFirst) => preTokenizer.prepare(normalize(text.replace(/\p{Cs}/gu, '\uFFFD')), isFirst),
    cut(normalised) {
      const places: TokenPlace[] = [];
      let position = 0;
      for (const piece of preTokenizer.split(normalised)) {
        for (const { token, start, end } of cutPiece(piece, preTokenizer.isByteLevel)) {
          places.push({ token, start: position + start, end: position + end });
        }
        position += piece.length;
      }
      return places;
    },
    join: (tokens, continues) => decoder.join(tokens, continues),
    isByte: (token) => !preTokenizer.isByteLevel && model.byte_fallback === true && decoder.isByte(token),
    bytes: (token) => decoder.bytes(token),
  };
}
