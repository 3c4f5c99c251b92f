import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { shellWord } from '../core/shell.js';
import { UnfinishedWork } from '../core/unfinished.js';
import type { ModelOptions } from '../models/create.js';
import { vocabularySizes } from '../models/model.js';
import type { NamedValues } from '../tensor/named-values.js';
import { Checkpoints } from './checkpoints.js';
import { Journal } from './journal.js';
import {
  descriptionFile,
  type ModelDescription,
  type PairTokenizers,
  openWeights,
  printDescription,
  readTokenizers,
  type Tokenizers,
  writerOfDescription,
} from './model-files.js';
import {
  checkpointsDirectory,
  configurationFile,
  directoryItself,
  isUnbegun,
  modelFile,
  ownNames,
  removeLeftovers,
  removeRun,
  requireFree,
  sharedTokenizerFile,
  sourceTokenizerFile,
  sourceWordsFile,
  stateFile,
  targetTokenizerFile,
} from './run-files.js';
import { writeSafetensors } from './safetensors.js';
import { replaceFile, writeTextFile } from './whole-files.js';

/** What a folder of Hugging Face, CTranslate2 or Marian has. */
const foreignNames = /^(config\.json|model\.bin|model\.safetensors\.index\.json)$|\.npz$/;

/** A configuration has a kilobyte or two; a much longer file is something else, and would take long to parse. */
export const mostConfigurationBytes = 256 * 1024;

/** What is noted with a model: the update it is of, and what validation found of it. */
export type ModelMetadata = Readonly<Record<string, string | number>>;

/** The origin of a model: the architecture's options and the seed of its initial parameters. */
export interface ModelOrigin {
  readonly options: ModelOptions;
  readonly seed: number;
  /** Of a language model, which has no source: tokens of a context. Undefined for a translator. */
  readonly context?: number | undefined;
  /** What it is translated with unless something else is asked for. */
  readonly decoding?: ModelDescription['decoding'];
}

/**
 * A run directory: everything a model needs, nothing executable.
 *
 *     config.yaml  how it is trained        model.json  the files of the model (`ModelDescription`)
 *     tokenizer.json (or source-tokenizer.json, target-tokenizer.json)
 *     source-words.txt  of the training corpus, to tell which words are new to the model
 *     model.safetensors  best so far        checkpoints/step-N/{model,optimizer}.safetensors, state.json
 *     metrics.jsonl  train.log          training.lock  while it is trained in
 *
 * Every file and checkpoint is written atomically, whenever the process or the machine stops. Other files may be in the directory,
 * under any name: see `UnfinishedWork`.
 */
export class Run {
  readonly files: Files;
  readonly path: string;
  readonly checkpoints: Checkpoints;
  readonly #unfinished: UnfinishedWork;

