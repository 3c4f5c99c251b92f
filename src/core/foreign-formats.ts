import { DecadeError } from './errors.js';

interface Format {
  readonly name: string;
  /** What to do, for a file called so. */
  readonly next: (path: string) => string;
}

const unpackWith = (command: string) => (path: string) => `unpack it first: \`${command} ${path}\``;
const extractText = () => 'take the text out of it first';
const convertFrom = (encoding: string) => (path: string) => `convert it first: \`iconv -f ${encoding} -t UTF-8 ${path}\``;

/** Formats whose files begin with bytes of their own; the longer beginnings first. */
const beginnings: readonly (Format & { readonly bytes: readonly number[] })[] = [
  { name: 'an xz archive', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], next: unpackWith('xz -dk') },
  { name: 'a 7z archive', bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], next: unpackWith('7z x') },
  { name: 'a RAR archive', bytes: [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07], next: unpackWith('unrar x') },
  { name: 'a zip archive (or an office document)', bytes: [0x50, 0x4b, 0x03, 0x04], next: unpackWith('unzip') },
  { name: 'an empty zip archive', bytes: [0x50, 0x4b, 0x05, 0x06], next: extractText },
  { name: 'a zstd archive', bytes: [0x28, 0xb5, 0x2f, 0xfd], next: unpackWith('zstd -dk') },
  { name: 'an lz4 archive', bytes: [0x04, 0x22, 0x4d, 0x18], next: unpackWith('lz4 -dk') },
  { name: 'an lzip archive', bytes: [0x4c, 0x5a, 0x49, 0x50, 0x01], next: unpackWith('lzip -dk') },
  { name: 'a compress (.Z) archive', bytes: [0x1f, 0x9d], next: unpackWith('uncompress -k') },
  { name: 'a PDF', bytes: [0x25, 0x50, 0x44, 0x46, 0x2d], next: extractText },
  { name: 'a Parquet file', bytes: [0x50, 0x41, 0x52, 0x31], next: extractText },
  { name: 'text in UTF-32', bytes: [0xff, 0xfe, 0x00, 0x00], next: convertFrom('UTF-32') },
  { name: 'text in UTF-32', bytes: [0x00, 0x00, 0xfe, 0xff], next: convertFrom('UTF-32') },
  { name: 'text in UTF-16', bytes: [0xff, 0xfe], next: convertFrom('UTF-16') },
  { name: 'text in UTF-16', bytes: [0xfe, 0xff], next: convertFrom('UTF-16') },
];

/** So many bytes tell. */
export const tellingBytes = 512;

/** Throws `input` when a file that should be text in UTF-8 begins (`start`, of at most `tellingBytes`) as one of another format. */
export function requireText(start: Uint8Array, path: string): void {
  const format = formatOf(start);
  if (format === undefined) return;
  throw new DecadeError('input', { where: path, received: format.name, allowed: 'text in UTF-8, plain or gzip', next: format.next(path) });
}

function formatOf(start: Uint8Array): Format | undefined {
  const found = beginnings.find(({ bytes }) => bytes.length <= start.length && bytes.every((byte, at) => start[at] === byte));
  if (found !== undefined) return found;
  const ascii = (from: number, to: number) => String.fromCharCode(...start.subarray(from, to));
  // A block's own beginning is π; `BZh9` alone may well be text.
  if (/^BZh[1-9]1AY&SY/.test(ascii(0, 10))) return { name: 'a bzip2 archive', next: unpackWith('bzip2 -dk') };
  if (ascii(257, 262) === 'ustar') return { name: 'a tar archive', next: unpackWith('tar -xf') };
  const encoding = wideEncodingOf(start);
  return encoding === undefined ? undefined : { name: 'text in UTF-16', next: convertFrom(encoding) };
}

/** UTF-16 without a byte order mark: nearly every other byte of most languages' spaces, digits and letters is zero. */
function wideEncodingOf(start: Uint8Array): string | undefined {
  const zeros = [0, 0];
  for (const [at, byte] of start.entries()) if (byte === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  const many = start.length / 5;
  if (start.length < 4) return undefined;
  if (odd > many && even === 0) return 'UTF-16LE';
  return even > many && odd === 0 ? 'UTF-16BE' : undefined;
}
