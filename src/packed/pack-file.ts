import * as z from 'zod';
import type { ModelDescription } from '../checkpoint/model-files.js';
import { replaceFile } from '../checkpoint/whole-files.js';
import type { Files } from '../core/files.js';
import { resolveOptions } from '../core/options.js';
import { type PackContents, type PackedSummary, packRuns } from './pack.js';
import { packedPrecisions } from './packed-tensors.js';

export interface PackOptions extends PackContents {
  /** The file to write. It appears, or replaces the one there, when it is whole. */
  readonly out: string;
}

const options = z.strictObject({
  out: z.string().min(1),
  precision: z.enum(packedPrecisions).optional(),
  card: z.string().optional(),
  licence: z.string().optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

/** Packs runs into a file; see `packRuns`. */
export async function pack(
  files: Files,
  runs: string | readonly string[],
  given: PackOptions,
  describe: (files: Files, path: string) => Promise<ModelDescription>,
): Promise<PackedSummary> {
  const { out, ...contents } = resolveOptions(options, given, 'pack options');
  const end = out.lastIndexOf('/');
  const [directory, name] = end < 0 ? ['.', out] : [out.slice(0, end) || '/', out.slice(end + 1)];
  return replaceFile(files, directory, name, async (path) => {
    const writer = await files.create(path);
    try {
      const packed = await packRuns(files, typeof runs === 'string' ? [runs] : runs, contents, describe, (bytes) => writer.write(bytes));
      await writer.sync();
      return packed;
    } finally {
      await writer.close();
    }
  });
}
