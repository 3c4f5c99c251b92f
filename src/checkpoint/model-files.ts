import * as z from 'zod';
import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import { joinPath, type ReadableFiles } from '../core/files.js';
import { describeIssue } from '../core/issues.js';
import { beginningOfFile } from '../core/own-file.js';
import { createdModelOptions } from '../models/create.js';
import { specialIds, vocabularySizes } from '../models/model.js';
import type { ParameterStore } from '../nn/parameters.js';
import type { Memory } from '../tensor/memory.js';
import { PlacedValues } from '../tensor/named-values.js';
import { loadTokenizer } from '../text/load-tokenizer.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { WordList } from '../text/word-list.js';
import { SafetensorsFile } from './safetensors.js';

/*
 * The files of a run that are needed to use its model. A description names the others, so no directory has to be listed and no
 * training configuration read.
 */

export const descriptionFile = 'model.json';
/** What the file begins with. */
const format = 'decade-model';
/** Of what is written: an older decade, which reads no more than 1, knows of no model without a source. */
const versionOf = ({ vocabularies }: ModelDescription) => (vocabularies.source === undefined ? 2 : 1);
const newestVersion = 2;
const mostDescriptionBytes = 256 * 1024;
const mostTokenizerBytes = 64 * 1024 ** 2;

/** A name, never a path: a description may come from anywhere and must not refer to files outside its directory. */
const fileName = z.string().regex(/^\w[\w.-]*$/, 'expected the name of a file beside it');

const id = z.int().nonnegative();
const specialIdsOfSide = z.object({ begin: id, end: id, unknown: id.optional(), forbidden: z.array(id).readonly() });

const description = z.object({
  /** The architecture's options, defaults filled in. */
  model: createdModelOptions,
  /** Tokens of each side; of a language model those of its text. */
  vocabularies: z.object({
    source: z.int().positive().optional(),
    target: z.int().positive(),
    /** Where a vocabulary from elsewhere has its special tokens. */
    special: z.object({ source: specialIdsOfSide.optional(), target: specialIdsOfSide }).optional(),
  }),
  /** Files of the tokenizers, normalisation included; one file twice when both sides share it. */
  tokenizers: z.object({ source: fileName.optional(), target: fileName }),
  /** Of a language model: tokens of a context in training. */
  context: z.int().positive().optional(),
  /** Options that it is translated with unless something else is asked for; who translates checks them. */
  decoding: z.record(z.string(), z.unknown()).optional(),
  /** File of the words that training has shown; missing for a run of an older decade. */
  sourceWords: fileName.optional(),
  /** File of the best parameters so far. */
  weights: fileName,
  /** The seed of the initial parameters. */
  seed: z.int(),
});

/** The description of a run's model. Written when the run is created and valid for every later state of its weights. */
export type ModelDescription = z.output<typeof description>;

/** The tokenizers of a model, one object twice when both sides share it. */
export interface Tokenizers {
  /** Undefined for a language model. */
  readonly source?: Tokenizer | undefined;
  readonly target: Tokenizer;
  /** The source words of the training corpus; undefined for a run of an older version of decade. */
  readonly sourceWords?: WordList | undefined;
}

/** Those of a model with a source. */
export interface PairTokenizers extends Tokenizers {
  readonly source: Tokenizer;
}

/** Who wrote the `model.json` in a directory, if there is one: the name is a common one. */
export async function writerOfDescription(files: ReadableFiles, path: string): Promise<'decade' | 'another' | undefined> {
  const file = joinPath(path, descriptionFile);
  const kind = await files.kind(file);
  if (kind !== 'file') return kind === 'missing' ? undefined : 'another';
  const beginning = await beginningOfFile(files, file);
  return beginning.replace(/\s/g, '').startsWith(`{"format":"${format}"`) ? 'decade' : 'another';
}

export function printDescription(contents: ModelDescription): string {
  return `${JSON.stringify({ format, version: versionOf(contents), ...contents }, undefined, 2)}\n`;
}

/**
 * The description of the model of the run at `path`; undefined without a `model.json` written by decade.
 *
 * @throws DecadeError `input` for a damaged one, and for one of a newer version of decade
 */
