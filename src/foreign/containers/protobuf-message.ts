/** A message of protocol buffers that is to be written: bytes, and contents that are made only when they are. */
export type Message<Later> = readonly (Uint8Array | { readonly bytes: number; readonly later: Later })[];

export function lengthOf(message: Message<unknown>): number {
  return message.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.length : part.bytes), 0);
}

/** A whole number; a negative one takes ten bytes, as 64 bits in two's complement. */
export function numberField(field: number, value: number): Uint8Array[] {
  return [varint(BigInt(8 * field)), varint(BigInt.asUintN(64, BigInt(value)))];
}

/** A 32-bit float. */
export function floatField(field: number, value: number): Uint8Array[] {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [varint(BigInt(8 * field + 5)), bytes];
}

export function textField(field: number, text: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  return [varint(BigInt(8 * field + 2)), varint(BigInt(bytes.length)), bytes];
}

/** Bytes, or a message within a message. */
export function messageField<Later>(field: number, contents: Message<Later>): Message<Later> {
  return [varint(BigInt(8 * field + 2)), varint(BigInt(lengthOf(contents))), ...contents];
}

/** Seven bits a byte, the lowest first. */
function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  do {
    const low = Number(left & 0x7fn);
    left >>= 7n;
    bytes.push(left > 0n ? low | 0x80 : low);
  } while (left > 0n);
  return Uint8Array.from(bytes);
}
