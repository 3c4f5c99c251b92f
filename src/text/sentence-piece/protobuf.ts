/** A value of a field: whole for a varint, bytes for what has a length. */
export type FieldValue = number | Uint8Array;

/** What a field of a message holds; a later one of the same number replaces it, unless it is repeated. */
export interface Field {
  readonly number: number;
  readonly value: FieldValue;
}

/**
 * The fields of a message of protocol buffers, in their order: varints (up to 2^53), lengths, and 32-bit floats. Fields of 64 bits and
 * the groups of old are of no use here; the former are skipped.
 *
 * `refuse` is called, and must throw, for a message that is cut short or is none.
 */
export function* fieldsOf(bytes: Uint8Array, refuse: (received: string) => never): Generator<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length: number): number => {
    const start = at;
    if (length > bytes.length - at) refuse(`a field of ${length} bytes where ${bytes.length - at} are left`);
    at += length;
    return start;
  };
  const varint = (): number => {
    let value = 0;
    for (let shift = 1, length = 1; length <= longestVarint; length++, shift *= 128) {
      const byte = bytes[take(1)] as number;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
    return refuse(`a number of more than ${longestVarint} bytes`);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        take(8);
        break;
      case 2: {
        const length = varint();
        const start = take(length);
        yield { number, value: bytes.subarray(start, start + length) };
        break;
      }
      case 5:
        yield { number, value: view.getFloat32(take(4), true) };
        break;
      default:
        refuse(`a field of the unknown wire type ${tag % 8}`);
    }
  }
}

/** Of 64 bits; negative numbers take all ten. */
const longestVarint = 10;
