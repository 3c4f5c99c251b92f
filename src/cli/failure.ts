import { CommanderError } from 'commander';
import { DecadeError } from '../core/errors.js';
import { Interrupted } from './interruption.js';
import { ReaderGone } from './output.js';

/** What the process ends with. */
export const exitCodes = { done: 0, failed: 1, wrongUse: 2, interrupted: 130 } as const;

/** Prints one clear line for what ended the command, or the stack trace with `--debug`, and gives the exit code. */
export function reportFailure(error: unknown, debug: boolean): number {
  // Commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUse;
  if (error instanceof ReaderGone) return exitCodes.done;
  if (error instanceof Interrupted) {
    process.stderr.write(`decade: ${error.message}\n`);
    return exitCodes.interrupted;
  }
  if (error instanceof DecadeError) {
    process.stderr.write(debug ? `${traceOf(error)}\n` : `decade: ${onOneLine(error.message)}\n`);
    return error.kind === 'usage' ? exitCodes.wrongUse : exitCodes.failed;
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  process.stderr.write(
    debug
      ? `${traceOf(error)}\n`
      : `decade: unexpected ${onOneLine(message)}. This is a bug in decade: run the command again with --debug and report what it prints\n`,
  );
  return exitCodes.failed;
}

function onOneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, ' ');
}

function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const trace = error.stack ?? error.message;
  return error.cause === undefined ? trace : `${trace}\ncaused by ${traceOf(error.cause)}`;
}
