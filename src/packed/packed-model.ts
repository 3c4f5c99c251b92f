import { descriptionFile } from '../checkpoint/model-files.js';
import { SafetensorsFile, safetensorsHeader } from '../checkpoint/safetensors.js';
import { DecadeError } from '../core/errors.js';
import type { RandomAccessFile } from '../core/files.js';
import { sha256 } from '../core/sha256.js';
import { CheckedFile } from './checked-file.js';
import { isUrl } from './download.js';
import {
  formatVersion,
  hashOffset,
  mostFileBytes,
  mostHeaderBytes,
  mostPieceBytes,
  noHash,
  type PackedRun,
  packedMetadata,
  pieceBytes,
  tellingBytes,
  versionOf,
} from './format.js';
import { JoinedFile, type JoinedPart } from './joined-file.js';

/** What is read from: a file, or a download whose size nobody knows before it ends. */
export type PackedInput = Pick<RandomAccessFile, 'read' | 'close'> & { readonly size?: number | undefined };

/** An open packed model: the files of its runs, each checked as it is read. */
export class PackedModel {
  readonly path: string;
  /** Identifies the contents: the hash of the header, in which those of all the rest are. */
  readonly hash: string;
  readonly runs: readonly PackedRun[];
  readonly #tensors: SafetensorsFile;
  readonly #file: RandomAccessFile;

  private constructor(path: string, hash: string, runs: readonly PackedRun[], tensors: SafetensorsFile, file: RandomAccessFile) {
    this.path = path;
    this.hash = hash;
    this.runs = runs;
    this.#tensors = tensors;
    this.#file = file;
  }

