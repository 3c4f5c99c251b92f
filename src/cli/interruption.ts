import { say } from './terminal.js';

/** Ends a command that a person or the system asked to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Runs `work` with a signal that SIGINT (Ctrl-C) and SIGTERM abort, so that it can save and stop; a second one ends the
 * process at once. `announcement` is said when the first arrives.
 *
 * Throws `Interrupted` when work ends after a signal, in whatever way: work's own, when it throws one.
 */
export async function interruptible<Result>(announcement: string, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(130);
    // The terminal has just shown ^C behind the progress bar.
    say(`${process.stderr.isTTY ? '\n' : ''}decade: ${name}: ${announcement}`);
    controller.abort(new Interrupted(`stopped by ${name}`));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } catch (error) {
    if (!(error instanceof Interrupted)) controller.signal.throwIfAborted();
    throw error;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
