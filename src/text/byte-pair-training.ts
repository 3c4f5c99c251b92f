import type { Merge } from './pair-merging.js';
import { PriorityQueue } from './priority-queue.js';

/** A pair of neighbouring tokens in the training text. */
interface Pair {
  left: number;
  right: number;
  /** Occurrences, each counted as often as its piece occurs. */
  count: number;
  /** Where `left` stands or has stood; those that a merge has changed since are skipped. */
  positions: number[];
}

export interface BytePairTrainingOptions {
  /** The characters that are tokens. Others join nothing. */
  readonly alphabet: readonly string[];
  /** Id of the first of them. */
  readonly firstId: number;
  /** Ids to stop at: all below are taken. */
  readonly size: number;
  /** Pairs that occur less often stay out. */
  readonly minimumCount: number;
  /** Called often, and awaited where it gives a promise: lets other tasks have their turn. */
  readonly turn: () => Promise<void> | undefined;
}

/**
 * Learns byte-pair encoding: the most frequent pair becomes a token, again and again. Works on distinct pieces; a merge
 * changes only the counts of its neighbours (Sennrich et al. 2016, section 3.2), and a queue finds the next pair.
 * Equal counts are taken in the order of the ids, so that the result depends on the counts alone.
 *
 * @param pieces  how often each piece of the text occurs
 * @returns merged tokens in the order of their ids, which follow those of the alphabet, and the merges in the order of their ranks
 */
export async function trainBytePairs(
  pieces: ReadonlyMap<string, number>,
  { alphabet, firstId, size, minimumCount, turn }: BytePairTrainingOptions,
): Promise<{ merged: string[]; merges: Merge[] }> {
  const tokens = [...alphabet];
  const ids = new Map(tokens.map((character, index) => [character, firstId + index]));
  const identify = (token: string): number => {
    const known = ids.get(token);
    if (known !== undefined) return known;
    const id = firstId + tokens.length;
    ids.set(token, id);
    tokens.push(token);
    return id;
  };

  const text = layOut(pieces, ids);
  const { symbols, previous, next, weights } = text;
  const pairs = new Map<number, Pair>();
  const count = (left: number, right: number, weight: number, position: number): Pair => {
    const key = left * size + right;
    let pair = pairs.get(key);
    if (pair === undefined) {
      pair = { left, right, count: 0, positions: [] };
      pairs.set(key, pair);
    }
    pair.count += weight;
    pair.positions.push(position);
    return pair;
  };
  const discount = (left: number, right: number, weight: number) => {
    const pair = pairs.get(left * size + right);
    if (pair !== undefined) pair.count -= weight;
  };

  for (let position = 0; position < symbols.length; position++) {
    if (position % positionsBetweenTurns === 0) await turn();
    const following = next[position] as number;
    if (following < 0) continue;
    const left = symbols[position] as number;
    const right = symbols[following] as number;
    if (left !== outside && right !== outside) count(left, right, weights[position] as number, position);
  }

  const queue = new PriorityQueue<{ pair: Pair; count: number }>(
    (a, b) => a.count > b.count || (a.count === b.count && (a.pair.left - b.pair.left || a.pair.right - b.pair.right) < 0),
  );
  for (const pair of pairs.values()) queue.push({ pair, count: pair.count });

  const merges: Merge[] = [];
  const known = new Set<number>();
  while (firstId + tokens.length < size) {
    const waiting = turn();
    if (waiting !== undefined) await waiting;
    const best = queue.pop();
    if (best === undefined) break;
    const { pair } = best;
    if (pair.count !== best.count) {
      // Counts only fall while a pair waits; rises are pushed when they happen.
      if (pair.count > 0 && pair.count < best.count) queue.push({ pair, count: pair.count });
      continue;
    }
    if (pair.count < minimumCount) break;
    const { left, right } = pair;
    pairs.delete(left * size + right);
    const merged = identify((tokens[left - firstId] as string) + (tokens[right - firstId] as string));
    // Two ways can lead to one token, so that a pair can come up again; it is one merge all the same.
    if (!known.has(left * size + right)) merges.push({ left, right, merged });
    known.add(left * size + right);

    const risen = new Set<Pair>();
    for (const position of Int32Array.from(pair.positions).sort()) {
      const taken = next[position] as number;
      if (symbols[position] !== left || taken < 0 || symbols[taken] !== right) continue;
      const weight = weights[position] as number;
      const before = previous[position] as number;
      const after = next[taken] as number;
      symbols[position] = merged;
      symbols[taken] = gone;
      next[position] = after;
      if (after >= 0) previous[after] = position;
      if (before >= 0 && symbols[before] !== outside) {
        discount(symbols[before] as number, left, weight);
        risen.add(count(symbols[before] as number, merged, weight, before));
      }
      if (after >= 0 && symbols[after] !== outside) {
        discount(right, symbols[after] as number, weight);
        risen.add(count(merged, symbols[after] as number, weight, position));
      }
    }
    pair.count = 0;
    for (const raised of risen) if (raised.count > 0) queue.push({ pair: raised, count: raised.count });
  }
  return { merged: tokens.slice(alphabet.length), merges };
}

const positionsBetweenTurns = 10_000;

/** A character that is not in the alphabet: it joins nothing. */
const outside = -1;
/** A position whose token went into the one before. */
const gone = -2;

/** The most frequent characters, at most `limit`, the space always among them. */
export function frequentCharacters(pieces: ReadonlyMap<string, number>, limit: number, minimumCount: number): string[] {
  const counts = new Map<string, number>([[' ', Number.POSITIVE_INFINITY]]);
  for (const [piece, count] of pieces) {
    for (const character of piece) counts.set(character, (counts.get(character) ?? 0) + count);
  }
  return [...counts]
    .filter(([, count]) => count >= minimumCount)
    .sort(([a, countOfA], [b, countOfB]) => (countOfA === countOfB ? codePoint(a) - codePoint(b) : countOfB - countOfA))
    .slice(0, limit)
    .map(([character]) => character);
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}

/** All pieces one after the other: a token a character, linked within its piece (-1 at the ends). */
function layOut(pieces: ReadonlyMap<string, number>, ids: ReadonlyMap<string, number>) {
  let length = 0;
  for (const piece of pieces.keys()) for (const _ of piece) length++;
  const symbols = new Int32Array(length);
  const previous = new Int32Array(length);
  const next = new Int32Array(length);
  const weights = new Float64Array(length);
  let position = 0;
  for (const [piece, count] of pieces) {
    const start = position;
    for (const character of piece) {
      symbols[position] = ids.get(character) ?? outside;
      previous[position] = position === start ? -1 : position - 1;
      next[position] = position + 1;
      weights[position] = count;
      position++;
    }
    if (position > start) next[position - 1] = -1;
  }
  return { symbols, previous, next, weights };
}
