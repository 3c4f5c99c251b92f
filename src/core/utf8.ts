import { DecadeError } from './errors.js';
import { requireText, tellingBytes } from './foreign-formats.js';

/** The text of UTF-8 bytes, without a byte order mark; an `input` error names another format, or the offset and line of the first broken byte. */
export function decodeUtf8(bytes: Uint8Array, where: string): string {
  requireText(bytes.subarray(0, tellingBytes), where);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const offset = firstBrokenByte(bytes);
    let line = 1;
    for (let at = 0; at < offset; at++) if (bytes[at] === 0x0a) line++;
    const broken = bytes[offset];
    throw new DecadeError('input', {
      where: `${where}: line ${line}`,
      received:
        broken === undefined
          ? 'text that cannot be decoded'
          : `byte 0x${broken.toString(16)} at offset ${offset}, which is not valid UTF-8`,
      allowed: 'text in UTF-8',
      next: 'convert the file, for example with `iconv -f LATIN1 -t UTF-8`',
      cause,
    });
  }
}

/** Offset at which the first ill-formed sequence starts (The Unicode Standard 15, table 3-7), or the length when there is none. */
export function firstBrokenByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at] as number;
    if (lead < 0x80) {
      at++;
      continue;
    }
    const length = lengthOf(lead);
    if (length === 0) return at;
    // The second byte's range excludes overlong forms, surrogates and code points above U+10FFFF.
    const second = bytes[at + 1] ?? 0;
    const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < lowest || second > highest) return at;
    for (let next = 2; next < length; next++) {
      if (((bytes[at + next] ?? 0) & 0xc0) !== 0x80) return at;
    }
    at += length;
  }
  return bytes.length;
}

/** Whether the last bytes begin a character that more bytes may complete. */
export function endsWithinCharacter(bytes: Uint8Array): boolean {
  for (let begun = 1; begun <= Math.min(3, bytes.length); begun++) {
    const byte = bytes[bytes.length - begun] as number;
    if ((byte & 0xc0) !== 0x80) return lengthOf(byte) > begun;
  }
  return false;
}

/** Bytes of the character that a byte beyond ASCII begins; 0 for one that begins none. */
function lengthOf(lead: number): number {
  return lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}
