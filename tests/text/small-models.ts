/*
 * SentencePiece models made by hand: fields of protocol buffers, and a double array as Darts-clone lays it out.
 */

export interface SmallModel {
  readonly pieces: readonly (readonly [text: string, score: number, type?: number])[];
  /** 1 unigram, 2 BPE, 4 characters. */
  readonly type?: number;
  readonly byteFallback?: boolean;
  readonly map?: Uint8Array;
  readonly addDummyPrefix?: boolean;
  readonly removeExtraWhitespaces?: boolean;
}

const utf8 = new TextEncoder();

export const [normal, unknown, control, userDefined, unused, byte] = [1, 2, 3, 4, 5, 6];

export function modelBytes({
  pieces,
  type = 1,
  byteFallback = false,
  map,
  addDummyPrefix,
  removeExtraWhitespaces,
}: SmallModel): Uint8Array {
  const flag = (field: number, value: boolean | undefined) => (value === undefined ? [] : whole(field, value ? 1 : 0));
  return Uint8Array.from([
    ...pieces.flatMap(([text, score, kind = normal]) =>
      nested(1, [...nested(1, utf8.encode(text)), ...float(2, score), ...whole(3, kind)]),
    ),
    ...nested(2, [...whole(3, type), ...flag(35, byteFallback)]),
    ...nested(3, [...(map === undefined ? [] : nested(2, map)), ...flag(3, addDummyPrefix), ...flag(4, removeExtraWhitespaces)]),
  ]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function whole(field: number, value: number): number[] {
  return [...varint(8 * field), ...varint(value)];
}

function float(field: number, value: number): number[] {
  return [...varint(8 * field + 5), ...new Uint8Array(Float32Array.of(value).buffer)];
}

function nested(field: number, bytes: ArrayLike<number>): number[] {
  return [...varint(8 * field + 2), ...varint(bytes.length), ...Array.from(bytes)];
}

/** Every node has a block of its own, in which byte b leads to place b. */
export function mapBytes(rules: Readonly<Record<string, string>>): Uint8Array {
  const units: number[] = new Array<number>(256).fill(0x80000000);
  let replacements: number[] = [];
  const place = (position: number, label: number, entries: readonly (readonly [rest: readonly number[], value: number])[]): void => {
    const base = units.length;
    units.push(...new Array<number>(256).fill(0x80000000));
    const value = entries.find(([rest]) => rest.length === 0)?.[1];
    if (value !== undefined) units[base] = (0x80000000 | value) >>> 0;
    units[position] = (((position ^ base) << 10) | (value === undefined ? 0 : 0x100) | label) >>> 0;
    for (const next of new Set(entries.flatMap(([[first]]) => (first === undefined ? [] : [first])))) {
      const below = entries.filter(([[first]]) => first === next).map(([rest, each]) => [rest.slice(1), each] as const);
      place(base ^ next, next, below);
    }
  };
  const entries = Object.entries(rules).map(([from, to]) => {
    const value = replacements.length;
    replacements = [...replacements, ...utf8.encode(to), 0];
    return [Array.from(utf8.encode(from)), value] as const;
  });
  place(0, 0, entries);
  const trie = new Uint8Array(Uint32Array.from(units).buffer);
  return Uint8Array.from([...new Uint8Array(Uint32Array.of(trie.length).buffer), ...trie, ...replacements]);
}

/** The pieces of all bytes, for byte fallback. */
export const bytePieces = Array.from(
  { length: 256 },
  (_, value) => [`<0x${value.toString(16).toUpperCase().padStart(2, '0')}>`, 0, byte] as const,
);

/** As most models begin. */
export const basicPieces = [['<unk>', 0, unknown] as const, ['<s>', 0, control] as const, ['</s>', 0, control] as const];

/** A unigram model of a few English words, with rules of normalisation. */
export const unigram: SmallModel = {
  pieces: [
    ...basicPieces,
    ...['\u2581', 'a', 'b', 'c', 'd', 'o', 'g', 't', 'h', 'e', 's'].map((text) => [text, -5] as const),
    ['\u2581the', -2],
    ['\u2581dog', -3],
    ['\u2581do', -3.5],
    ['gs', -3.25],
    ['s', -4],
    ['<x>', 0, userDefined],
  ].filter(([text], at, all) => all.findIndex(([other]) => other === text) === at) as SmallModel['pieces'],
  map: mapBytes({ Ａ: 'a', ﬁ: 'fi', '\t': ' ', '\u00AD': '', 'e\u0301': 'e', '\u3000': ' ' }),
};

/** Byte-pair encoding with byte fallback. */
export const bytePair: SmallModel = {
  type: 2,
  byteFallback: true,
  pieces: [
    ...basicPieces,
    ...bytePieces,
    ['th', -1],
    ['\u2581th', -2],
    ['\u2581the', -3, unused],
    ['\u2581them', -4],
    ['<x>', 0, userDefined],
    ...['\u2581', 't', 'h', 'e', 'm', 'n', 'x', '<', '>'].map((text, at) => [text, -10 - at] as const),
  ],
};
