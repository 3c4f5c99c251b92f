import { type Share, shareOf } from '../../training/optimizer.js';

/** Values [start, end) of a learnt value, by its number. */
export interface Segment {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** What of the dense parameters is exchanged at once. */
export interface ParameterPiece {
  /** Learnt values of which it has a part, by number. */
  readonly members: readonly number[];
  /** What of it falls to each device of all ranks: in sending, one after another. */
  readonly segments: readonly (readonly Segment[])[];
}

/** Values of a piece, about: 4 MB, so that a network is used well and the first is sent early. */
const pieceValues = 1024 ** 2;
/** Values from which on a parameter shares a piece with no other: it is exchanged where it is, without a copy. */
const leastAlone = pieceValues / 2;
/** Values; shares and what they are cut into begin at a multiple. */
const unit = 16;

/**
 * Cuts dense parameters into pieces of about the same size, each with an equal part of every rank's share. The last declared come first:
 * backward ends with the first.
 *
 * @param ranks  devices of each
 */
export function cutIntoPieces(
  sizes: readonly { readonly index: number; readonly size: number }[],
  ranks: readonly number[],
): ParameterPiece[] {
  const devices = ranks.reduce((sum, count) => sum + count, 0);
  const pieces: { members: number[]; segments: Segment[][] }[] = [];
  let room = 0;
  for (const { index, size } of [...sizes].reverse()) {
    const parts = Math.max(1, Math.round(size / pieceValues));
    for (let part = 0; part < parts; part++) {
      let piece = pieces.at(-1);
      if (piece === undefined || size >= leastAlone || room < size) {
        piece = { members: [], segments: Array.from({ length: devices }, () => []) };
        pieces.push(piece);
        room = size >= leastAlone ? 0 : pieceValues;
      }
      room -= size;
      piece.members.push(index);
      const shares = piece.segments.map((_, device) => shareOf(size, { part: device, parts: devices }, unit));
      let first = 0;
      for (const count of ranks) {
        const ofRank = shares.slice(first, first + count);
        const cut = partOf({ start: ofRank[0]?.start ?? 0, end: ofRank.at(-1)?.end ?? 0 }, { part, parts });
        for (const [device, share] of ofRank.entries()) {
          const [start, end] = [Math.max(cut.start, share.start), Math.min(cut.end, share.end)];
          if (end > start) piece.segments[first + device]?.push({ index, start, end });
        }
        first += count;
      }
    }
  }
  return pieces;
}

function partOf({ start, end }: { start: number; end: number }, share: Share): { start: number; end: number } {
  const part = shareOf(end - start, share, unit);
  return { start: start + part.start, end: start + part.end };
}

/** Values in segments. */
export function valuesIn(segments: readonly Segment[]): number {
  return segments.reduce((sum, { start, end }) => sum + end - start, 0);
}
