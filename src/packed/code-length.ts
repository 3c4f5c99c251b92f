import type { Files } from '../core/files.js';
import type { TextScore } from '../decoding/text-score.js';
import { type DescribeRun, packedBytes } from './pack.js';

/**
 * What sending a text takes, to whoever has neither it nor the model: the model, and the text in its code. An arithmetic coder comes
 * within a few bytes of that.
 */
export interface CodeLength {
  /** Of the text: -log2 of its probability, `</s>` after every document counted. */
  readonly textBytes: number;
  /** Of the packed model, or models that vote, in f32. */
  readonly modelBytes: number;
}

/** The code length of a text that the model of a run, or an ensemble, has scored. Throws as `packRuns`. */
export async function codeLengthOf(
  files: Files,
  runs: readonly string[],
  { logProbability }: Pick<TextScore, 'logProbability'>,
  describe: DescribeRun,
): Promise<CodeLength> {
  return { textBytes: -logProbability / Math.LN2 / 8, modelBytes: await packedBytes(files, runs, describe) };
}

/** In whole bytes. */
export function totalBytes({ textBytes, modelBytes }: CodeLength): number {
  return Math.ceil(textBytes) + modelBytes;
}
