import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { UnfinishedWork } from '../core/unfinished.js';
import type { ParameterStore } from '../nn/parameters.js';
import type { Memory } from '../tensor/memory.js';
import { loadTokenizer } from '../text/load-tokenizer.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { WordList } from '../text/word-list.js';
import { Checkpoints } from './checkpoints.js';
import { Journal } from './journal.js';
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
import { type NamedTensors, SafetensorsFile, writeSafetensors } from './safetensors.js';
import { copyFile, replaceFile, writeTextFile } from './whole-files.js';

/** A configuration has a kilobyte or two; what is far longer is another file, and would take long to find wrong. */
export const mostConfigurationBytes = 256 * 1024;
const mostTokenizerBytes = 64 * 1024 ** 2;

/** One object twice when both sides share a tokenizer. */
export interface Tokenizers {
  readonly source: Tokenizer;
  readonly target: Tokenizer;
  /** What the model has seen of the source's words; undefined for a run of an older decade. */
  readonly sourceWords?: WordList | undefined;
}

/**
 * A run directory: everything a model needs, nothing executable.
 *
 *     config.yaml  tokenizer.json (or source-tokenizer.json, target-tokenizer.json)
 *     source-words.txt  of the training corpus, to tell which words are new to the model
 *     model.safetensors  best so far        checkpoints/step-N/{model,optimizer}.safetensors, state.json
 *     metrics.jsonl  train.log          training.lock  while it is trained in
 *
 * Every file and checkpoint appears whole or not at all, whenever the process or the machine stops. Other files may lie beside
 * them, under whatever names: see `UnfinishedWork`.
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
   * Makes a run directory, with the model of another run if given. Until its first checkpoint is kept it counts as not begun: the
   * next one may be made in its place. Throws what `requireFree` does.
   */
  static async create(
    files: Files,
    path: string,
    contents: { configuration: string; tokenizers: Tokenizers; model?: Run | undefined; amongOthers?: boolean | undefined },
  ): Promise<Run> {
    await requireFree(files, path, contents.amongOthers);
    const run = new Run(files, path);
    if (await isUnbegun(files, path)) await removeRun(files, path);
    const isNew = (await files.kind(path)) === 'missing';
    await files.makeDirectory(run.path);
    await run.#unfinished.begin(...ownNames, ...(isNew ? [directoryItself] : []));
    try {
      await files.makeDirectory(run.fileAt(checkpointsDirectory));
      for (const [name, text] of tokenizerFiles(contents.tokenizers)) await writeTextFile(files, run.fileAt(name), text);
      if (contents.model !== undefined) await copyFile(files, contents.model.fileAt(modelFile), run.fileAt(modelFile));
      // Last, because it is what makes the directory a run.
      await run.replaceConfiguration(contents.configuration);
      await files.syncDirectory(parentOf(run.path));
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
    throw new DecadeError('input', {
      where: path,
      received,
      allowed: 'a run directory written by `decade train`',
      next: names.includes(stateFile) ? 'this is a checkpoint; give the run directory two levels above' : 'check the path',
    });
  }

  /** Removes what a killed process left half written. Only for who trains: another process may be writing. */
  removeLeftovers(): Promise<void> {
    return removeLeftovers(this.files, this.path);
  }

  configuration(): Promise<string> {
    return readBoundedText(this.files, this.fileAt(configurationFile), mostConfigurationBytes, 'the configuration of a run');
  }

  async replaceConfiguration(text: string): Promise<void> {
    await this.#replace(configurationFile, (path) => writeTextFile(this.files, path, text));
  }

  async tokenizers(): Promise<Tokenizers> {
    const has = async (name: string) => (await this.files.kind(this.fileAt(name))) === 'file';
    const read = (name: string, what: string) => readBoundedText(this.files, this.fileAt(name), mostTokenizerBytes, what);
    const load = async (name: string) => loadTokenizer(await read(name, 'a tokenizer'), this.fileAt(name));
    const sourceWords = (await has(sourceWordsFile)) ? WordList.parse(await read(sourceWordsFile, 'a list of words')) : undefined;
    if (await has(sharedTokenizerFile)) {
      const shared = await load(sharedTokenizerFile);
      return { source: shared, target: shared, sourceWords };
    }
    return { source: await load(sourceTokenizerFile), target: await load(targetTokenizerFile), sourceWords };
  }

  /**
   * Fills the best model so far into a store; gives the file's metadata. With `memory` the store is allocated there, but
   * not before the file has been found to hold what it declares.
   */
  async loadParameters(store: ParameterStore, memory?: Memory): Promise<Readonly<Record<string, string>>> {
    const file = await this.#openModel();
    try {
      file.requireSame(store);
      if (memory !== undefined) store.allocate(memory);
      await file.read(new Map(Array.from(store, ({ name, value }) => [name, value])));
      return file.metadata;
    } finally {
      await file.close();
    }
  }

  async hasModel(): Promise<boolean> {
    return (await this.files.kind(this.fileAt(modelFile))) === 'file';
  }

  /** Throws `input` unless the model has exactly these parameters. */
  async requireModel(parameters: ParameterStore): Promise<void> {
    const file = await this.#openModel();
    try {
      file.requireSame(parameters);
    } finally {
      await file.close();
    }
  }

  async #openModel(): Promise<SafetensorsFile> {
    if (await this.hasModel()) return SafetensorsFile.open(this.files, this.fileAt(modelFile));
    throw new DecadeError('input', {
      where: this.path,
      received: `no ${modelFile}: the training was stopped before its first checkpoint`,
      next: 'continue it with --resume',
    });
  }

  /** What was noted with the model when it was saved; undefined when there is none. */
  async modelMetadata(): Promise<Readonly<Record<string, string>> | undefined> {
    if (!(await this.hasModel())) return undefined;
    const file = await this.#openModel();
    await file.close();
    return file.metadata;
  }

  /** Makes these parameters the run's model. */
  saveModel(parameters: NamedTensors, metadata: Readonly<Record<string, string>>): Promise<string> {
    return this.#replace(modelFile, (path) => writeSafetensors(this.files, path, parameters, metadata));
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

/** What inference needs of a run: its configuration's text, its tokenizers, and its best parameters. */
export async function openRun(
  files: Files,
  path: string,
): Promise<{
  configuration: string;
  tokenizers: Tokenizers;
  loadParameters: Run['loadParameters'];
}> {
  const run = await Run.open(files, path);
  return {
    configuration: await run.configuration(),
    tokenizers: await run.tokenizers(),
    loadParameters: (store, memory) => run.loadParameters(store, memory),
  };
}

/** Names and contents. */
function tokenizerFiles({ source, target, sourceWords }: Tokenizers): [string, string][] {
  const tokenizers: [string, Tokenizer][] =
    source === target
      ? [[sharedTokenizerFile, source]]
      : [
          [sourceTokenizerFile, source],
          [targetTokenizerFile, target],
        ];
  const files = tokenizers.map(([name, tokenizer]): [string, string] => [name, tokenizer.toJson()]);
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
