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
/** Values; shares and what they are cut into begin at a multiple. */
const unit = 16;

/**
 * Cuts dense parameters into pieces of about the same size, each with an equal part of every device's share. The last declared come first:
 * backward ends with the first.
 */
export function cutIntoPieces(sizes: readonly { readonly index: number; readonly size: number }[], devices: number): ParameterPiece[] {
  const pieces: { members: number[]; segments: Segment[][] }[] = [];
  let room = 0;
  for (const { index, size } of [...sizes].reverse()) {
    const parts = Math.max(1, Math.round(size / pieceValues));
    for (let part = 0; part < parts; part++) {
      let piece = pieces.at(-1);
      if (piece === undefined || room < size / parts) {
        piece = { members: [], segments: Array.from({ length: devices }, () => []) };
        pieces.push(piece);
        room = pieceValues;
      }
      room -= size / parts;
      piece.members.push(index);
      for (const [device, segments] of piece.segments.entries()) {
        const segment = partOf(shareOf(size, { part: device, parts: devices }, unit), { part, parts });
        if (segment.end > segment.start) segments.push({ index, ...segment });
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
