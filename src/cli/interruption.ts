import { stopWaitingForPipes } from '../node/files/pipes.js';
import { say } from './terminal.js';

/** Ends a command after a signal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A closed terminal is told by the system to its processes, and by the shell to its jobs; a job's end by a scheduler, and by an MPI launcher. */
const toldTwice: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGTERM'];
/** Milliseconds between the two, at most. */
const betweenBoth = 1_000;

/**
 * Runs `work` with a signal that SIGINT (Ctrl-C), SIGTERM and SIGHUP (the terminal was closed) abort, so that it can save and stop.
 * After the first signal the default handling applies: the next one, but for the same told twice, ends the process at once. `announcement`, or what it gives, is printed
 * when the first arrives. `listenedTo` are the signals, where not all of them mean an end.
 *
 * Throws `Interrupted` if the work ends in any way after a signal: the work's own, if it throws one.
 */
export async function interruptible<Result>(
  announcement: string | (() => string),
  work: (signal: AbortSignal) => Promise<Result>,
  listenedTo: readonly NodeJS.Signals[] = signals,
): Promise<Result> {
  const controller = new AbortController();
  const ignore = () => undefined;
  const stop = (name: NodeJS.Signals) => {
    for (const each of listenedTo) process.off(each, stop);
    if (toldTwice.includes(name)) {
      process.on(name, ignore);
      setTimeout(() => process.off(name, ignore), betweenBoth).unref();
    }
    // The terminal has just shown ^C behind the progress bar.
    say(`${process.stderr.isTTY ? '\n' : ''}decade: ${name}: ${typeof announcement === 'string' ? announcement : announcement()}`);
    const reason = new Interrupted(`stopped by ${name}`);
    controller.abort(reason);
    stopWaitingForPipes(reason);
  };
  for (const each of listenedTo) process.on(each, stop);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } catch (error) {
    if (!(error instanceof Interrupted)) controller.signal.throwIfAborted();
    throw error;
  } finally {
    for (const each of listenedTo) process.off(each, stop);
    for (const each of toldTwice) process.off(each, ignore);
    stopWaitingForPipes(undefined);
  }
}
