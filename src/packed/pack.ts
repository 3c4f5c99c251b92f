import type { ModelDescription } from '../checkpoint/model-files.js';
import { descriptionFile, openWeights, printDescription, readModelTokenizers, writerOfDescription } from '../checkpoint/model-files.js';
import { configurationFile } from '../checkpoint/run-files.js';
import { bytesOfTensor, type SafetensorsFile, safetensorsHeader } from '../checkpoint/safetensors.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { ensemble } from '../decoding/ensemble.js';
import { createModel } from '../models/create.js';
import { hashOffset, mostFileBytes, mostHeaderBytes, mostModels, noHash, type PackedRun, pieceBytes, printMetadata } from './format.js';
import { sha256 } from '../core/sha256.js';
import { mountRuns } from './mounted-runs.js';
import { filePrefix } from './packed-model.js';
import { type PackedPrecision, type PackedTensor, packedTensors } from './packed-tensors.js';

export interface PackContents {
  /** Of the weights. Default: f32, from which `unpack` gives the same run back. */
  readonly precision?: PackedPrecision | undefined;
  /** Text about the model, for people: what it was trained on, what it is good for. Default: that of each run, if it has one. */
  readonly card?: string | undefined;
  /** Text of the licence. Default: that of each run, if it has one. */
  readonly licence?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const cardFile = 'README.md';
export const licenceFile = 'LICENSE';

/** A packed model, as it was written. */
export interface PackedSummary {
  readonly bytes: number;
  /** Of the weights. */
  readonly parameters: number;
  /** That of its matrices: f32 for a model without any, as one of n-grams, whatever was asked for. */
  readonly precision: PackedPrecision;
  /** SHA-256 of the header, in which the hashes of the rest are: identifies the model. */
  readonly hash: string;
}

/**
 * Packs a run, or several that form an ensemble, into one file, and writes that front to back. Weights are read twice, because what
 * comes first are the hashes of all that follows; no model is held.
 *
 * @throws DecadeError `input` for what is no run or is damaged, `usage` for runs that do not fit together
 */
export function packRuns(
  files: Files,
  paths: readonly string[],
  contents: PackContents,
  describe: DescribeRun,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<PackedSummary> {
  const { precision = 'f32', signal } = contents;
  return withContents(files, paths, { ...contents, precision }, describe, async ({ tensors, models, parameters }) => {
    const isNarrow = tensors.some(({ dataType }) => dataType === 'F16' || dataType === 'I8');
    return { ...(await writeTensors(tensors, models, write, signal)), parameters, precision: isNarrow ? precision : 'f32' };
  });
}

/** The bytes of what `packRuns` would write, with weights in f32. None of them is read. */
export function packedBytes(files: Files, paths: readonly string[], describe: DescribeRun): Promise<number> {
  return withContents(files, paths, { precision: 'f32' }, describe, async ({ tensors, models }) => {
    const bytes = tensors.reduce((sum, tensor) => sum + bytesOfTensor(tensor), 0);
    const hashes = new Array<string>(Math.ceil(bytes / pieceBytes)).fill(noHash);
    return safetensorsHeader(tensors, printMetadata(hashes, models)).length + bytes;
  });
}

/** Reads the model of the run at a path. */
export type DescribeRun = (files: Files, path: string) => Promise<ModelDescription>;

interface PackedContents {
  readonly tensors: readonly PackedTensor[];
  readonly models: readonly PackedRun[];
  readonly parameters: number;
}

/** Opens what is to be packed for as long as `use` takes. */
async function withContents<Result>(
  files: Files,
  paths: readonly string[],
  { precision, card, licence }: PackContents & { readonly precision: PackedPrecision },
  describe: DescribeRun,
  use: (contents: PackedContents) => Promise<Result>,
): Promise<Result> {
  const mounted = await mountRuns(files, paths);
  const opened: SafetensorsFile[] = [];
  try {
    if (mounted.runs.length > mostModels) {
      throw new DecadeError('usage', { where: 'pack', received: `${mounted.runs.length} runs`, allowed: `at most ${mostModels}` });
    }
    const members = [];
    const models: PackedRun[] = [];
    const texts = new SharedFiles();
    const weights: PackedTensor[] = [];
    let parameters = 0;
    for (const [index, run] of mounted.runs.entries()) {
      const described = await describe(mounted.files, run);
      const { source, target } = await readModelTokenizers(mounted.files, run, described);
      const model = createModel(described.model, described.vocabularies);
      members.push({ name: run, model, sourceTokenizer: source, targetTokenizer: target });
      const file = await openWeights(mounted.files, run, described.weights);
      opened.push(file);
      file.requireSame(model.parameters.shapes);
      parameters += model.parameters.count;
      const prefix = mounted.runs.length === 1 ? '' : `${index + 1}/`;
      const given = { [cardFile]: card, [licenceFile]: licence };
      const own = Object.entries(await filesOf(mounted.files, run, described, given));
      models.push({
        prefix,
        files: Object.fromEntries(own.map(([name, bytes]) => [name, texts.nameOf(`${prefix}${name}`, bytes)])),
        weights: { name: described.weights, metadata: { ...file.metadata } },
      });
      for (const tensor of packedTensors(file, precision)) weights.push({ ...tensor, name: `${prefix}${tensor.name}` });
    }
    ensemble(members);
    // Tensors of wide values first, so that all of them are aligned in the file.
    const wide = (tensor: PackedTensor) => tensor.dataType === 'F32';
    const tensors = [...texts.tensors(), ...weights.filter(wide), ...weights.filter((tensor) => !wide(tensor))];
    return await use({ tensors, models, parameters });
  } finally {
    for (const file of opened) await file.close();
    await mounted.close();
  }
}

async function writeTensors(
  tensors: readonly PackedTensor[],
  models: readonly PackedRun[],
  write: (bytes: Uint8Array) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<Pick<PackedSummary, 'bytes' | 'hash'>> {
  const hashes: string[] = [];
  for await (const piece of piecesOf(tensors)) {
    signal?.throwIfAborted();
    hashes.push(await sha256(piece));
  }
  const header = safetensorsHeader(tensors, printMetadata(hashes, models));
  if (header.length - 8 > mostHeaderBytes) {
    throw new DecadeError('usage', {
      where: 'pack',
      received: `a header of ${header.length.toLocaleString('en')} bytes`,
      allowed: `at most ${mostHeaderBytes.toLocaleString('en')}`,
      next: 'pack fewer models together',
    });
  }
  const hash = await sha256(header);
  header.set(new TextEncoder().encode(hash), hashOffset);
  await write(header);
  let bytes = header.length;
  let index = 0;
  for await (const piece of piecesOf(tensors)) {
    signal?.throwIfAborted();
    // A run that is written to meanwhile would make a file that nobody could read.
    if ((await sha256(piece)) !== hashes[index++]) throw new DecadeError('input', changed);
    await write(piece);
    bytes += piece.length;
  }
  return { bytes, hash };
}

const changed = { where: 'pack', received: 'a run that changed while it was packed', next: 'pack it again when nothing writes to it' };

/** The bytes of all tensors in pieces. A piece is valid until the next. */
async function* piecesOf(tensors: readonly PackedTensor[]): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(pieceBytes);
  let filled = 0;
  for (const tensor of tensors) {
    for await (const bytes of tensor.bytes()) {
      for (let start = 0; start < bytes.length; ) {
        const taken = bytes.subarray(start, start + pieceBytes - filled);
        piece.set(taken, filled);
        filled += taken.length;
        start += taken.length;
        if (filled < pieceBytes) continue;
        yield piece;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** The files of a run that belong to its model: those that its description names, how it was trained, and what people want to know. */
async function filesOf(
  files: Files,
  run: string,
  described: ModelDescription,
  given: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, Uint8Array>> {
  const needed = [...Object.values(described.tokenizers), described.sourceWords].flatMap((name) => name ?? []);
  const contents: Record<string, Uint8Array> = {
    [descriptionFile]:
      (await writerOfDescription(files, run)) === 'decade'
        ? await readBounded(files, joinPath(run, descriptionFile))
        : new TextEncoder().encode(printDescription(described)),
  };
  for (const name of new Set([...needed, configurationFile, 'metrics.jsonl', cardFile, licenceFile])) {
    const path = joinPath(run, name);
    const text = given[name];
    if (text !== undefined) contents[name] = new TextEncoder().encode(text);
    else if (needed.includes(name) || (await files.kind(path)) === 'file') contents[name] = await readBounded(files, path);
  }
  return contents;
}

async function readBounded(files: Files, path: string): Promise<Uint8Array> {
  const size = await files.size(path);
  if (size <= mostFileBytes) return files.readBytes(path);
  throw new DecadeError('input', {
    where: path,
    received: `a file of ${size.toLocaleString('en')} bytes`,
    allowed: `at most ${mostFileBytes.toLocaleString('en')} beside the weights`,
    next: 'move it out of the run',
  });
}

/** Files of runs as tensors; what several runs have alike is there once. */
class SharedFiles {
  readonly #names = new Map<string, string>();
  readonly #tensors: PackedTensor[] = [];
  #bytes = 0;

  /** The name of the tensor that holds these bytes, which is `wanted` if they are new. */
  nameOf(wanted: string, bytes: Uint8Array): string {
    const key = new TextDecoder('latin1').decode(bytes);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = `${filePrefix}${wanted}`;
    this.#names.set(key, name);
    this.#tensors.push({ name, dataType: 'U8', shape: [bytes.length], bytes: () => [bytes] });
    this.#bytes += bytes.length;
    return name;
  }

  /** With zeros at the end, so that what follows is aligned. */
  tensors(): PackedTensor[] {
    const zeros = new Uint8Array((8 - (this.#bytes % 8)) % 8);
    return [...this.#tensors, { name: `${filePrefix}zeros`, dataType: 'U8', shape: [zeros.length], bytes: () => [zeros] }];
  }
}
