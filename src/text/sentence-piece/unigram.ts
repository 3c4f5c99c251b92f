import { characterAt, utf8Length } from './normalizer.js';
import type { PieceTable } from './piece-table.js';

/** What a search for the best segmentation needs of a model. */
export interface UnigramModel {
  readonly pieces: PieceTable;
  readonly unknownId: number;
  /** Log-probability by id; of a piece that a user defined undefined, of an unused one -Infinity. */
  score(id: number): number | undefined;
  /** Least and greatest log-probability of a normal piece. */
  readonly leastScore: number;
  readonly greatestScore: number;
  /** Bits of the sums: ties are broken as the implementation does that a vocabulary was made with. */
  readonly precision: 32 | 64;
}

/** A character that no piece has costs so much more than the least likely piece. */
const unknownPenalty = 10;

/**
 * The segmentation of greatest probability (Kudo 2018, "Subword regularization", section 3.2), by Viterbi's algorithm: ids, and where
 * each piece ends. As in SentencePiece (src/unigram_model.cc, EncodeOptimized), of equals the first that was found stays.
 */
export function bestSegmentation(model: UnigramModel, text: string): { ids: number[]; ends: number[] } {
  const best = model.precision === 32 ? new Float32Array(text.length + 1) : new Float64Array(text.length + 1);
  const rounded = model.precision === 32 ? Math.fround : (value: number) => value;
  const starts = new Int32Array(text.length + 1).fill(-1);
  const idsTo = new Int32Array(text.length + 1);
  const unknownScore = rounded(model.leastScore - unknownPenalty);
  const consider = (start: number, end: number, id: number, sum: number): void => {
    if (starts[end] !== -1 && !(sum > (best[end] as number))) return;
    best[end] = sum;
    starts[end] = start;
    idsTo[end] = id;
  };
  for (let start = 0; start < text.length; ) {
    const before = best[start] as number;
    const { length } = characterAt(text, start);
    let isKnown = false;
    model.pieces.each(text, start, (pieceLength, id) => {
      const score = model.score(id);
      if (score === -Infinity) return;
      const end = start + pieceLength;
      if (score !== undefined) consider(start, end, id, rounded(score + before));
      else consider(start, end, id, rounded(utf8LengthOf(text.slice(start, end)) * model.greatestScore) - 0.1 + before);
      if (pieceLength === length) isKnown = true;
    });
    if (!isKnown) consider(start, start + length, model.unknownId, rounded(unknownScore + before));
    start += length;
  }
  const [ids, ends]: [number[], number[]] = [[], []];
  for (let end = text.length; end > 0; end = starts[end] as number) {
    ids.push(idsTo[end] as number);
    ends.push(end);
  }
  return { ids: ids.reverse(), ends: ends.reverse() };
}

function utf8LengthOf(text: string): number {
  let length = 0;
  for (const character of text) length += utf8Length(character);
  return length;
}
