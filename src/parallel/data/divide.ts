import { type IdPair, predictedTokens } from '../../data/batch.js';

/** What a source token and a target token cost, in any unit. */
export interface TokenCosts {
  readonly source: number;
  readonly target: number;
}

/**
 * Divides a batch into shards of nearly equal work: the costliest pair first, each to the shard with the least so far
 * (Graham 1969, longest processing time first). Gives the positions of each shard's pairs.
 */
export function divide(pairs: readonly IdPair[], shards: number, costs: TokenCosts): number[][] {
  const work = pairs.map((pair) => pair.source.length * costs.source + predictedTokens(pair) * costs.target);
  const order = Array.from(pairs.keys()).sort((a, b) => (work[b] as number) - (work[a] as number) || a - b);
  const divided = Array.from({ length: shards }, () => ({ positions: [] as number[], work: 0 }));
  for (const position of order) {
    const least = divided.reduce((best, shard) => (shard.work < best.work ? shard : best));
    least.positions.push(position);
    least.work += work[position] as number;
  }
  return divided.map(({ positions }) => positions);
}
