import { DecadeError } from '../core/errors.js';
import { linkedAbort } from '../core/linked-abort.js';

/** Bytes a parameter has in a checkpoint: its value and two averages. */
const checkpointBytes = 12;
/** Bytes a second that a slow disk writes. */
const slowDisk = 20e6;
/** An update and a checkpoint may take so many times what they ever have. */
const safety = 2;
/** Milliseconds for all else. */
const margin = 1_000;
/** Milliseconds that a timer can wait at most. */
const longestTimer = 2 ** 31 - 1;

/**
 * Aborts a training's signal so early that the update under way is finished, and a checkpoint saved, before a given time. How early,
 * follows from how long updates and checkpoints have taken so far.
 */
export class Deadline {
  readonly #at: number;
  readonly #link: ReturnType<typeof linkedAbort>;
  readonly #longest = { update: 0, checkpoint: 0 };
  /** Milliseconds for a checkpoint, as long as none has been saved. */
  #guess = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasCome = false;

  /** `signal`: of who may stop the training, too. */
  constructor(at: Date, signal: AbortSignal | undefined) {
    this.#at = at.getTime();
    this.#link = linkedAbort([signal]);
    this.#arm();
  }

  /** Aborts when it is time, or for the other reason. */
  get signal(): AbortSignal {
    return this.#link.signal;
  }

  /** Whether it was the time that aborted. */
  get hasCome(): boolean {
    return this.#hasCome;
  }

  /** Tells how large checkpoints are before one has been saved. */
  expectCheckpoint(parameters: number): void {
    this.#guess = (1_000 * checkpointBytes * parameters) / slowDisk;
    this.#arm();
  }

  /** Tells how many milliseconds an update, or a checkpoint, has taken. */
  note(what: 'update' | 'checkpoint', milliseconds: number): void {
    this.#longest[what] = Math.max(this.#longest[what], milliseconds);
    // Always: a machine may have slept, or its clock been set.
    this.#arm();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#link.release();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.signal.aborted) return;
    const { update, checkpoint } = this.#longest;
    const left = this.#at - margin - safety * (update + (checkpoint === 0 ? this.#guess : checkpoint)) - Date.now();
    if (left > 0) {
      this.#timer = setTimeout(() => this.#arm(), Math.min(left, longestTimer));
      return;
    }
    this.#hasCome = true;
    this.#link.abort(new DecadeError('usage', { where: 'saveBefore', received: 'a time that has come' }));
  }
}
