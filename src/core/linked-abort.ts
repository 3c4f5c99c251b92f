/** A signal that aborts when one of others does, or when it is told to. */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Listens to the others no more. */
  release(): void;
}

/** `AbortSignal.any`, which Node has from 20.3 on, and which holds on to its result as long as the longest-lived signal lives. */
export function linkedAbort(others: readonly (AbortSignal | undefined)[]): LinkedAbort {
  const linked = new AbortController();
  const signals = others.filter((signal) => signal !== undefined);
  const stop = () => {
    const ended = signals.find(({ aborted }) => aborted);
    if (ended !== undefined) linked.abort(ended.reason);
  };
  for (const signal of signals) signal.addEventListener('abort', stop);
  stop();
  return {
    signal: linked.signal,
    abort: (reason) => linked.abort(reason),
    release: () => {
      for (const signal of signals) signal.removeEventListener('abort', stop);
    },
  };
}
