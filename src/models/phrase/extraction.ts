import type { Links } from '../../alignment/symmetrisation.js';

/** Words of both sides from the first to before the last: the phrase pair of a sentence pair. */
export type TakePhrase = (sourceStart: number, sourceEnd: number, targetStart: number, targetEnd: number) => void;

/**
 * All phrase pairs of at most `maximumLength` words per side that are consistent with the alignment (Och, Tillmann and Ney 1999; Koehn,
 * Och and Marcu 2003): they have a link, and no word of either side is linked to one outside. Words without a link at their ends may
 * belong to them or not.
 */
export function extractPhrases(links: Links, sourceLength: number, targetLength: number, maximumLength: number, take: TakePhrase): void {
  const sources = linkedRanges(links, 0, sourceLength);
  const targets = linkedRanges(links, 1, targetLength);
  for (let sourceStart = 0; sourceStart < sourceLength; sourceStart++) {
    let [first, last] = [targetLength, -1];
    const longest = Math.min(sourceLength, sourceStart + maximumLength);
    for (let sourceEnd = sourceStart + 1; sourceEnd <= longest; sourceEnd++) {
      first = Math.min(first, sources.first[sourceEnd - 1] as number);
      last = Math.max(last, sources.last[sourceEnd - 1] as number);
      // It grows with the source phrase.
      if (last - first >= maximumLength) break;
      if (last < 0 || !areInside(targets, first, last, sourceStart, sourceEnd)) continue;
      for (let start = first; start >= 0 && (start === first || targets.last[start] === -1) && last - start < maximumLength; start--) {
        const furthest = Math.min(targetLength, start + maximumLength);
        for (let end = last + 1; end <= furthest && (end === last + 1 || targets.last[end - 1] === -1); end++) {
          take(sourceStart, sourceEnd, start, end);
        }
      }
    }
  }
}

/** The first and the last word of the other side that each word is linked to; where there is none, beyond every first and -1. */
interface LinkedRanges {
  readonly first: Int32Array;
  readonly last: Int32Array;
}

function linkedRanges(links: Links, side: 0 | 1, length: number): LinkedRanges {
  const first = new Int32Array(length).fill(0x7fffffff);
  const last = new Int32Array(length).fill(-1);
  for (let link = 0; link < links.length; link += 2) {
    const word = links[link + side] as number;
    const other = links[link + 1 - side] as number;
    if (other < (first[word] as number)) first[word] = other;
    if (other > (last[word] as number)) last[word] = other;
  }
  return { first, last };
}

function areInside({ first, last }: LinkedRanges, from: number, to: number, start: number, end: number): boolean {
  for (let word = from; word <= to; word++) {
    if ((last[word] as number) >= end || (first[word] as number) < start) return false;
  }
  return true;
}
