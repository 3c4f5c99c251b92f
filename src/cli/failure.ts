import { CommanderError } from 'commander';
import { DecadeError } from '../core/errors.js';
import { explained } from '../node/files/files.js';
import { Interrupted } from './interruption.js';
import { ReaderGone } from './output.js';
import { say } from './terminal.js';

/** Exit codes by kind of error. */
export const exitCodes = { done: 0, failed: 1, wrongUse: 2, interrupted: 130 } as const;

/** Reports the error of a command: one line, or one per mistake; with `--debug` the stack trace. Returns the exit code. */
export function reportFailure(error: unknown, debug: boolean): number {
  // Commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUse;
  if (error instanceof ReaderGone) return exitCodes.done;
  if (error instanceof Interrupted) {
    say(`decade: ${error.message}`);
    return exitCodes.interrupted;
  }
  const known = error instanceof DecadeError ? error : limitOf(error);
  if (debug) say(traceOf(error));
  else say(`decade: ${indented(known?.message ?? unexpected(error))}`);
  return known?.kind === 'usage' ? exitCodes.wrongUse : exitCodes.failed;
}

/** Mistakes that are reported together keep their lines; continuation lines are indented. */
function indented(message: string): string {
  return message.trim().replace(/\s*\n\s*/g, '\n  ');
}

function unexpected(error: unknown): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `unexpected ${message}. This is a bug in decade: run the command again with --debug and report what it prints`;
}

/** Messages of V8 when memory runs out, and of Node when threads do. */
const noMemory =
  /could not allocate memory|allocation failed|unable to grow|out of memory|cannot allocate|invalid (typed )?array length|invalid string length|string longer than|maximum size exceeded/i;
const noMemoryCodes = ['ENOMEM', 'ERR_WORKER_OUT_OF_MEMORY', 'ERR_MEMORY_ALLOCATION_FAILED', 'ERR_STRING_TOO_LONG', 'ERR_BUFFER_TOO_LARGE'];
const noThreadCodes = ['ERR_WORKER_INIT_FAILED', 'EAGAIN'];

/** An actionable error for one that says that a resource is exhausted. */
function limitOf(error: unknown): DecadeError | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const received = error.message;
  if (noThreadCodes.includes(code)) {
    const next = 'use fewer --devices, or raise the limit of processes (`ulimit -u`)';
    return new DecadeError('resource', { where: 'threads', received, next, cause: error });
  }
  if (noMemoryCodes.includes(code) || (error instanceof RangeError && noMemory.test(received))) {
    const next = 'use fewer --devices, a smaller model or smaller batches, or raise the memory limit (`ulimit -v`)';
    return new DecadeError('resource', { where: 'memory', received, next, cause: error });
  }
  // What the system refused, of a file or not.
  const isOfSystem = 'syscall' in error && /^E[A-Z0-9]+$/.test(code);
  return isOfSystem ? explained('path' in error && typeof error.path === 'string' ? error.path : String(error.syscall), error) : undefined;
}

function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const trace = error.stack ?? error.message;
  return error.cause === undefined ? trace : `${trace}\ncaused by ${traceOf(error.cause)}`;
}
