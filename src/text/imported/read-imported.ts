import * as z from 'zod';
import { DecadeError } from '../../core/errors.js';
import { SentencePiece } from '../sentence-piece/sentence-piece.js';
import type { SpecialIds } from '../tokenizer.js';
import { base64Of, bytesOfBase64 } from './base64.js';
import { type Codec, SentencePieceCodec, SpacedCodec } from './codec.js';
import { importedFormat } from './format.js';
import { ImportedTokenizer, type ImportedTokenizerParts } from './imported-tokenizer.js';
import type { Refuse } from './parts.js';
import { TokenTable } from './token-table.js';
import { type ForeignTokenizer, readTokenizerJson } from './tokenizer-json.js';

const id = z.int().nonnegative();
const tokens = z.array(z.string().nullable()).min(1).readonly();

const savedFile = z.looseObject({
  format: z.literal(importedFormat),
  version: z.literal(1),
  special: z.object({ begin: id, end: id, unknown: id.optional(), forbidden: z.array(id) }),
  named: z.union([z.enum(['marian', 'm2m100']), z.array(z.string().min(1))]),
  lines: z.boolean(),
  codec: z.discriminatedUnion('kind', [
    /** `model`: the bytes of the `.model` file, in base64. */
    z.object({ kind: z.literal('sentence-piece'), model: z.string(), tokens }),
    z.object({ kind: z.literal('spaced'), tokens }),
    /** `file`: the `tokenizer.json` as it was. `size`: ids, which may be more than tokens. */
    z.object({ kind: z.literal('tokenizer-json'), file: z.unknown(), size: z.int().positive() }),
  ]),
});
type SavedCodec = z.output<typeof savedFile>['codec'];

/** What is common to all ways to cut text. */
export type TokenizerSettings = Pick<ImportedTokenizerParts, 'special' | 'named' | 'lines'>;

/** A tokenizer of SentencePiece's pieces with ids of their own. */
export function ofSentencePiece(
  model: SentencePiece,
  table: readonly (string | null)[],
  settings: TokenizerSettings,
  refuse: Refuse,
): ImportedTokenizer {
  const saved = { kind: 'sentence-piece', model: base64Of(model.bytes), tokens: table } as const;
  return made(new SentencePieceCodec(model), table, settings, saved, refuse);
}

/** A tokenizer of text that was cut before. */
export function ofSpaced(table: readonly (string | null)[], settings: TokenizerSettings, refuse: Refuse): ImportedTokenizer {
  return made(new SpacedCodec(), table, settings, { kind: 'spaced', tokens: table }, refuse);
}

export function ofTokenizerJson(foreign: ForeignTokenizer, file: unknown, settings: TokenizerSettings, refuse: Refuse): ImportedTokenizer {
  const { begin, end, unknown, forbidden } = settings.special;
  const reserved = new Set([begin, end, ...forbidden, ...(unknown === undefined ? [] : [unknown])]);
  return made(foreign.codec(reserved), foreign.tokens, settings, { kind: 'tokenizer-json', file, size: foreign.tokens.length }, refuse);
}

function made(
  codec: Codec,
  table: readonly (string | null)[],
  settings: TokenizerSettings,
  saved: SavedCodec,
  refuse: Refuse,
): ImportedTokenizer {
  requireSpecial(settings.special, table, refuse);
  return new ImportedTokenizer({ ...settings, codec, table: new TokenTable(table), saved: { codec: saved } });
}

function requireSpecial({ begin, end, unknown, forbidden }: SpecialIds, table: readonly (string | null)[], refuse: Refuse): void {
  for (const [name, special] of Object.entries({ begin, end, unknown })) {
    if (special !== undefined && !(Number.isInteger(special) && special >= 0 && special < table.length))
      refuse(`${name} id ${special} in a vocabulary of ${table.length}`);
  }
  for (const special of forbidden) if (!(special < table.length)) refuse(`forbidden id ${special} in a vocabulary of ${table.length}`);
  if (forbidden.includes(end)) refuse(`the forbidden id ${end}, which ends every text`);
}

/**
 * Reads what `ImportedTokenizer.toJson` wrote. Nothing in the file is run, and every number is checked.
 *
 * @param where the file's path, for errors
 * @throws DecadeError `input` for a file that is cut short or changed
 */
export function readImported(contents: unknown, where: string): ImportedTokenizer {
  const refuse: Refuse = (received, cause) => {
    throw new DecadeError('input', { where, received, allowed: 'a tokenizer that decade imported', next: 'import the model again', cause });
  };
  const parsed = savedFile.safeParse(contents);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(`${issue?.path.join('.') || 'the file'}: ${issue?.message}`, parsed.error);
  }
  const { codec, ...settings } = parsed.data;
  const { special, named, lines } = settings;
  switch (codec.kind) {
    case 'sentence-piece':
      return ofSentencePiece(new SentencePiece(bytesOfBase64(codec.model, refuse), where), codec.tokens, { special, named, lines }, refuse);
    case 'spaced':
      return ofSpaced(codec.tokens, { special, named, lines }, refuse);
    case 'tokenizer-json':
      return ofTokenizerJson(readTokenizerJson(codec.file, codec.size, refuse), codec.file, { special, named, lines }, refuse);
  }
}
