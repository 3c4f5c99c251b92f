import * as z from 'zod';
import { isRunFile, ownNames } from '../checkpoint/run-files.js';
import { replaceFile } from '../checkpoint/whole-files.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { resolveOptions } from '../core/options.js';
import { isUrl, pathOf } from './download.js';
import { cardFile, type DescribeRun, licenceFile, type PackContents, type PackedSummary, packRuns } from './pack.js';
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

/**
 * Packs runs into a file; see `packRuns`.
 *
 * @throws DecadeError `usage` for a file that a run is made of
 */
export async function pack(
  files: Files,
  runs: string | readonly string[],
  given: PackOptions,
  describe: DescribeRun,
): Promise<PackedSummary> {
  const { out, ...contents } = resolveOptions(options, given, 'pack options');
  const paths = typeof runs === 'string' ? [runs] : runs;
  await requireNoFileOf(files, paths, out, describe);
  const end = out.lastIndexOf('/');
  const [directory, name] = end < 0 ? ['.', out] : [out.slice(0, end) || '/', out.slice(end + 1)];
  return replaceFile(files, directory, name, async (path) => {
    const writer = await files.create(path);
    try {
      const packed = await packRuns(files, paths, contents, describe, (bytes) => writer.write(bytes));
      await writer.sync();
      return packed;
    } finally {
      await writer.close();
    }
  });
}

/** Throws `usage` for a file of any run, and for one that is packed: even where it is packed whole, it would no longer be where its run needs it. */
async function requireNoFileOf(files: Files, runs: readonly string[], out: string, describe: DescribeRun): Promise<void> {
  const place = await files.realPath(out);
  const isPlace = async (path: string) => (await files.realPath(path)) === place;
  let isOfRun = await isRunFile(files, out);
  for (const run of runs.filter((path) => !isUrl(path)).map(pathOf)) {
    const isPacked = (await files.kind(run)) !== 'directory';
    // A run of another program has its weights under any name.
    const names = isPacked ? [''] : [...ownNames, cardFile, licenceFile, (await describe(files, run)).weights];
    for (const name of names) isOfRun ||= await isPlace(joinPath(run, name));
  }
  if (!isOfRun) return;
  throw new DecadeError('usage', {
    where: out,
    received: 'a file that belongs to a run',
    allowed: 'a new file, or one that was packed earlier',
    next: 'choose another out',
  });
}
