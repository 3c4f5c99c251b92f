import { useEffect, useState } from 'preact/hooks';
import type { ListedModel } from '../models/catalogue.js';
import { type ModelState, messageOf } from '../models/use-model.js';
import { type Reading, readLines, readLinesOnServer } from './reading.js';

export interface Readings {
  /** Of the lines as they were when it was made. */
  readonly readings: readonly Reading[];
  readonly milliseconds: number;
  /** Whether the lines have changed since. */
  readonly isBehind: boolean;
  readonly failure: string | undefined;
}

const nothing: Readings = { readings: [], milliseconds: 0, isBehind: false, failure: undefined };

/** What a model makes of lines, as they change: who types on does not wait for what was typed before. */
export function useReadings(listed: ListedModel | undefined, state: ModelState, lines: readonly string[]): Readings {
  const [readings, setReadings] = useState(nothing);
  const text = lines.join('\n');
  useEffect(() => {
    const read = reader(listed, state);
    if (read === undefined) return setReadings(nothing);
    const change = new AbortController();
    const begun = performance.now();
    setReadings((before) => ({ ...before, isBehind: true, failure: undefined }));
    read(lines, change.signal).then(
      (readings) => {
        if (!change.signal.aborted) setReadings({ readings, milliseconds: performance.now() - begun, isBehind: false, failure: undefined });
      },
      (error: unknown) => {
        if (!change.signal.aborted) setReadings({ ...nothing, failure: messageOf(error) });
      },
    );
    return () => change.abort(new Error('the text has changed'));
  }, [listed, state, text]);
  return readings;
}

function reader({ source, from, to }: Partial<ListedModel> = {}, state: ModelState) {
  if (state.kind === 'ready' && state.model.hasSource)
    return (lines: readonly string[], signal: AbortSignal) => readLines(state.model, lines, signal);
  if (source !== undefined || from === undefined || to === undefined) return undefined;
  return (lines: readonly string[], signal: AbortSignal) => readLinesOnServer({ from, to }, lines, signal);
}
