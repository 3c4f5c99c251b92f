import * as z from 'zod';
import { replaceFile } from '../checkpoint/whole-files.js';
import type { Kept } from './kept.js';
import type { Lines, TextFiles, Transform } from './steps.js';

/** Stored text files by name. A file with another size was truncated or changed. */
const texts = z.record(z.string(), z.object({ file: z.string(), bytes: z.number() }));

const directory = 'transforms';
/** Lines are written in blocks of about this many characters. */
const pieceLength = 1 << 16;

/** The stored result of a transform; undefined if there is none or if one of its files has changed. */
export async function findTransformed(kept: Kept, { schema }: Transform<object>, address: string): Promise<object | undefined> {
  if (schema !== undefined) return kept.find(directory, address, schema);
  const found = await kept.find(directory, address, texts);
  if (found === undefined) return undefined;
  const paths: Record<string, string> = {};
  for (const [name, { file, bytes }] of Object.entries(found)) {
    const path = kept.path(directory, file);
    if ((await kept.files.kind(path)) !== 'file' || (await kept.files.size(path)) !== bytes) return undefined;
    paths[name] = path;
  }
  return paths;
}

/** Computes and stores the result of a transform: text files first, then the record that they are complete. */
export async function transformed(
  kept: Kept,
  step: Transform<object>,
  address: string,
  results: readonly unknown[],
  signal: AbortSignal | undefined,
): Promise<object> {
  const made = await step.make(results, { files: kept.files, signal });
  signal?.throwIfAborted();
  await kept.files.makeDirectory(kept.path(directory));
  if (step.schema !== undefined) {
    const result = step.schema.parse(made);
    await kept.write(kept.path(directory), `${address}.json`, result);
    return result;
  }
  const written: Record<string, { file: string; bytes: number }> = {};
  for (const [name, lines] of Object.entries(made as Readonly<Record<string, Lines>>)) {
    const file = `${address}-${name}.txt`;
    written[name] = { file, bytes: await writeLines(kept, file, lines, signal) };
  }
  await kept.write(kept.path(directory), `${address}.json`, written);
  return Object.fromEntries(Object.entries(written).map(([name, { file }]) => [name, kept.path(directory, file)])) satisfies TextFiles;
}

/** Writes lines to a file atomically; returns its size in bytes. */
function writeLines(kept: Kept, file: string, lines: Lines, signal: AbortSignal | undefined): Promise<number> {
  return replaceFile(kept.files, kept.path(directory), file, async (path) => {
    const writer = await kept.files.create(path);
    let [bytes, piece] = [0, ''];
    const flush = async () => {
      const encoded = new TextEncoder().encode(piece);
      await writer.write(encoded);
      [bytes, piece] = [bytes + encoded.length, ''];
    };
    try {
      for await (const line of lines) {
        signal?.throwIfAborted();
        if (/[\r\n]/.test(line)) throw new Error(`${file}: a line with a line break in it: ${JSON.stringify(line)}`);
        piece += `${line}\n`;
        if (piece.length > pieceLength) await flush();
      }
      await flush();
      await writer.sync();
    } finally {
      await writer.close();
    }
    return bytes;
  });
}
