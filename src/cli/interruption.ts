import { stopWaitingForPipes } from '../node/files/pipes.js';
import { say } from './terminal.js';

/** Ends a command that a person or the system asked to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A terminal that is closed says so several times: the system to its processes, and the shell to its jobs. */
const hangUpLasts = 1_000;

/**
 * Runs `work` with a signal that SIGINT (Ctrl-C), SIGTERM and SIGHUP (the terminal was closed) abort, so that it can save and stop.
 * From then on the system has its own way with signals: the next one ends the process, whatever it is doing. `announcement` is
 * said when the first arrives.
 *
 * Throws `Interrupted` when work ends after a signal, in whatever way: work's own, when it throws one.
 */
export async function interruptible<Result>(announcement: string, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const ignore = () => undefined;
  const stop = (name: NodeJS.Signals) => {
    for (const each of signals) process.off(each, stop);
    if (name === 'SIGHUP') {
      process.on('SIGHUP', ignore);
      setTimeout(() => process.off('SIGHUP', ignore), hangUpLasts).unref();
    }
    // The terminal has just shown ^C behind the progress bar.
    say(`${process.stderr.isTTY ? '\n' : ''}decade: ${name}: ${announcement}`);
    const reason = new Interrupted(`stopped by ${name}`);
    controller.abort(reason);
    stopWaitingForPipes(reason);
  };
  for (const each of signals) process.on(each, stop);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } catch (error) {
    if (!(error instanceof Interrupted)) controller.signal.throwIfAborted();
    throw error;
  } finally {
    for (const each of signals) process.off(each, stop);
    process.off('SIGHUP', ignore);
    stopWaitingForPipes(undefined);
  }
}