  /**
   * Reads the header. Nothing is allocated by a number of it before it has been checked. The source becomes the model's to close.
   *
   * @throws DecadeError `input` for another file, a damaged one, and one of a newer decade
   */
  static async open(source: PackedInput, path: string): Promise<PackedModel> {
    try {
      const header = await readHeader(source, path);
      const { hash, checked, runs } = header;
      const tensors = await SafetensorsFile.open({ open: async () => checked }, path);
      requireTensors(tensors, runs, path);
      return new PackedModel(path, hash, runs, tensors, checked);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Names of the files of a run. */
  namesOf({ files, weights }: PackedRun): string[] {
    return [...Object.keys(files), weights.name];
  }

  /** A file of a run; undefined where it has none of this name. Closing it leaves the packed model open. */
  fileOf(run: PackedRun, name: string, path: string): RandomAccessFile | undefined {
    if (name === run.weights.name) return new JoinedFile(path, this.#weightsOf(run));
    const tensor = Object.hasOwn(run.files, name) ? this.#tensors.tensors.get(run.files[name] ?? '') : undefined;
    return tensor && new JoinedFile(path, [this.#part(tensor)]);
  }

  /** Reads everything once, and so checks every piece. Throws `input` where one differs from its hash. */
  async check(): Promise<void> {
    const piece = new Uint8Array(pieceBytes);
    for (let at = 0; at < this.#file.size; at += piece.length) {
      await this.#file.read(piece.subarray(0, Math.min(piece.length, this.#file.size - at)), at);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** The weights of a run as a safetensors file of their own. */
  #weightsOf({ prefix, weights }: PackedRun): JoinedPart[] {
    const own = [...this.#tensors.tensors].filter(([name]) => isWeight(name, prefix));
    own.sort(([, one], [, other]) => one.position - other.position);
    const described = own.map(([name, { dataType, shape }]) => ({ name: name.slice(prefix.length), dataType, shape }));
    const header = safetensorsHeader(described, weights.metadata);
    const beginning: JoinedPart = {
      length: header.length,
      read: async (target, start) => target.set(header.subarray(start, start + target.length)),
    };
    return [beginning, ...own.map(([, tensor]) => this.#part(tensor))];
  }

  #part({ position, bytes }: { readonly position: number; readonly bytes: number }): JoinedPart {
    return { length: bytes, read: (target, start) => this.#file.read(target, position + start) };
  }
}

/** What the name of a tensor begins with that is a file of a run, or fills a gap. */
export const filePrefix = '@';

/** The weights of a run whose names have no prefix are all that belong to no other. */
function isWeight(name: string, prefix: string): boolean {
  return !name.startsWith(filePrefix) && name.startsWith(prefix);
}

async function readHeader(
  source: PackedInput,
  path: string,
): Promise<{ readonly hash: string; readonly checked: CheckedFile; readonly runs: readonly PackedRun[] }> {
  const beginning = new Uint8Array(Math.min(tellingBytes, source.size ?? tellingBytes));
  await source.read(beginning, 0);
  const version = versionOf(new TextDecoder().decode(beginning.subarray(8)));
  if (version === undefined) throw foreignFile(path, beginning);
  if (version !== formatVersion) {
    throw new DecadeError('input', {
      where: path,
      received: `format version ${version}`,
      allowed: `${formatVersion}`,
      next: 'use the newer decade that packed this model',
    });
  }
  const declared = new DataView(beginning.buffer).getBigUint64(0, true);
  if (declared > BigInt(mostHeaderBytes)) throw damaged(path, `a header that says to be ${declared} bytes long`);
  const length = 8 + Number(declared);
  if (source.size !== undefined && length > source.size) throw damaged(path, `a file of ${source.size} bytes that ends in its header`);
  const header = new Uint8Array(length);
  await source.read(header, 0);
  const hash = new TextDecoder().decode(header.subarray(hashOffset, hashOffset + noHash.length));
  const unhashed = header.slice();
  unhashed.set(new TextEncoder().encode(noHash), hashOffset);
  if ((await sha256(unhashed)) !== hash) throw damaged(path, 'a header that differs from its hash');
  return { hash, ...contentsOf(source, path, header) };
}

/** What a header that is as it was written says of the rest. Whoever wrote it may still have lied. */
function contentsOf(
  source: PackedInput,
  path: string,
  header: Uint8Array,
): { readonly checked: CheckedFile; readonly runs: readonly PackedRun[] } {
  let json: { readonly [name: string]: unknown };
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(header.subarray(8)));
  } catch (cause) {
    throw damaged(path, 'a header that is not JSON', cause);
  }
  const parsed = packedMetadata.safeParse(json.__metadata__);
  if (!parsed.success) throw damaged(path, `metadata with a wrong ${parsed.error.issues[0]?.path.join('.')}`, parsed.error);
  const { pieceBytes, pieces, models } = parsed.data;
  const hashes = pieces.match(/.{64}/g) ?? [];
  const ends = Object.entries(json).map(([name, entry]) => (name === '__metadata__' ? 0 : endOf(entry)));
  const values = ends.reduce((most, end) => Math.max(most, end), 0);
  if (pieceBytes < 1 || pieceBytes > mostPieceBytes || hashes.length !== Math.ceil(values / pieceBytes)) {
    throw damaged(path, `${hashes.length} hashes of pieces of ${pieceBytes} bytes for ${values} bytes of values`);
  }
  const size = header.length + values;
  if (source.size !== undefined && source.size !== size)
    throw damaged(path, `a file of ${source.size} bytes whose header describes ${size}`);
  return { checked: new CheckedFile(path, source, { header, size, pieceBytes, hashes }), runs: models };
}

/** Where a tensor ends, by its entry; entries are checked by who reads the tensors. */
function endOf(entry: unknown): number {
  const offsets = (entry as { readonly data_offsets?: unknown } | null)?.data_offsets;
  const end: unknown = Array.isArray(offsets) ? offsets[1] : undefined;
  return typeof end === 'number' && Number.isSafeInteger(end) && end > 0 ? end : 0;
}

/** Throws `input` unless every file of a run is there, and no larger than a file may be. */
function requireTensors({ tensors }: SafetensorsFile, runs: readonly PackedRun[], path: string): void {
  for (const { files, prefix } of runs) {
    if (prefix.startsWith(filePrefix)) throw damaged(path, `weights of the prefix ${JSON.stringify(prefix)}`);
    if (!Object.hasOwn(files, descriptionFile)) throw damaged(path, `a model without ${descriptionFile}`);
    for (const [name, tensor] of Object.entries(files)) {
      const stored = tensors.get(tensor);
      if (stored?.dataType !== 'U8') throw damaged(path, `no contents of ${name}`);
      if (stored.bytes > mostFileBytes) throw damaged(path, `${name} of ${stored.bytes} bytes`);
    }
  }
}

function damaged(path: string, received: string, cause?: unknown): DecadeError {
  const next = 'the file is damaged: copy or download it again';
  return new DecadeError('input', { where: path, received, allowed: 'a packed model', next, cause });
}

function foreignFile(path: string, beginning: Uint8Array): DecadeError {
  const text = new TextDecoder().decode(beginning);
  const allowed = 'a run directory, or a model that `decade pack` made';
  const of = (received: string, next: string) => new DecadeError('input', { where: path, received, allowed, next });
  if (/^\s*<(!doctype|html|\?xml|head|body)/i.test(text)) {
    return of(
      'a web page',
      isUrl(path) ? 'check the URL: it may lead to a page about the model, or to one that asks for a login' : 'download the model itself',
    );
  }
  if (text.slice(8).startsWith('{"'))
    return of('a safetensors file that was not packed by decade', 'give the run directory that it belongs to');
  return of('a file of another kind', isUrl(path) ? 'check the URL' : 'check the path');
}
