import type { DecodingOptions } from './options.js';

/** Divides a sum of log-probabilities. Falls nowhere as the length, `</s>` counted, grows. */
export type LengthPenalty = (length: number) => number;

export function lengthPenalty({ kind, alpha }: DecodingOptions['lengthPenalty']): LengthPenalty {
  return kind === 'power' ? (length) => length ** alpha : (length) => ((5 + length) / 6) ** alpha;
}
