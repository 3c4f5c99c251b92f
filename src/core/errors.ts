import { visible } from './visible-text.js';

/**
 * What went wrong, for whom:
 * - `usage`     the command line, the configuration or a call was wrong (exit code 2)
 * - `input`     a file or a line of data cannot be used
 * - `shape`     tensors do not fit together
 * - `numeric`   a loss or a gradient is no longer a finite number
 * - `resource`  disk, memory, a native library or a worker failed
 */
export type ErrorKind = 'usage' | 'input' | 'shape' | 'numeric' | 'resource';

/** The four parts of every error, in this order. */
export interface ErrorParts {
  /** A file and line, a configuration key, an operation or an argument: `train.fr: line 12`. */
  where: string;
  /** What was received: `3 columns`, `no such file`. */
  received: string;
  /** What is allowed: `2 columns separated by a tab`. */
  allowed?: string;
  /** What to do next: `remove the line or use --skip-bad-lines`. */
  next?: string;
  cause?: unknown;
}

/** An error with all that is needed to act: where, what was received, what is allowed, what to do next. */
export class DecadeError extends Error {
  override readonly name = 'DecadeError';
  readonly kind: ErrorKind;
  readonly parts: Readonly<ErrorParts>;

  constructor(kind: ErrorKind, parts: ErrorParts) {
    const allowed = parts.allowed === undefined ? '' : `; expected ${parts.allowed}`;
    const next = parts.next === undefined ? '' : `. ${capitalised(parts.next)}`;
    // A path may hold any character; a message is one line.
    super(`${visible(parts.where)}: ${parts.received}${allowed}${next}`, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.kind = kind;
    this.parts = parts;
  }
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

/** Longer than any allowed name; longer text was not meant as a name. */
const longestName = 60;

/**
 * The allowed name nearest to a mistyped one (at most 1/3 of its letters wrong, missing, extra or swapped with the next), if
 * any; never the received name itself.
 */
export function nearestName(received: string, allowed: Iterable<string>): string | undefined {
  if (received.length > longestName) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(received.length / 3)) + 1;
  for (const candidate of allowed) {
    if (candidate === received || Math.abs(candidate.length - received.length) >= bestDistance) continue;
    const distance = editDistance(received.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const insertion = (current[column - 1] ?? 0) + 1;
      const deletion = (previous[column] ?? 0) + 1;
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swap = isSwap ? (beforePrevious[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(substitution, insertion, deletion, swap));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
