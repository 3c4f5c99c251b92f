import { DecadeError } from './errors.js';
import type { Files } from './files.js';
import { decodeUtf8 } from './utf8.js';

/**
 * The contents of a short text file, of which at most `mostBytes` are ever read: the path may name another file, or a device that
 * never ends. Throws `input` for a longer one and for what is not UTF-8.
 *
 * @param what  what the file should be: `a configuration`
 */
export async function readBoundedText(files: Pick<Files, 'stream'>, path: string, mostBytes: number, what: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of files.stream(path)) {
    pieces.push(piece);
    length += piece.length;
    if (length <= mostBytes) continue;
    throw new DecadeError('input', {
      where: path,
      received: `a file of more than ${mostBytes.toLocaleString('en-US')} bytes`,
      allowed: what,
      next: 'check that this is the file you meant',
    });
  }
  const bytes = new Uint8Array(length);
  let filled = 0;
  for (const piece of pieces) {
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return decodeUtf8(bytes, path);
}
