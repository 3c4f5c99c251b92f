import { base64Of } from '../text/imported/base64.js';
import { readSentencePieceFile } from '../text/sentence-piece/model-file.js';
import { spaceSymbol } from '../text/sentence-piece/normalizer.js';
import { fieldsOf } from '../text/sentence-piece/protobuf.js';
import type { SpecialIds } from '../text/tokenizer.js';

/** A token that text may name: the language to translate into, as Marian and M2M100 write it. */
const isNamed = (token: string) => /^>>.+<<$|^__[a-z_]+__$/.test(token);
/** Below every score of a model: of tokens that it never cuts text into. */
const never = -1_000;

/**
 * A SentencePiece model as a `tokenizer.json`, for readers that have no other form. Merges, which the model has as scores, are listed.
 *
 * @param model   the file of the model
 * @param tokens  by id; null for an id without one
 */
export function sentencePieceJson(model: Uint8Array, tokens: readonly (string | null)[], special: SpecialIds): object {
  const refuse = (received: string): never => {
    throw new Error(received);
  };
  const { algorithm, pieces, byteFallback, normalizer } = readSentencePieceFile(model, 'a SentencePiece model');
  const scores = new Map(pieces.map(({ text, score, type }) => [text, type === 'normal' || type === 'user-defined' ? score : never]));
  const named = tokens.map((token, id) => token ?? `<unused ${id}>`);
  const reserved = new Set([special.begin, special.end, special.unknown, ...special.forbidden]);
  const unknown = special.unknown ?? named.indexOf('<unk>');
  const isUnigram = algorithm === 'unigram';
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: named.flatMap((content, id) =>
      reserved.has(id) || isNamed(content)
        ? [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: reserved.has(id) }]
        : [],
    ),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...characterMapOf(model, refuse),
        ...(normalizer.removeExtraWhitespaces
          ? [
              { type: 'Strip', strip_left: true, strip_right: true },
              { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
            ]
          : []),
        ...(normalizer.addDummyPrefix ? [{ type: 'Prepend', prepend: spaceSymbol }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: spaceSymbol },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: spaceSymbol }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(normalizer.addDummyPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: isUnigram
      ? { type: 'Unigram', unk_id: unknown, byte_fallback: byteFallback, vocab: named.map((token) => [token, scores.get(token) ?? never]) }
      : {
          type: 'BPE',
          unk_token: named[unknown] ?? null,
          fuse_unk: true,
          byte_fallback: byteFallback,
          vocab: Object.fromEntries(named.map((token, id) => [token, id])),
          merges: mergesOf(scores),
        },
  };
}

/** All ways to make a piece of two others; those of higher scores first. */
function mergesOf(scores: ReadonlyMap<string, number>): [string, string][] {
  const found: { readonly score: number; readonly halves: [string, string] }[] = [];
  for (const [piece, score] of scores) {
    if (score === never) continue;
    for (let at = 1; at < piece.length; at++) {
      const halves: [string, string] = [piece.slice(0, at), piece.slice(at)];
      if (halves.every((half) => (scores.get(half) ?? never) !== never)) found.push({ score, halves });
    }
  }
  return found.sort((a, b) => b.score - a.score).map(({ halves }) => halves);
}

/** The model's own rules of normalisation: `normalizer_spec` (3), `precompiled_charsmap` (2). */
function characterMapOf(model: Uint8Array, refuse: (received: string) => never): object[] {
  const inner = (bytes: Uint8Array, wanted: number) =>
    Array.from(fieldsOf(bytes, refuse)).flatMap(({ number, value }) => (number === wanted && value instanceof Uint8Array ? [value] : []));
  const map = inner(model, 3)
    .flatMap((normalizer) => inner(normalizer, 2))
    .at(-1);
  return map === undefined || map.length === 0 ? [] : [{ type: 'Precompiled', precompiled_charsmap: base64Of(map) }];
}
