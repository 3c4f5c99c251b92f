/** Whole numbers, the lowest byte first, with the bytes that each takes. */
export function littleEndian(...numbers: readonly (readonly [value: number, bytes: number])[]): Uint8Array {
  return Uint8Array.from(
    numbers.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, byte) => Math.floor(value / 256 ** byte) % 256)),
  );
}

export function numberAt(bytes: Uint8Array, begin: number, count: number): number {
  let value = 0;
  for (let byte = count - 1; byte >= 0; byte--) value = value * 256 + (bytes[begin + byte] ?? 0);
  return value;
}

export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return only;
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let begin = 0;
  for (const piece of pieces) {
    all.set(piece, begin);
    begin += piece.length;
  }
  return all;
}