  private constructor(files: Files, path: string) {
    this.files = files;
    this.path = path.replace(/(.)\/+$/, '$1');
    this.#unfinished = new UnfinishedWork(files, this.path);
    this.checkpoints = new Checkpoints(files, this.path, this.#unfinished);
  }

  /**
   * Makes a run directory, with a model to begin with if given. Until its first checkpoint is kept it counts as not begun: the
   * next one may be made in its place. Throws what `requireFree` does.
   */
  static async create(
    files: Files,
    path: string,
    contents: {
      configuration: string;
      origin: ModelOrigin;
      tokenizers: Tokenizers;
      /** To begin with. */
      parameters?: NamedValues | undefined;
      amongOthers?: boolean | undefined;
      /** Its model is trained already, so that nothing may be made in its place. */
      isTrained?: boolean | undefined;
    },
  ): Promise<Run> {
    await requireFree(files, path, contents);
    const run = new Run(files, path);
    if (await isUnbegun(files, path)) await removeRun(files, path);
    const isNew = (await files.kind(path)) === 'missing';
    await files.makeDirectory(run.path);
    await run.#unfinished.begin(...ownNames, ...(isNew ? [directoryItself] : []));
    try {
      await files.makeDirectory(run.fileAt(checkpointsDirectory));
      for (const [name, text] of tokenizerFiles(contents.tokenizers)) await writeTextFile(files, run.fileAt(name), text);
      if (contents.parameters !== undefined) await writeSafetensors(files, run.fileAt(modelFile), contents.parameters);
      await writeTextFile(files, run.fileAt(descriptionFile), printDescription(descriptionOf(contents.origin, contents.tokenizers)));
      // Last, because this file makes the directory a run.
      await run.replaceConfiguration(contents.configuration);
      await files.syncDirectory(parentOf(run.path));
      if (contents.isTrained) await run.#unfinished.end(...(await run.#unfinished.names()));
    } catch (error) {
      await removeRun(files, path).catch(() => undefined);
      throw error;
    }
    return run;
  }

  /** Throws `input` when `path` is not a run directory. */
  static async open(files: Files, path: string): Promise<Run> {
    const kind = await files.kind(path);
    const names = kind === 'directory' ? await files.list(path) : [];
    if (names.includes(configurationFile) && tokenizerNamesIn(names) !== undefined) return new Run(files, path);
    const received = { missing: 'no such directory', file: 'a file', directory: `a directory without ${missingIn(names)}` }[kind];
    const next = names.includes(stateFile)
      ? 'this is a checkpoint; give the run directory two levels above'
      : names.some((name) => foreignNames.test(name))
        ? `this may be a model of another library: make a run of it with \`decade import ${shellWord(path)} -o RUN\``
        : 'check the path';
    throw new DecadeError('input', { where: path, received, allowed: 'a run directory written by `decade train`', next });
  }

  /** Removes incomplete files of a killed process. Only for the process that trains: another one may be writing. */
  removeLeftovers(): Promise<void> {
    return removeLeftovers(this.files, this.path);
  }

  configuration(): Promise<string> {
    return readBoundedText(this.files, this.fileAt(configurationFile), mostConfigurationBytes, 'the configuration of a run');
  }

  async replaceConfiguration(text: string): Promise<void> {
    await this.#replace(configurationFile, (path) => writeTextFile(this.files, path, text));
  }

  /**
   * Writes `model.json` if it is missing or outdated, as in runs of older versions of decade. Returns whether it could: a file of this
   * name that decade did not write stays.
   */
  async describe(origin: ModelOrigin): Promise<boolean> {
    const writer = await writerOfDescription(this.files, this.path);
    if (writer === 'another') return false;
    const text = printDescription(await this.description(origin));
    if (writer === undefined || (await this.files.readText(this.fileAt(descriptionFile))) !== text) {
      await this.#replace(descriptionFile, (path) => writeTextFile(this.files, path, text));
    }
    return true;
  }

  /** The contents of `model.json`, or what they would be in a run of an older version of decade. */
  async description(origin: ModelOrigin): Promise<ModelDescription> {
    return descriptionOf(origin, await this.tokenizersOf(origin));
  }

  /** Those of a translator or, where the origin has a context, that of a language model. */
  tokenizersOf({ context }: Pick<ModelOrigin, 'context'>): Promise<Tokenizers> {
    if (context === undefined) return this.tokenizers();
    return readTokenizers(this.files, this.path, { tokenizers: { target: sharedTokenizerFile } });
  }

  /** Those of a translator. */
  async tokenizers(): Promise<PairTokenizers> {
    const has = async (name: string) => (await this.files.kind(this.fileAt(name))) === 'file';
    const isShared = await has(sharedTokenizerFile);
    const sourceWords = (await has(sourceWordsFile)) ? sourceWordsFile : undefined;
    const read = await readTokenizers(this.files, this.path, { tokenizers: tokenizerNames(isShared), sourceWords });
    return { ...read, source: read.source ?? read.target };
  }

  /** Opens the model's parameters for as long as `use` takes. Throws `input` when there are none yet. */
  async restoreModel(use: (parameters: NamedValues) => Promise<void>): Promise<void> {
    const file = await openWeights(this.files, this.path, modelFile);
    try {
      await use(file);
    } finally {
      await file.close();
    }
  }

  async hasModel(): Promise<boolean> {
    return (await this.files.kind(this.fileAt(modelFile))) === 'file';
  }

  /** What was noted with the model when it was saved; undefined when there is none. */
  async modelMetadata(): Promise<Readonly<Record<string, string>> | undefined> {
    if (!(await this.hasModel())) return undefined;
    const file = await openWeights(this.files, this.path, modelFile);
    await file.close();
    return file.metadata;
  }

  /** Makes these parameters the run's model. */
  saveModel(parameters: NamedValues, metadata: ModelMetadata): Promise<string> {
    const noted = Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, String(value)]));
    return this.#replace(modelFile, (path) => writeSafetensors(this.files, path, parameters, noted));
  }

  /**
   * Makes these parameters the model of a run that needs no checkpoints, since it is learnt at once: with them the run is whole.
   *
   * @param origin  of the model as it has become; `model.json` says it
   */
  async complete(origin: ModelOrigin, parameters: NamedValues, metadata: ModelMetadata): Promise<void> {
    await this.saveModel(parameters, metadata);
    await this.describe(origin);
    await this.#unfinished.end(...(await this.#unfinished.names()));
  }

  /** Opens `metrics.jsonl` or `train.log`, cut to the length that the checkpoint noted. */
  journal(name: 'metrics.jsonl' | 'train.log', length: number): Promise<Journal> {
    return Journal.open(this.files, this.fileAt(name), length);
  }

  /** Replaces a file of the run at once. */
  #replace<Result>(name: string, write: (path: string) => Promise<Result>): Promise<Result> {
    return replaceFile(this.files, this.path, name, write, this.#unfinished);
  }

  /** Path of a file in this run. */
  fileAt(name: string): string {
    return joinPath(this.path, name);
  }
}

