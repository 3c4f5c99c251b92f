import { Z_BUF_ERROR, Z_NO_FLUSH, Z_OK, Z_STREAM_END, ZStream, zlibInflate, zlibInflateInit2, zlibInflateReset } from 'pako';
import { DecadeError } from '../core/errors.js';

/** `windowBits` of zlib: the largest window, in gzip's wrapping. */
const gzipWindow = 15 + 16;
const pieceBytes = 262_144;

/** Whether a file begins as gzip does. */
export function isGzip(start: Uint8Array): boolean {
  return start[0] === 0x1f && start[1] === 0x8b;
}

/**
 * What gzip packed, checksums compared: all members, one behind the other (as `cat a.gz b.gz` makes), and zeros behind them (as
 * tapes and block devices add). `DecompressionStream` stops at the second member or not, and at zeros or not, depending on the
 * runtime.
 *
 * @param place  what to call the place that has been reached, for errors
 */
export async function* gunzip(chunks: AsyncIterable<Uint8Array>, place: () => string): AsyncGenerator<Uint8Array> {
  const stream = new ZStream();
  zlibInflateInit2(stream, gzipWindow);
  let inMember = true;
  let isPadding = false;
  for await (const chunk of chunks) {
    stream.input = chunk;
    stream.next_in = 0;
    stream.avail_in = chunk.length;
    while (stream.avail_in > 0 || (inMember && stream.avail_out === 0)) {
      if (!inMember) {
        const isZero = chunk[stream.next_in] === 0;
        if (isZero || isPadding) {
          if (!isZero) throw wrong(place(), 'gzip data with something else behind its end', undefined);
          isPadding = true;
          stream.next_in++;
          stream.avail_in--;
          continue;
        }
        zlibInflateReset(stream);
        inMember = true;
      }
      stream.output = new Uint8Array(pieceBytes);
      stream.next_out = 0;
      stream.avail_out = pieceBytes;
      const status = zlibInflate(stream, Z_NO_FLUSH);
      if (stream.next_out > 0) yield stream.output.subarray(0, stream.next_out);
      if (status === Z_STREAM_END) inMember = false;
      else if (status !== Z_OK && status !== Z_BUF_ERROR) throw wrong(place(), 'gzip data that is damaged', stream.msg);
    }
  }
  if (inMember) throw wrong(place(), 'the end of gzip data that was cut off', undefined);
}

function wrong(where: string, received: string, cause: unknown): DecadeError {
  return new DecadeError('input', { where, received, allowed: 'complete gzip data', next: 'copy or create the file again', cause });
}
