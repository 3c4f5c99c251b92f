import { counted } from '../core/counted.js';
import * as z from 'zod';
import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { temporaryNameFor, type UnfinishedWork } from '../core/unfinished.js';
import { contentHash } from '../data/content-hash.js';
import type { NamedValues } from '../tensor/named-values.js';
import {
  checkpointsDirectory,
  isCheckpoint,
  isPureCheckpoint,
  modelFile,
  optimizerFile,
  removeCheckpoint,
  stateFile,
  stepOf,
} from './run-files.js';
import { AveragedValues, SafetensorsFile, writeSafetensors } from './safetensors.js';
import { writeTextFile } from './whole-files.js';

/** Incremented when older versions of decade can no longer read what is written here. */
const formatVersion = 1;
const mostStateBytes = 1024 ** 2;

/** The contents of a checkpoint. */
export interface CheckpointContents {
  readonly step: number;
  readonly parameters: NamedValues;
  readonly optimizerState: NamedValues;
  /** Everything else that resuming needs, as JSON; its meaning is the loop's. */
  readonly progress: unknown;
}

/** A checkpoint whose files are intact. */
export interface Checkpoint {
  readonly step: number;
  readonly progress: unknown;
  /** Opens what it holds for as long as `use` takes. Whoever reads it throws `input` when names or shapes differ from what is needed. */
  restore(use: (values: Pick<CheckpointContents, 'parameters' | 'optimizerState'>) => Promise<void>): Promise<void>;
}

const stateContents = z.looseObject({
  step: z.int().nonnegative(),
  files: z.record(z.string(), z.string()),
  progress: z.unknown(),
});

/**
 * The checkpoints of a run: `checkpoints/step-N/{model,optimizer}.safetensors, state.json`. Each is created and removed atomically.
 */
export class Checkpoints {
  readonly #files: Files;
  readonly #run: string;
  readonly #unfinished: UnfinishedWork;

  /** `unfinished` is the record of the run at the path `run`. */
  constructor(files: Files, run: string, unfinished: UnfinishedWork) {
    this.#files = files;
    this.#run = run;
    this.#unfinished = unfinished;
  }

