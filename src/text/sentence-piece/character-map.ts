/** What became of the beginning of some bytes. */
export interface Replacement {
  /** Bytes that were read. */
  readonly length: number;
  readonly text: string;
}

/**
 * The rules of normalisation that a SentencePiece model carries (`precompiled_charsmap`): a length, a trie of that many bytes, and
 * replacements, each of which ends with a zero byte. The trie is a double array as Darts-clone has it: from a node, a byte leads to the
 * unit at (node XOR byte), if that unit's label is the byte.
 */
export class CharacterMap {
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;
  /** Replacements by where they begin: nearly all text needs few of them. */
  readonly #known = new Map<number, string>();

  /** `refuse` must throw. Everything is checked here, so that no lookup can leave the arrays. */
  constructor(bytes: Uint8Array, refuse: (received: string) => never) {
    const trieBytes = bytes.length < 4 ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    // Whole units, in blocks in which XOR with a byte stays.
    if (trieBytes <= 0 || trieBytes % (4 * 256) !== 0 || trieBytes > bytes.length - 4) refuse('a broken character map');
    const view = new DataView(bytes.buffer, bytes.byteOffset + 4, trieBytes);
    this.#units = Uint32Array.from({ length: trieBytes / 4 }, (_, at) => view.getUint32(4 * at, true));
    this.#replacements = bytes.subarray(4 + trieBytes);
    const end = this.#replacements.lastIndexOf(0);
    for (const [at, unit] of this.#units.entries()) {
      if (isValue(unit)) continue;
      const node = nodeFrom(at, unit);
      if (node >= this.#units.length) refuse('a character map that points out of itself');
      if (endsHere(unit) && ((this.#units[node] as number) & valueBits) > end) refuse('a character map without one of its replacements');
    }
  }

  /** The longest rule, or with `shortest` the shortest, that applies to what `bytes` has from `start` on. */
  find(bytes: Uint8Array, start: number, { shortest = false } = {}): Replacement | undefined {
    let node = nodeFrom(0, this.#units[0] as number);
    let found: { length: number; value: number } | undefined;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      node ^= byte;
      const unit = this.#units[node] as number;
      if ((unit & labelBits) !== byte) break;
      node = nodeFrom(node, unit);
      if (!endsHere(unit)) continue;
      found = { length: at + 1 - start, value: (this.#units[node] as number) & valueBits };
      if (shortest) break;
    }
    return found === undefined ? undefined : { length: found.length, text: this.#replacement(found.value) };
  }

  #replacement(start: number): string {
    const known = this.#known.get(start);
    if (known !== undefined) return known;
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      this.#replacements.subarray(start, this.#replacements.indexOf(0, start)),
    );
    this.#known.set(start, text);
    return text;
  }
}

const valueBits = 0x7fffffff;
/** A value's label, with its highest bit, equals no byte. */
const labelBits = 0x800000ff | 0;
const isValue = (unit: number): boolean => unit >= 2 ** 31;
const endsHere = (unit: number): boolean => (unit & 0x100) !== 0;
/** The node behind a unit; its offset is shifted by 8 more where bit 9 says so. */
const nodeFrom = (at: number, unit: number): number => (at ^ ((unit >>> 10) << ((unit & 0x200) >>> 6))) >>> 0;
