import { lineHeight } from './frame.js';
import { textWidth } from './text-width.js';

interface Named {
  readonly at: { readonly x: number; readonly y: number };
  readonly name: string;
}

export interface PlacedName<Point> {
  readonly point: Point;
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'end';
}

/** Names beside their points, moved up and down until none lies on another (or a hundred times). */
export function placeNames<Point extends Named>(
  points: readonly Point[],
  inner: { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number },
): PlacedName<Point>[] {
  const names = points.map((point) => {
    const { at, name } = point;
    const length = textWidth(name);
    const isLeft = at.x + 9 + length > inner.right && at.x - 9 - length > inner.left - 10;
    const from = isLeft ? at.x - 9 - length : at.x + 9;
    return {
      point,
      x: isLeft ? at.x - 9 : at.x + 9,
      y: at.y,
      anchor: isLeft ? ('end' as const) : ('start' as const),
      from,
      to: from + length,
    };
  });
  for (let round = 0; round < 100; round++) {
    let moved = false;
    for (const [index, one] of names.entries()) {
      for (const other of names.slice(index + 1)) {
        if (one.from >= other.to || other.from >= one.to || Math.abs(one.y - other.y) >= lineHeight) continue;
        const push = (lineHeight - Math.abs(one.y - other.y)) / 2 + 0.1;
        const [upper, lower] = one.y <= other.y ? [one, other] : [other, one];
        upper.y -= push;
        lower.y += push;
        moved = true;
      }
    }
    for (const name of names) name.y = Math.min(inner.bottom - 4, Math.max(inner.top + 8, name.y));
    if (!moved) break;
  }
  return names;
}
