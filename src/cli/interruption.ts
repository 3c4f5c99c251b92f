/** Ends a command that a person or the system asked to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Runs `work` with a signal that SIGINT (Ctrl-C) and SIGTERM abort, so that it can save and stop; a second one ends the
 * process at once. `announcement` is said when the first arrives.
 *
 * Throws `Interrupted` when work ends, in whatever way, after a signal.
 */
export async function interruptible<Result>(announcement: string, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write(`\ndecade: ${name}: ${announcement}\n`);
    controller.abort(new Interrupted(`stopped by ${name}`));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } catch (error) {
    controller.signal.throwIfAborted();
    throw error;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
