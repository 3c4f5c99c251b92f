import { z } from 'zod';
import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { contentHash } from '../data/content-hash.js';
import type { ParameterStore } from '../nn/parameters.js';
import type { Memory } from '../tensor/memory.js';
import { loadTokenizer } from '../text/load-tokenizer.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { WordList } from '../text/word-list.js';
import { copyFile, replaceFile, temporarySuffix, writeTextFile } from './whole-files.js';
import { Journal } from './journal.js';
import { lockName } from './run-lock.js';
import { type NamedTensors, readAverage, SafetensorsFile, writeSafetensors } from './safetensors.js';

/** Grows when an older decade could no longer read what is written here. */
const formatVersion = 1;

const configurationFile = 'config.yaml';
const sharedTokenizerFile = 'tokenizer.json';
const sourceTokenizerFile = 'source-tokenizer.json';
const targetTokenizerFile = 'target-tokenizer.json';
const sourceWordsFile = 'source-words.txt';
const modelFile = 'model.safetensors';
const optimizerFile = 'optimizer.safetensors';
const stateFile = 'state.json';
const checkpointsDirectory = 'checkpoints';
const removedPrefix = 'removed-';

/** A configuration has a kilobyte or two; what is far longer is another file, and would take long to find wrong. */
export const mostConfigurationBytes = 256 * 1024;
const mostTokenizerBytes = 64 * 1024 ** 2;
const mostStateBytes = 1024 ** 2;

/** One object twice when both sides share a tokenizer. */
export interface Tokenizers {
  readonly source: Tokenizer;
  readonly target: Tokenizer;
  /** What the model has seen of the source's words; undefined for a run of an older decade. */
  readonly sourceWords?: WordList | undefined;
}

/** What a loop gives to be kept. */
export interface CheckpointContents {
  readonly step: number;
  readonly parameters: NamedTensors;
  readonly optimizerState: NamedTensors;
  /** Everything else that resuming needs, as JSON; its meaning is the loop's. */
  readonly progress: unknown;
}

/** A checkpoint whose files are whole. */
export interface Checkpoint {
  readonly step: number;
  readonly progress: unknown;
  /** Fills both from the checkpoint; throws `input` when names or shapes differ. */
  restore(parameters: NamedTensors, optimizerState: NamedTensors): Promise<void>;
}

const stateContents = z.looseObject({
  step: z.int().nonnegative(),
  files: z.record(z.string(), z.string()),
  progress: z.unknown(),
});

/**
 * A run directory: everything a model needs, nothing executable.
 *
 *     config.yaml  tokenizer.json (or source-tokenizer.json, target-tokenizer.json)
 *     source-words.txt  of the training corpus, to tell which words are new to the model
 *     model.safetensors  best so far        checkpoints/step-N/{model,optimizer}.safetensors, state.json
 *     metrics.jsonl  train.log          training.lock  while it is trained in
 *
 * Every file and checkpoint appears whole or not at all, whenever the process or the machine stops.
 */
export class Run {
  readonly files: Files;
  readonly path: string;

  private constructor(files: Files, path: string) {
    this.files = files;
    this.path = path.replace(/(.)\/+$/, '$1');
  }