function descriptionOf({ options, seed, context, decoding }: ModelOrigin, { source, target, sourceWords }: Tokenizers): ModelDescription {
  return {
    model: options,
    ...(source === undefined
      ? { vocabularies: vocabularySizes({ target }), tokenizers: { target: sharedTokenizerFile } }
      : { vocabularies: vocabularySizes({ source, target }), tokenizers: tokenizerNames(source === target) }),
    ...(context !== undefined && { context }),
    ...(decoding !== undefined && { decoding }),
    ...(sourceWords && { sourceWords: sourceWordsFile }),
    weights: modelFile,
    seed,
  };
}

function tokenizerNames(isShared: boolean): { source: string; target: string } {
  if (isShared) return { source: sharedTokenizerFile, target: sharedTokenizerFile };
  return { source: sourceTokenizerFile, target: targetTokenizerFile };
}

/** Names and contents. */
function tokenizerFiles({ source, target, sourceWords }: Tokenizers): [string, string][] {
  if (source === undefined) return [[sharedTokenizerFile, target.toJson()]];
  const names = tokenizerNames(source === target);
  const files: [string, string][] = [[names.source, source.toJson()]];
  if (target !== source) files.push([names.target, target.toJson()]);
  return sourceWords === undefined ? files : [...files, [sourceWordsFile, sourceWords.toText()]];
}

function tokenizerNamesIn(names: readonly string[]): string[] | undefined {
  const choices = [[sharedTokenizerFile], [sourceTokenizerFile, targetTokenizerFile]];
  return choices.find((choice) => choice.every((name) => names.includes(name)));
}

function missingIn(names: readonly string[]): string {
  return names.includes(configurationFile) ? sharedTokenizerFile : configurationFile;
}

function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end < 0 ? '.' : end === 0 ? '/' : path.slice(0, end);
}
