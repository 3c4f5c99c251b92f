import { DecadeError } from '../../core/errors.js';
import { CharacterMap } from './character-map.js';
import { fieldsOf, type FieldValue } from './protobuf.js';

/** Types of pieces, as in the file. */
const pieceTypes = ['normal', 'unknown', 'control', 'user-defined', 'unused', 'byte'] as const;
export type PieceType = (typeof pieceTypes)[number];

export interface Piece {
  readonly text: string;
  /** Unigram: its log-probability. BPE: what is higher is merged first. */
  readonly score: number;
  readonly type: PieceType;
}

/** A SentencePiece `.model` file, defaults filled in. */
export interface SentencePieceFile {
  readonly algorithm: 'unigram' | 'bpe' | 'char';
  /** By id. */
  readonly pieces: readonly Piece[];
  readonly unknownId: number;
  /** Bytes spell what no piece has. */
  readonly byteFallback: boolean;
  /** What decoding writes for the unknown piece. */
  readonly unknownSurface: string;
  readonly normalizer: {
    readonly characterMap: CharacterMap | undefined;
    readonly addDummyPrefix: boolean;
    readonly removeExtraWhitespaces: boolean;
    readonly escapeWhitespaces: boolean;
  };
}

/**
 * Reads a `.model` file (sentencepiece_model.proto). Every number is checked before it is used.
 *
 * @param where the file's path, for errors
 * @throws DecadeError `input` for a file that is cut short, damaged, or asks for what is not supported
 */
export function readSentencePieceFile(bytes: Uint8Array, where: string): SentencePieceFile {
  const refuse = (received: string): never => {
    throw new DecadeError('input', {
      where,
      received,
      allowed: 'a SentencePiece model (unigram, BPE or characters)',
      next: 'copy the file again, or check that it is a .model or .spm file',
    });
  };
  const text = textReader(refuse);
  const pieces: Piece[] = [];
  let [trainer, normalizer]: (ReadonlyMap<number, FieldValue> | undefined)[] = [undefined, undefined];
  for (const { number, value } of fieldsOf(bytes, refuse)) {
    if (number === 1) pieces.push(pieceOf(requireBytes(value, refuse), text, refuse));
    else if (number === 2) trainer = lastOfEach(requireBytes(value, refuse), refuse);
    else if (number === 3) normalizer = lastOfEach(requireBytes(value, refuse), refuse);
  }
  if (pieces.length === 0) refuse('a file without pieces');
  const unknowns = [...pieces.keys()].filter((id) => pieces[id]?.type === 'unknown');
  if (unknowns.length !== 1) refuse(`${unknowns.length} unknown pieces, which must be 1`);
  const repeated = firstRepeated(pieces);
  if (repeated !== undefined) refuse(`the piece ${JSON.stringify(repeated)} twice`);
  const flag = (of: ReadonlyMap<number, FieldValue> | undefined, field: number, fallback: boolean): boolean => {
    const value = of?.get(field);
    return value === undefined ? fallback : value === 1;
  };
  const algorithm = algorithms.get(trainer?.get(3) ?? 1) ?? refuse(`model type ${trainer?.get(3)}`);
  if (flag(trainer, 24, false)) refuse('a model that writes spaces behind words (treat_whitespace_as_suffix)');
  const byteFallback = flag(trainer, 35, false);
  if (byteFallback) requireAllBytes(pieces, refuse);
  const surface = trainer?.get(44);
  const map = normalizer?.get(2);
  return {
    algorithm,
    pieces,
    unknownId: unknowns[0] as number,
    byteFallback,
    unknownSurface: surface === undefined ? ' \u2047 ' : text(requireBytes(surface, refuse)),
    normalizer: {
      characterMap:
        map === undefined || requireBytes(map, refuse).length === 0 ? undefined : new CharacterMap(requireBytes(map, refuse), refuse),
      addDummyPrefix: flag(normalizer, 3, true),
      removeExtraWhitespaces: flag(normalizer, 4, true),
      escapeWhitespaces: flag(normalizer, 5, true),
    },
  };
}

const algorithms = new Map<FieldValue, SentencePieceFile['algorithm']>([
  [1, 'unigram'],
  [2, 'bpe'],
  [4, 'char'],
]);

/** `<0x0A>`, as the pieces of bytes are written. */
export function bytePiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

type Refuse = (received: string) => never;

function textReader(refuse: Refuse): (bytes: Uint8Array) => string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch {
      return refuse('a piece that is not UTF-8');
    }
  };
}

function pieceOf(bytes: Uint8Array, text: (bytes: Uint8Array) => string, refuse: Refuse): Piece {
  const fields = lastOfEach(bytes, refuse);
  const written = text(requireBytes(fields.get(1) ?? refuse('a piece without text'), refuse));
  if (written === '') refuse('an empty piece');
  const score = fields.get(2) ?? 0;
  if (typeof score !== 'number' || !Number.isFinite(score)) return refuse(`no finite score for the piece ${JSON.stringify(written)}`);
  const number = fields.get(3) ?? 1;
  const type = typeof number === 'number' ? pieceTypes[number - 1] : undefined;
  return { text: written, score, type: type ?? refuse(`a piece of type ${String(number)}`) };
}

function lastOfEach(bytes: Uint8Array, refuse: Refuse): Map<number, FieldValue> {
  const fields = new Map<number, FieldValue>();
  for (const { number, value } of fieldsOf(bytes, refuse)) fields.set(number, value);
  return fields;
}

function requireBytes(value: FieldValue, refuse: Refuse): Uint8Array {
  return typeof value === 'number' ? refuse('a number where the format has text or a message') : value;
}

function requireAllBytes(pieces: readonly Piece[], refuse: Refuse): void {
  const found = new Set(pieces.filter(({ type }) => type === 'byte').map(({ text }) => text));
  for (let byte = 0; byte < 256; byte++) if (!found.has(bytePiece(byte))) refuse(`byte fallback without the piece ${bytePiece(byte)}`);
}

function firstRepeated(pieces: readonly Piece[]): string | undefined {
  const seen = new Set<string>();
  return pieces.find(({ text }) => seen.size === seen.add(text).size)?.text;
}