  /** Makes a run directory at once, with the model of another run if given. Throws `usage` when `path` holds anything already. */
  static async create(
    files: Files,
    path: string,
    contents: { configuration: string; tokenizers: Tokenizers; model?: Run | undefined },
  ): Promise<Run> {
    await requireFree(files, path);
    const run = new Run(files, path);
    const isNew = (await files.kind(path)) === 'missing';
    const directory = isNew ? `${run.path}${temporarySuffix}` : run.path;
    if (isNew) await files.remove(directory);
    await files.makeDirectory(joinPath(directory, checkpointsDirectory));
    for (const [name, text] of tokenizerFiles(contents.tokenizers)) await writeTextFile(files, joinPath(directory, name), text);
    if (contents.model !== undefined) await copyFile(files, contents.model.fileAt(modelFile), joinPath(directory, modelFile));
    await writeTextFile(files, joinPath(directory, configurationFile), contents.configuration);
    await files.syncDirectory(directory);
    if (isNew) {
      await files.rename(directory, run.path);
      await files.syncDirectory(parentOf(run.path));
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
      allowed: 'a run directory, as `decade train` makes',
      next: names.includes(stateFile) ? 'a checkpoint is part of a run: give the directory two levels above' : 'check the path',
    });
  }

  /** Clears away what a killed process left half written. Only for who trains: another process may be writing. */
  async removeLeftovers(): Promise<void> {
    for (const directory of [this.path, joinPath(this.path, checkpointsDirectory)]) {
      for (const name of await this.files.list(directory)) {
        if (name.endsWith(temporarySuffix) || name.startsWith(removedPrefix)) await this.files.remove(joinPath(directory, name));
      }
    }
  }

  configuration(): Promise<string> {
    return readBoundedText(this.files, this.fileAt(configurationFile), mostConfigurationBytes, 'the configuration of a run');
  }

  async replaceConfiguration(text: string): Promise<void> {
    await replaceFile(this.files, this.path, configurationFile, (path) => writeTextFile(this.files, path, text));
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
    return replaceFile(this.files, this.path, modelFile, (path) => writeSafetensors(this.files, path, parameters, metadata));
  }

  /** Opens `metrics.jsonl` or `train.log`, cut to the length that the checkpoint noted. */
  journal(name: 'metrics.jsonl' | 'train.log', length: number): Promise<Journal> {
    return Journal.open(this.files, this.fileAt(name), length);
  }

  /** Keeps a checkpoint and removes all but the last `keep`. When it cannot be written, those before it stand untouched. */
  async saveCheckpoint(contents: CheckpointContents, keep: number): Promise<void> {
    const parent = this.fileAt(checkpointsDirectory);
    const path = joinPath(parent, checkpointName(contents.step));
    const partial = `${path}${temporarySuffix}`;
    try {
      await this.files.remove(partial);
      await this.files.makeDirectory(partial);
      const files = {
        [modelFile]: await writeSafetensors(this.files, joinPath(partial, modelFile), contents.parameters),
        [optimizerFile]: await writeSafetensors(this.files, joinPath(partial, optimizerFile), contents.optimizerState),
      };
      const state = { formatVersion, step: contents.step, files, progress: contents.progress };
      await writeTextFile(this.files, joinPath(partial, stateFile), `${JSON.stringify(state, undefined, 2)}\n`);
      await this.files.syncDirectory(partial);
      // Only a damaged checkpoint can stand there: training resumed before it.
      await this.files.remove(path);
      await this.files.rename(partial, path);
      await this.files.syncDirectory(parent);
    } catch (error) {
      await this.files.remove(partial).catch(() => undefined);
      throw await this.#withAdvice(error);
    }
    await this.keepCheckpoints(contents.step, keep);
  }

  /** Removes the checkpoints after `last`, which were left out as damaged, and all but `keep` of those up to it. */
  async keepCheckpoints(last: number, keep: number): Promise<void> {
    const steps = await this.checkpointSteps();
    const kept = steps.filter((step) => step <= last).slice(-Math.max(1, keep));
    for (const step of steps) if (!kept.includes(step)) await this.#removeCheckpoint(step);
  }

  async #withAdvice(error: unknown): Promise<unknown> {
    if (!(error instanceof DecadeError)) return error;
    const last = (await this.checkpointSteps().catch(() => [])).at(-1);
    const standing = last === undefined ? 'there is no earlier checkpoint' : `checkpoint ${last} stands`;
    return new DecadeError(error.kind, {
      ...error.parts,
      next: `${standing}; ${error.parts.next ?? 'check the disk'}, then use --resume`,
      cause: error,
    });
  }

  /** A rename first, so that a checkpoint is never seen with some of its files gone. */
  async #removeCheckpoint(step: number): Promise<void> {
    const parent = this.fileAt(checkpointsDirectory);
    const removed = joinPath(parent, `${removedPrefix}${checkpointName(step)}`);
    await this.files.remove(removed);
    await this.files.rename(joinPath(parent, checkpointName(step)), removed);
    await this.files.remove(removed);
  }

  /** Steps of the checkpoints, rising. */
  async checkpointSteps(): Promise<number[]> {
    const names = await this.files.list(this.fileAt(checkpointsDirectory));
    return names
      .map((name) => /^step-(\d{1,15})$/.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /**
   * The last checkpoint whose files are what they were when it was written; each damaged one before it is told to `warn`.
   * Undefined when there is none at all; throws `input` when all are damaged or a newer decade wrote them.
   */
  async latestCheckpoint(warn: (message: string) => void): Promise<Checkpoint | undefined> {
    const steps = (await this.checkpointSteps()).reverse();
    for (const step of steps) {
      try {
        return await this.#openCheckpoint(step);
      } catch (error) {
        if (!(error instanceof DecadeError) || error.kind !== 'input') throw error;
        warn(`checkpoint ${step} is damaged and left out (${error.parts.where}: ${error.parts.received})`);
      }
    }
    if (steps.length === 0) return undefined;
    throw new DecadeError('input', {
      where: this.fileAt(checkpointsDirectory),
      received: `${steps.length} checkpoints, all damaged`,
      next: 'start again in another directory with --init to take over model.safetensors',
    });
  }

  async #openCheckpoint(step: number): Promise<Checkpoint> {
    const directory = joinPath(this.path, checkpointsDirectory, checkpointName(step));
    const statePath = joinPath(directory, stateFile);
    const state = parseState(await readBoundedText(this.files, statePath, mostStateBytes, 'the state of a checkpoint'), statePath);
    for (const name of [modelFile, optimizerFile]) {
      const path = joinPath(directory, name);
      if ((await contentHash(this.files.stream(path))) !== state.files[name]) {
        throw new DecadeError('input', { where: path, received: 'a content hash other than state.json notes' });
      }
    }
    const read = async (name: string, targets: NamedTensors) => {
      const file = await SafetensorsFile.open(this.files, joinPath(directory, name));
      try {
        await file.read(targets);
      } finally {
        await file.close();
      }
    };
    return {
      step,
      progress: state.progress,
      restore: async (parameters, optimizerState) => {
        await read(modelFile, parameters);
        await read(optimizerFile, optimizerState);
      },
    };
  }

  /** Sets the targets to the mean of the parameters of these checkpoints. */
  async averageCheckpoints(steps: readonly number[], targets: NamedTensors): Promise<void> {
    const sources: SafetensorsFile[] = [];
    try {
      for (const step of steps) {
        sources.push(await SafetensorsFile.open(this.files, joinPath(this.path, checkpointsDirectory, checkpointName(step), modelFile)));
      }
      await readAverage(sources, targets);
    } finally {
      for (const source of sources) await source.close();
    }
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

/** Throws `usage` unless a new run can be made at `path`: nothing there yet, or an empty directory. */
export async function requireFree(files: Files, path: string): Promise<void> {
  const kind = await files.kind(path);
  if (kind === 'missing') return;
  const names = kind === 'directory' ? (await files.list(path)).filter((name) => name !== lockName) : [];
  if (kind === 'directory' && names.length === 0) return;
  const isRun = names.includes(configurationFile) && names.includes(checkpointsDirectory);
  throw new DecadeError('usage', {
    where: path,
    received: isRun ? 'a directory that holds a run already' : kind === 'file' ? 'a file' : 'a directory that holds other files',
    allowed: 'a new directory for the run',
    next: isRun ? 'continue it with --resume, or choose another --out' : 'choose another --out',
  });
}

function parseState(text: string, path: string): z.output<typeof stateContents> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DecadeError('input', { where: path, received: 'not JSON, or cut short', cause });
  }
  const version = z.looseObject({ formatVersion: z.int() }).safeParse(json);
  if (version.success && version.data.formatVersion > formatVersion) {
    throw new DecadeError('usage', {
      where: path,
      received: `format version ${version.data.formatVersion}`,
      allowed: `at most ${formatVersion}`,
      next: 'use the newer decade that wrote this checkpoint',
    });
  }
  const state = stateContents.safeParse(json);
  if (!version.success || !state.success) throw new DecadeError('input', { where: path, received: 'not the state of a checkpoint' });
  return state.data;
}

function checkpointName(step: number): string {
  return `step-${step}`;
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
