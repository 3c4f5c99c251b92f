import * as z from 'zod';
import { byteCharacters } from '../byte-level.js';
import { type Merge, PairMerging, PieceCache } from '../pair-merging.js';
import { PieceTable } from '../sentence-piece/piece-table.js';
import { bestSegmentation } from '../sentence-piece/unigram.js';
import type { TokenPlace } from './codec.js';
import type { Refuse } from './parts.js';

const none = z.literal('').nullish();

const bytePairPart = z.looseObject({
  type: z.literal('BPE'),
  dropout: z.literal(0).nullish(),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: none,
  end_of_word_suffix: none,
  fuse_unk: z.boolean().default(false),
  byte_fallback: z.boolean().default(false),
  ignore_merges: z.boolean().default(false),
  vocab: z.record(z.string(), z.int().nonnegative()),
  merges: z.array(z.union([z.tuple([z.string(), z.string()]), z.string()])),
});

const unigramPart = z.looseObject({
  type: z.literal('Unigram'),
  unk_id: z.int().nonnegative().nullish(),
  byte_fallback: z.boolean().default(false),
  vocab: z.array(z.tuple([z.string(), z.number()])).min(1),
});

/** The model of a `tokenizer.json`. Older files do not name its type. */
export const modelPart = z.preprocess(
  (model) => (typeof model === 'object' && model !== null && !('type' in model) && 'merges' in model ? { ...model, type: 'BPE' } : model),
  z.discriminatedUnion('type', [bytePairPart, unigramPart]),
);
export type TokenizerModel = z.output<typeof modelPart>;

/** Cuts a piece; what is unknown is a token that no vocabulary has: the text itself. */
type Cut = (piece: string, isByteLevel: boolean) => TokenPlace[];

interface Vocabulary {
  readonly tokens: readonly (string | null)[];
  readonly reserved: ReadonlySet<number>;
}

export function cutterOf(model: TokenizerModel, vocabulary: Vocabulary, refuse: Refuse): Cut {
  return model.type === 'BPE' ? bytePairCutter(model, vocabulary, refuse) : unigramCutter(model, vocabulary);
}

const utf8 = new TextEncoder();
const bytesIn = (text: string): string[] =>
  Array.from(utf8.encode(text), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);

function bytePairCutter(model: z.output<typeof bytePairPart>, { tokens, reserved }: Vocabulary, refuse: Refuse): Cut {
  const ids = new Map(Object.entries(model.vocab));
  for (const id of reserved) ids.delete(tokens[id] ?? '');
  /** Stands for characters that the vocabulary lacks: an id of no token. */
  const lacking = tokens.length;
  const merging = new PairMerging(mergesOf(model, refuse), lacking + 1);
  const cache = new PieceCache();
  const fallsBack = model.byte_fallback && bytesIn('\n').every((byte) => ids.has(byte));
  const merged = (units: readonly string[], piece: string): readonly number[] =>
    cache.idsOf(piece, () => {
      const known = model.ignore_merges ? ids.get(units.join('')) : undefined;
      return known === undefined ? merging.apply(units.map((unit) => ids.get(unit) ?? lacking)) : [known];
    });
  return (piece, isByteLevel) => {
    // Byte-level units are characters for bytes, each with the place of the character that it is of.
    const units: { readonly text: string; readonly start: number; readonly end: number }[] = [];
    let start = 0;
    for (const character of piece) {
      const end = start + character.length;
      if (isByteLevel) for (const byte of utf8.encode(character)) units.push({ text: byteCharacters[byte] as string, start, end });
      else units.push({ text: character, start, end });
      start = end;
    }
    const places: TokenPlace[] = [];
    let unit = 0;
    let isFused = false;
    for (const id of merged(
      units.map(({ text }) => text),
      piece,
    )) {
      const first = units[unit] as (typeof units)[number];
      if (id === lacking) {
        unit++;
        const { text, start: from, end: to } = first;
        const last = places.at(-1);
        if (fallsBack) for (const token of bytesIn(text)) places.push({ token, start: from, end: to });
        else if (isFused && model.fuse_unk && last !== undefined)
          places.splice(-1, 1, { token: last.token + text, start: last.start, end: to });
        else places.push({ token: text, start: from, end: to });
        isFused = true;
        continue;
      }
      isFused = false;
      const token = tokens[id] as string;
      unit += Array.from(token).length;
      places.push({ token, start: first.start, end: (units[unit - 1] as (typeof units)[number]).end });
    }
    return places;
  };
}

function mergesOf({ vocab, merges }: z.output<typeof bytePairPart>, refuse: Refuse): Merge[] {
  const ids = new Map(Object.entries(vocab));
  const idOf = (token: string): number => ids.get(token) ?? refuse(`a merge with ${JSON.stringify(token)}, which is not in the vocabulary`);
  return merges.map((merge) => {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : merge;
    if (left === undefined || right === undefined) return refuse(`the merge ${JSON.stringify(merge)}`);
    return { left: idOf(left), right: idOf(right), merged: idOf(left + right) };
  });
}

function unigramCutter(model: z.output<typeof unigramPart>, { tokens, reserved }: Vocabulary): Cut {
  const scores = model.vocab.map(([, score]) => score);
  const entries = model.vocab.map(([text], id) => [text, id] as const);
  const pieces = new PieceTable(entries.filter(([text, id]) => text !== '' && !reserved.has(id) && id !== model.unk_id));
  let [leastScore, greatestScore] = [Infinity, -Infinity];
  for (const score of scores) {
    leastScore = Math.min(leastScore, score);
    greatestScore = Math.max(greatestScore, score);
  }
  const unknownId = tokens.length;
  const search = { pieces, unknownId, score: (id: number) => scores[id], leastScore, greatestScore, precision: 64 } as const;
  return (piece) => {
    const { ids, ends } = bestSegmentation(search, piece);
    const places: TokenPlace[] = [];
    let start = 0;
    let isFused = false;
    for (const [at, id] of ids.entries()) {
      const end = ends[at] as number;
      const text = piece.slice(start, end);
      const isUnknown = id === unknownId;
      if (isUnknown && model.byte_fallback) for (const token of bytesIn(text)) places.push({ token, start, end });
      else if (isUnknown && isFused) {
        const last = places.pop() as TokenPlace;
        places.push({ token: last.token + text, start: last.start, end });
      } else places.push({ token: text, start, end });
      isFused = isUnknown;
      start = end;
    }
    return places;
  };
}
