import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../models/use-model.js';

export interface Answer<Value> {
  /** The last one that came; of an earlier question while the next is asked. */
  readonly value: Value | undefined;
  readonly failure: string | undefined;
}

/** What a model answers to a question that changes: the last one asked counts. */
export function useAnswer<Value>(ask: (signal: AbortSignal) => Promise<Value>, question: readonly unknown[]): Answer<Value> {
  const [answer, setAnswer] = useState<Answer<Value>>({ value: undefined, failure: undefined });
  useEffect(() => {
    const change = new AbortController();
    ask(change.signal).then(
      (value) => !change.signal.aborted && setAnswer({ value, failure: undefined }),
      (error: unknown) => !change.signal.aborted && setAnswer({ value: undefined, failure: messageOf(error) }),
    );
    return () => change.abort(new Error('another question was asked'));
  }, question);
  return answer;
}
