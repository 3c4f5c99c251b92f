import { DecadeError } from '../core/errors.js';
import { joined, littleEndian, numberAt } from './bytes.js';
import type { ByteReader } from './byte-reader.js';
import { crc32 } from './checksum.js';
import { damaged } from './damage.js';

/*
 * The header of a compressed file, whole numbers with the lowest byte first:
 *
 *     'dcz', version (1 byte), model (1 byte), memory (1 byte), CRC-32 of these six bytes (4 bytes)
 *     a trained model:                   its identity (32), check value of what it computes (4), CRC-32 of both (4)
 *     a network that learns:             cells of its recurrent layer (2), CRC-32 of them (4)
 *
 * Version 1 has the counting model only.
 */

/** What a file is coded with: counting models alone, or networks, mixed with counting models or not. */
export type Coding = { readonly memory: number } & (
  | { readonly kind: 'counting' }
  | {
      readonly kind: 'networks';
      readonly mixed: boolean;
      /** At least one of them. Where both are, the network learns what the trained model lacks. */
      readonly trained?: TrainedIdentity | undefined;
      readonly network?: { readonly cells: number } | undefined;
    }
);

/** Which trained model, and what it computes of a fixed text. */
export interface TrainedIdentity {
  readonly identity: Uint8Array;
  readonly check: number;
}

const magic = [0x64, 0x63, 0x7a] as const;
const newestVersion = 2;
/** A number never gets another meaning. */
const countingModel = 1;
const networkModels = [
  { number: 2, mixed: true, trained: false, network: true },
  { number: 3, mixed: false, trained: false, network: true },
  { number: 4, mixed: true, trained: true, network: false },
  { number: 5, mixed: false, trained: true, network: false },
  { number: 6, mixed: true, trained: true, network: true },
  { number: 7, mixed: false, trained: true, network: true },
] as const;
const beginningBytes = 10;
const checkBytes = 4;
const identityBytes = 32;

/** 2^10 to 2^20 slots for each context; more is refused before anything is allocated. */
export const memories = { least: 10, usual: 18, most: 20 } as const;
/** Cells of the recurrent layer, in steps of so many; 0 for none. */
export const recurrentCells = { step: 16, most: 1_024 } as const;

/** Whether a file begins as a compressed one does. */
function isCompressed(beginning: Uint8Array): boolean {
  return magic.every((byte, place) => beginning[place] === byte);
}

export function writtenHeader(coding: Coding): Uint8Array {
  if (coding.kind === 'counting') return checked(Uint8Array.of(...magic, 1, countingModel, coding.memory));
  const { mixed, trained, network } = coding;
  const model = networkModels.find(
    (each) => each.mixed === mixed && each.trained === (trained !== undefined) && each.network === (network !== undefined),
  );
  if (model === undefined) throw new Error('a coding without a model');
  return joined(
    checked(Uint8Array.of(...magic, newestVersion, model.number, coding.memory)),
    trained === undefined ? new Uint8Array() : checked(joined(trained.identity, littleEndian([trained.check, 4]))),
    network === undefined ? new Uint8Array() : checked(littleEndian([network.cells, 2])),
  );
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
  if (version > newestVersion)
    throw refused(`format version ${version}`, `at most ${newestVersion}`, 'use the newer decade that wrote this file');
  const unknown = (what: string) => refused(what, 'a model that this version of decade knows', 'use the newer decade that wrote this file');
  const model = networkModels.find((known) => known.number === number);
  if ((model === undefined && number !== countingModel) || memory < memories.least || memory > memories.most) {
    throw unknown(`model ${number} with memory ${memory}`);
  }
  if (model === undefined) return { kind: 'counting', memory };
  const trained = model.trained ? identityIn(await takeChecked(input, identityBytes + 4, name)) : undefined;
  if (!model.network) return { kind: 'networks', mixed: model.mixed, memory, trained };
  const cells = numberAt(await takeChecked(input, 2, name), 0, 2);
  if (cells % recurrentCells.step !== 0 || cells > recurrentCells.most) throw unknown(`a network with ${cells} cells`);
  return { kind: 'networks', mixed: model.mixed, memory, trained, network: { cells } };
}

function identityIn(bytes: Uint8Array): TrainedIdentity {
  return { identity: bytes.slice(0, identityBytes), check: numberAt(bytes, identityBytes, 4) };
}

function checked(bytes: Uint8Array): Uint8Array {
  return joined(bytes, littleEndian([crc32(bytes), checkBytes]));
}

async function takeChecked(input: ByteReader, count: number, name: string): Promise<Uint8Array> {
  const bytes = await input.take(count + checkBytes, 'the header');
  if (crc32(bytes.subarray(0, count)) !== numberAt(bytes, count, checkBytes)) throw damaged(name, 'the header');
  return bytes.subarray(0, count);
}
