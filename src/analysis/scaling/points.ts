import { DecadeError, nearestName } from '../../core/errors.js';
import type { MeasuredPoint } from './line.js';

/** Which columns of a table are what. */
export interface PointColumns {
  readonly x: string;
  readonly y: string;
  /** Points with the same text here are a group. Default: all are one. */
  readonly group?: string | undefined;
  /** What a point is called. Default: the first column that is none of the others; without one, its line. */
  readonly name?: string | undefined;
}

export interface PointOptions extends PointColumns {
  /** The table, for errors. */
  readonly where: string;
  /** Both values must be above 0, to have logarithms. */
  readonly isLogarithmic: boolean;
  /** Names of points to leave out. */
  readonly excluded: readonly string[];
}

/** A line of a table. */
export interface TableRow {
  readonly values: readonly string[];
  readonly line: number;
}

export interface GroupOfPoints {
  readonly name: string;
  readonly points: readonly MeasuredPoint[];
}

/** A line that gives no point. */
export interface UnusableRow {
  readonly line: number;
  readonly reason: string;
}

export interface PointTable {
  /** In the order in which the table has them. */
  readonly groups: readonly GroupOfPoints[];
  readonly unusable: readonly UnusableRow[];
  /** Points that were left out because they were named. */
  readonly excluded: number;
}

/** The points of a table with column names in its first row. Throws `input` for an empty table, `usage` for names that it lacks. */
export function pointsOf(table: readonly TableRow[], options: PointOptions): PointTable {
  const { where, isLogarithmic } = options;
  const [head, ...rows] = table;
  if (head === undefined) {
    throw new DecadeError('input', { where, received: 'an empty table', allowed: 'a line of column names, then a line per point' });
  }
  const columns = columnsOf(head.values, options);
  const groups = new Map<string, MeasuredPoint[]>();
  const unusable: UnusableRow[] = [];
  const excluded = new Set(options.excluded);
  const missed = new Set(excluded);
  let left = 0;
  for (const { values, line } of rows) {
    const name = (columns.name === undefined ? undefined : values[columns.name]) ?? `line ${line}`;
    if (excluded.has(name)) {
      missed.delete(name);
      left++;
      continue;
    }
    if (values.length > head.values.length) {
      unusable.push({ line, reason: `${values.length} values for ${head.values.length} columns (a comma within a number?)` });
      continue;
    }
    const [x, y] = [numberAt(values, columns.x, isLogarithmic), numberAt(values, columns.y, isLogarithmic)];
    if (typeof x === 'string' || typeof y === 'string') {
      const reasons = [typeof x === 'string' && `${options.x} ${x}`, typeof y === 'string' && `${options.y} ${y}`];
      unusable.push({ line, reason: reasons.filter((reason) => reason !== false).join(', ') });
      continue;
    }
    const group = columns.group === undefined ? '' : (values[columns.group] ?? '');
    const points = groups.get(group) ?? [];
    groups.set(group, points);
    points.push({ name, x, y });
  }
  const [absent] = missed;
  if (absent !== undefined) {
    throw new DecadeError('usage', { where: '--exclude', received: `'${absent}'`, allowed: `names of points of ${where}` });
  }
  return { groups: [...groups].map(([name, points]) => ({ name, points })), unusable, excluded: left };
}

function columnsOf(head: readonly string[], options: PointOptions) {
  const placeOf = (option: string, name: string): number => {
    const place = head.indexOf(name);
    if (place >= 0 && head.lastIndexOf(name) === place) return place;
    if (place >= 0) {
      throw new DecadeError('input', {
        where: options.where,
        received: `several columns '${name}'`,
        allowed: 'a name for each column',
        next: 'rename one',
      });
    }
    const nearest = nearestName(name, head);
    throw new DecadeError('usage', {
      where: option,
      received: `'${name}'`,
      allowed: `a column of ${options.where}: ${head.join(', ')}`,
      ...(nearest !== undefined && { next: `did you mean '${nearest}'?` }),
    });
  };
  const [x, y] = [placeOf('--x', options.x), placeOf('--y', options.y)];
  const group = options.group === undefined ? undefined : placeOf('--group', options.group);
  const free = head.findIndex((_, place) => place !== x && place !== y && place !== group);
  const name = options.name === undefined ? (free < 0 ? undefined : free) : placeOf('--name', options.name);
  return { x, y, group, name };
}

/** As tables have numbers: no hexadecimal. */
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** A number, or why there is none. */
function numberAt(values: readonly string[], place: number, isLogarithmic: boolean): number | string {
  const text = values[place];
  if (text === undefined || text === '') return 'is missing';
  const value = decimal.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) return `'${text}' is no number`;
  return isLogarithmic && value <= 0 ? `${text} has no logarithm` : value;
}