  /** Writes a checkpoint and removes all but the last `keep`. If it cannot be written, earlier ones are untouched. */
  async save(contents: CheckpointContents, keep: number): Promise<void> {
    const parent = this.#fileAt(checkpointsDirectory);
    const path = joinPath(parent, checkpointName(contents.step));
    const temporary = temporaryNameFor(joinPath(checkpointsDirectory, checkpointName(contents.step)));
    const partial = this.#fileAt(temporary);
    try {
      await this.#unfinished.begin(temporary);
      await this.#files.makeDirectory(partial);
      const files = {
        [modelFile]: await writeSafetensors(this.#files, joinPath(partial, modelFile), contents.parameters),
        [optimizerFile]: await writeSafetensors(this.#files, joinPath(partial, optimizerFile), contents.optimizerState),
      };
      const state = { formatVersion, step: contents.step, files, progress: contents.progress };
      await writeTextFile(this.#files, joinPath(partial, stateFile), `${JSON.stringify(state, undefined, 2)}\n`);
      await this.#files.syncDirectory(partial);
      // Only a damaged checkpoint can be there: training resumed from an earlier one.
      await removeCheckpoint(this.#files, path);
      await this.#files.rename(partial, path);
      await this.#files.syncDirectory(parent);
      // With this one the run has begun.
      await this.#unfinished.end(...(await this.#unfinished.names()));
    } catch (error) {
      await this.#files.remove(partial).catch(() => undefined);
      throw await this.#withAdvice(error);
    }
    await this.retain(contents.step, keep);
  }

  /** Removes the checkpoints after `last`, which are damaged, and all but `keep` of those up to it. */
  async retain(last: number, keep: number): Promise<void> {
    const steps = await this.steps();
    const kept = steps.filter((step) => step <= last).slice(-Math.max(1, keep));
    for (const step of steps) if (!kept.includes(step)) await this.#remove(step);
  }

  async #withAdvice(error: unknown): Promise<unknown> {
    if (!(error instanceof DecadeError)) return error;
    const last = (await this.steps().catch(() => [])).at(-1);
    const advice = error.parts.next ?? 'check the disk';
    const next =
      last === undefined ? `${advice}; there is no checkpoint yet` : `checkpoint ${last} is intact; ${advice}, then use --resume`;
    return new DecadeError(error.kind, { ...error.parts, next, cause: error });
  }

  /** Renames first, so a checkpoint is never seen with files missing; leaves directories that contain other files. */
  async #remove(step: number): Promise<void> {
    const name = joinPath(checkpointsDirectory, checkpointName(step));
    if (!(await isPureCheckpoint(this.#files, this.#fileAt(name)))) return removeCheckpoint(this.#files, this.#fileAt(name));
    const temporary = temporaryNameFor(name);
    await this.#unfinished.begin(temporary);
    await this.#files.rename(this.#fileAt(name), this.#fileAt(temporary));
    await removeCheckpoint(this.#files, this.#fileAt(temporary));
    await this.#unfinished.end(temporary);
  }

  /** Steps of the checkpoints, ascending. */
  async steps(): Promise<number[]> {
    const parent = this.#fileAt(checkpointsDirectory);
    const steps: number[] = [];
    for (const name of await this.#files.list(parent)) {
      const step = stepOf(name);
      if (step !== undefined && (await isCheckpoint(this.#files, joinPath(parent, name)))) steps.push(step);
    }
    return steps.sort((a, b) => a - b);
  }

  /**
   * The last intact checkpoint; damaged later ones are reported to `warn`. Undefined if there is none; throws `input` if all are
   * damaged or written by a newer version of decade.
   */
  async latest(warn: (message: string) => void): Promise<Checkpoint | undefined> {
    const steps = (await this.steps()).reverse();
    for (const step of steps) {
      try {
        return await this.#open(step);
      } catch (error) {
        if (!(error instanceof DecadeError) || error.kind !== 'input') throw error;
        warn(`checkpoint ${step} is damaged and was skipped (${error.parts.where}: ${error.parts.received})`);
      }
    }
    if (steps.length === 0) return undefined;
    throw new DecadeError('input', {
      where: this.#fileAt(checkpointsDirectory),
      received: `${counted(steps.length, 'checkpoint')}, all damaged`,
      next: 'start again in a new directory, with --init to keep model.safetensors',
    });
  }

  async #open(step: number): Promise<Checkpoint> {
    const directory = joinPath(this.#run, checkpointsDirectory, checkpointName(step));
    const statePath = joinPath(directory, stateFile);
    const state = parseState(await readBoundedText(this.#files, statePath, mostStateBytes, 'the state of a checkpoint'), statePath);
    for (const name of [modelFile, optimizerFile]) {
      const path = joinPath(directory, name);
      if ((await contentHash(this.#files.stream(path))) !== state.files[name]) {
        throw new DecadeError('input', { where: path, received: 'a content hash that differs from state.json' });
      }
    }
    return {
      step,
      progress: state.progress,
      restore: (use) =>
        this.#opened([joinPath(directory, modelFile), joinPath(directory, optimizerFile)], ([parameters, optimizerState]) => {
          if (parameters === undefined || optimizerState === undefined) throw new Error('a checkpoint has two files');
          return use({ parameters, optimizerState });
        }),
    };
  }

  /** Opens the mean of the parameters of these checkpoints for as long as `use` takes. */
  async average(steps: readonly number[], use: (parameters: NamedValues) => Promise<void>): Promise<void> {
    const paths = steps.map((step) => joinPath(this.#run, checkpointsDirectory, checkpointName(step), modelFile));
    await this.#opened(paths, (files) => use(new AveragedValues(files)));
  }

  async #opened(paths: readonly string[], use: (files: readonly SafetensorsFile[]) => Promise<void>): Promise<void> {
    const files: SafetensorsFile[] = [];
    try {
      for (const path of paths) files.push(await SafetensorsFile.open(this.#files, path));
      await use(files);
    } finally {
      for (const file of files) await file.close();
    }
  }

  /** Path of a file in the run. */
  #fileAt(name: string): string {
    return joinPath(this.#run, name);
  }
}

function parseState(text: string, path: string): z.output<typeof stateContents> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DecadeError('input', { where: path, received: 'invalid or truncated JSON', cause });
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
