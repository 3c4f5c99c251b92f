import { DecadeError } from '../core/errors.js';
import { joined, littleEndian, numberAt } from './bytes.js';
import type { ByteReader } from './byte-reader.js';
import { crc32 } from './checksum.js';
import { damaged } from './damage.js';

/*
 * The header of a compressed file, whole numbers with the lowest byte first:
 *
 *     'dcz', version (1 byte), model (1 byte), memory (1 byte), CRC-32 of these six bytes (4 bytes)
 *     a network that learns from nothing:  cells of its recurrent layer (2), CRC-32 of them (4)
 *     a trained model:                     its identity (32), check value of what it computes (4), CRC-32 of both (4)
 *
 * Version 1 has the counting model only.
 */

/** What a file is coded with. */
export type Coding = { readonly memory: number } & (
  | { readonly kind: 'counting' }
  | { readonly kind: 'network'; readonly mixed: boolean; readonly cells: number }
  | { readonly kind: 'trained'; readonly mixed: boolean; readonly identity: Uint8Array; readonly check: number }
);

const magic = [0x64, 0x63, 0x7a] as const;
const newestVersion = 2;
/** A number never gets another meaning. Mixed: with counting models. */
const models = [
  { number: 1, kind: 'counting', mixed: false },
  { number: 2, kind: 'network', mixed: true },
  { number: 3, kind: 'network', mixed: false },
  { number: 4, kind: 'trained', mixed: true },
  { number: 5, kind: 'trained', mixed: false },
] as const;
const beginningBytes = 10;
const checkBytes = 4;
export const identityBytes = 32;
/** What follows the beginning, without its check. */
const settingsBytes = { counting: 0, network: 2, trained: identityBytes + 4 } as const;

/** 2^10 to 2^20 slots for each context; more is refused before anything is allocated. */
export const memories = { least: 10, usual: 18, most: 20 } as const;
/** Cells of the recurrent layer, in steps of so many; 0 for none. */
export const recurrentCells = { step: 16, most: 1_024 } as const;

/** Whether a file begins as a compressed one does. */
function isCompressed(beginning: Uint8Array): boolean {
  return magic.every((byte, place) => beginning[place] === byte);
}

export function writtenHeader(coding: Coding): Uint8Array {
  const mixed = coding.kind !== 'counting' && coding.mixed;
  const number = models.find((model) => model.kind === coding.kind && model.mixed === mixed)?.number ?? 0;
  const beginning = checked(Uint8Array.of(...magic, coding.kind === 'counting' ? 1 : newestVersion, number, coding.memory));
  if (coding.kind === 'counting') return beginning;
  const settings = coding.kind === 'network' ? littleEndian([coding.cells, 2]) : joined(coding.identity, littleEndian([coding.check, 4]));
  return joined(beginning, checked(settings));
}

/**
 * @param name  the file, for errors
 * @throws DecadeError `input` for what is no compressed file, is damaged, or asks for what this version does not know
 */
export async function readHeader(input: ByteReader, name: string): Promise<Coding> {
  const refused = (received: string, allowed: string, next: string) => new DecadeError('input', { where: name, received, allowed, next });
  // Of what is too short for a header and does not begin as one, it is said that it is none, not that it is cut.
  if (!isCompressed(await input.peek(beginningBytes))) {
    throw refused('no compressed file of decade', 'what decade compress wrote', 'check the name of the file');
  }
  const [, , , version = 0, number = 0, memory = 0] = await takeChecked(input, beginningBytes - checkBytes, name);
  if (version > newestVersion) throw refused(`format version ${version}`, `at most ${newestVersion}`, 'use the newer decade that wrote this file');
  const model = models.find((known) => known.number === number);
  if (model === undefined || memory < memories.least || memory > memories.most) throw unknownModel(refused, number, memory);
  if (model.kind === 'counting') return { kind: 'counting', memory };
  const settings = await takeChecked(input, settingsBytes[model.kind], name);
  if (model.kind === 'trained') {
    return { ...model, memory, identity: settings.slice(0, identityBytes), check: numberAt(settings, identityBytes, 4) };
  }
  const cells = numberAt(settings, 0, 2);
  if (cells % recurrentCells.step !== 0 || cells > recurrentCells.most) throw unknownModel(refused, number, memory, cells);
  return { ...model, memory, cells };
}

function unknownModel(
  refused: (received: string, allowed: string, next: string) => DecadeError,
  number: number,
  memory: number,
  cells?: number,
): DecadeError {
  const received = `model ${number} with memory ${memory}${cells === undefined ? '' : ` and ${cells} cells`}`;
  return refused(received, 'a model that this version of decade knows', 'use the newer decade that wrote this file');
}

function checked(bytes: Uint8Array): Uint8Array {
  return joined(bytes, littleEndian([crc32(bytes), checkBytes]));
}

async function takeChecked(input: ByteReader, count: number, name: string): Promise<Uint8Array> {
  const bytes = await input.take(count + checkBytes, 'the header');
  if (crc32(bytes.subarray(0, count)) !== numberAt(bytes, count, checkBytes)) throw damaged(name, 'the header');
  return bytes.subarray(0, count);
}
