/** Milliseconds: long enough to cost nothing, short enough that an interruption, a timer or input is soon noticed. */
const milliseconds = 50;

/** Resolves after other tasks of this thread had their turn. */
export function otherTasks(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The result of `work`, or the signal's reason if it aborts first; the work then continues for others that wait for it. */
export async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
  });
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** A function to await often in a long computation: lets other tasks run whenever enough time has passed. */
export function turns(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < milliseconds) return undefined;
    return otherTasks().then(() => {
      last = performance.now();
    });
  };
}