export async function readDescription(files: ReadableFiles, path: string): Promise<ModelDescription | undefined> {
  if ((await writerOfDescription(files, path)) !== 'decade') return undefined;
  const file = joinPath(path, descriptionFile);
  const refuse = (received: string, allowed: string, next: string, cause?: unknown) =>
    new DecadeError('input', { where: file, received, allowed, next, cause });
  const text = await readBoundedText(files, file, mostDescriptionBytes, 'the description of a model');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw refuse('not JSON, or cut short', 'the description of a model', 'copy the run again', cause);
  }
  const written = z.object({ version: z.int() }).safeParse(json);
  if (written.success && written.data.version > newestVersion) {
    throw refuse(`format version ${written.data.version}`, `at most ${newestVersion}`, 'use the newer decade that wrote this run');
  }
  const parsed = description.safeParse(json);
  if (written.success && parsed.success) return parsed.data;
  const [issue] = parsed.error?.issues ?? [];
  const found = issue?.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], json);
  const { received, allowed = 'the description of a model' } =
    issue === undefined ? { received: 'no version' } : describeIssue(issue, found);
  throw refuse(issue === undefined ? received : `${issue.path.join('.')}: ${received}`, allowed, 'copy the run again');
}

/** @throws DecadeError `input` for a file that is missing, damaged or another's */
export async function readTokenizers(
  files: ReadableFiles,
  path: string,
  { tokenizers, sourceWords }: Pick<ModelDescription, 'tokenizers' | 'sourceWords'>,
): Promise<Tokenizers> {
  const read = (name: string, what: string) => readBoundedText(files, joinPath(path, name), mostTokenizerBytes, what);
  const load = async (name: string) => loadTokenizer(await read(name, 'a tokenizer'), joinPath(path, name));
  const words = sourceWords === undefined ? undefined : WordList.parse(await read(sourceWords, 'a list of words'));
  const target = await load(tokenizers.target);
  if (tokenizers.source === undefined) return { target };
  return { source: tokenizers.source === tokenizers.target ? target : await load(tokenizers.source), target, sourceWords: words };
}

/**
 * The tokenizers that a description names.
 *
 * @throws DecadeError `input` if they do not match the model, and as `readTokenizers`
 */
export async function readModelTokenizers(files: ReadableFiles, path: string, described: ModelDescription): Promise<Tokenizers> {
  const tokenizers = await readTokenizers(files, path, described);
  for (const side of ['source', 'target'] as const) {
    const [has, needs] = [tokenizers[side]?.size, described.vocabularies[side]];
    if (has === needs) continue;
    throw new DecadeError('input', {
      where: joinPath(path, described.tokenizers[side] ?? descriptionFile),
      received: has === undefined ? 'no source tokenizer' : `${has} tokens`,
      allowed: `the ${needs} of ${descriptionFile}`,
      next: 'take all files of a run together',
    });
  }
  const [has, needs] = [vocabularySizes(tokenizers), described.vocabularies].map((sizes) => specialIds(sizes));
  if (JSON.stringify(has) === JSON.stringify(needs)) return tokenizers;
  throw new DecadeError('input', {
    where: joinPath(path, described.tokenizers.target),
    received: 'other ids for the special tokens',
    allowed: `those of ${descriptionFile}`,
    next: 'take all files of a run together',
  });
}

/** The file of a run's weights; the caller closes it. Throws `input` if there are none yet. */
export async function openWeights(files: ReadableFiles, path: string, name: string): Promise<SafetensorsFile> {
  const file = joinPath(path, name);
  if ((await files.kind(file)) === 'file') return SafetensorsFile.open(files, file);
  throw new DecadeError('input', {
    where: path,
    received: `no ${name}: the training was stopped before its first checkpoint`,
    next: 'continue it with --resume',
  });
}

/**
 * Allocates a store in a memory, but not before a run's file has been found to hold what it declares, and fills it. Returns whether
 * its matrices were integers, whose products can be computed as such.
 */
export async function loadWeights(
  files: ReadableFiles,
  path: string,
  name: string,
  store: ParameterStore,
  memory: Memory,
): Promise<{ readonly integers: boolean }> {
  const file = await openWeights(files, path, name);
  try {
    file.requireSame(store.shapes);
    store.allocate(memory);
    await PlacedValues.of(store).fill(file);
    return { integers: file.hasIntegers };
  } finally {
    await file.close();
  }
}
