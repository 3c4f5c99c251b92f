import { fewestPoints, type FittedLine, fitLine, pooledDifference, type SlopeDifference, separateDifference } from './line.js';
import type { GroupOfPoints, PointTable } from './points.js';

export interface FittedGroup extends GroupOfPoints {
  readonly line: FittedLine;
}

/** Two groups' slopes. */
export interface ComparedSlopes {
  readonly first: FittedGroup;
  readonly second: FittedGroup;
  /** With one scatter for both groups. */
  readonly pooled: SlopeDifference;
  /** With a scatter for each: the one to believe where they differ. */
  readonly separate: SlopeDifference;
  /** The pooled probability among all pairs of groups (Holm 1979); the same where there is one pair. */
  readonly adjusted: number;
}

export interface FittedTable {
  readonly isLogarithmic: boolean;
  readonly groups: readonly FittedGroup[];
  /** Groups without a line, and why. */
  readonly unfitted: readonly { readonly name: string; readonly reason: string }[];
  /** Of every two groups; of none where there are more than `mostCompared`. */
  readonly differences: readonly ComparedSlopes[];
}

/** Groups of which every two are compared: of more, thousands of tests would find little among so many. */
export const mostCompared = 50;

/** A line for each group, and a test of every two groups' slopes where they are few enough. */
export function fitGroups({ groups }: Pick<PointTable, 'groups'>, isLogarithmic: boolean): FittedTable {
  const fitted: FittedGroup[] = [];
  const unfitted: { name: string; reason: string }[] = [];
  for (const group of groups) {
    const places = new Set(group.points.map(({ x }) => x)).size;
    const count = group.points.length;
    if (count < fewestPoints) unfitted.push({ name: group.name, reason: `${count} of at least ${fewestPoints} points` });
    else if (places < 2) unfitted.push({ name: group.name, reason: 'all points at one place' });
    else fitted.push({ ...group, line: fitLine(group.points, isLogarithmic ? Math.log : (value) => value) });
  }
  return { isLogarithmic, groups: fitted, unfitted, differences: fitted.length > mostCompared ? [] : adjusted(pairsOf(fitted)) };
}

function pairsOf(groups: readonly FittedGroup[]): Omit<ComparedSlopes, 'adjusted'>[] {
  return groups.flatMap((first, place) =>
    groups.slice(place + 1).map((second) => ({
      first,
      second,
      pooled: pooledDifference(first.line, second.line),
      separate: separateDifference(first.line, second.line),
    })),
  );
}

/** Holm's correction: the k-th smallest of n probabilities times n - k + 1, and never below a smaller one's. */
function adjusted(pairs: readonly Omit<ComparedSlopes, 'adjusted'>[]): ComparedSlopes[] {
  const order = pairs.map((_, place) => place).sort((a, b) => probabilityOf(pairs[a]) - probabilityOf(pairs[b]));
  const values = new Map<number, number>();
  let highest = 0;
  for (const [rank, place] of order.entries()) {
    highest = Math.max(highest, Math.min(1, probabilityOf(pairs[place]) * (pairs.length - rank)));
    values.set(place, highest);
  }
  return pairs.map((pair, place) => ({ ...pair, adjusted: values.get(place) ?? 1 }));
}

function probabilityOf(pair: Omit<ComparedSlopes, 'adjusted'> | undefined): number {
  return pair?.pooled.probability ?? 1;
}
