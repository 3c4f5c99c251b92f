import { PriorityQueue } from '../priority-queue.js';

interface Merge {
  readonly left: number;
  readonly right: number;
  readonly score: number;
  /** Of both together: whether the merge is still what it was. */
  readonly length: number;
}

/** What merging needs of a model. */
export interface MergingModel {
  /** The score of a piece of text; undefined where there is no such piece. */
  score(piece: string): number | undefined;
  /** Whether a piece only serves to make others, and is taken apart again. */
  isUnused(piece: string): boolean;
}

/**
 * SentencePiece's byte-pair encoding (src/bpe_model.cc): of all neighbours that are a piece together, those of the highest score
 * become one, the leftmost of equals. `symbols` are characters, and what a user defined (`frozen`), which takes part in no merge.
 */
export function mergedSymbols(model: MergingModel, symbols: readonly { readonly text: string; readonly frozen: boolean }[]): string[] {
  const texts = symbols.map(({ text }) => text);
  const next = texts.map((_, at) => at + 1);
  const previous = texts.map((_, at) => at - 1);
  const queue = new PriorityQueue<Merge>((a, b) => a.score > b.score || (a.score === b.score && a.left < b.left));
  /** Of unused pieces, what they were made of. */
  const halves = new Map<string, readonly [string, string]>();
  const propose = (left: number, right: number): void => {
    if (left < 0 || right >= texts.length || symbols[left]?.frozen || symbols[right]?.frozen) return;
    const [first, second] = [texts[left] as string, texts[right] as string];
    const piece = first + second;
    const score = model.score(piece);
    if (score === undefined) return;
    queue.push({ left, right, score, length: piece.length });
    if (model.isUnused(piece)) halves.set(piece, [first, second]);
  };
  for (let at = 1; at < texts.length; at++) propose(at - 1, at);
  for (let merge = queue.pop(); merge !== undefined; merge = queue.pop()) {
    const { left, right, length } = merge;
    const [first, second] = [texts[left] as string, texts[right] as string];
    if (first === '' || second === '' || first.length + second.length !== length) continue;
    texts[left] = first + second;
    texts[right] = '';
    const following = next[right] as number;
    next[left] = following;
    if (following < texts.length) previous[following] = left;
    propose(previous[left] as number, left);
    propose(left, following);
  }
  const whole = (piece: string): string[] => {
    const parts = model.isUnused(piece) ? halves.get(piece) : undefined;
    return parts === undefined ? [piece] : parts.flatMap(whole);
  };
  return texts.filter((text) => text !== '').flatMap(whole);
}
