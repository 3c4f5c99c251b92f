import { DecadeError } from '../../core/errors.js';
import { randomKey, uniform, uniformInteger } from '../../core/random.js';

/**
 * Endless tasks on digits, where nothing but order and length matters: the target is the source itself, the source
 * backwards, or its digits in order of size. A model without attention must carry all of a sequence through one vector.
 */
export const digitTasks = ['copy', 'reverse', 'sort'] as const;
export type DigitTask = (typeof digitTasks)[number];

export interface DigitPair {
  source: string;
  target: string;
}

export interface DigitCorpusOptions {
  task: DigitTask;
  /** Digits of the shortest and of the longest sequence; every length between is as likely. 1 to 1,000. Default 2 to 12. */
  shortest?: number;
  longest?: number;
  /** Sequences with the same seed are the same. Default 1. */
  seed?: number;
  part: 'train' | 'dev' | 'test';
}

const digitDefaults = { seed: 1, shortest: 2, longest: 12 } as const;

/** Of so many parts of all sequences one is dev and one is test. */
const parts = 20;
const longestSequence = 1_000;
/** A key of its own, so that the parts are the same for every seed. */
const partKey = randomKey(0, 'corpus', 1);

/**
 * The sequences of a part, without end. Which part a sequence belongs to is a function of its target alone, so nothing that
 * is held out occurs in training, on either side, whatever the seed and however many are drawn. Short sequences repeat.
 *
 * Throws `usage` for lengths that are not allowed.
 */
export function* digitPairs(options: DigitCorpusOptions): Generator<DigitPair, never> {
  const { task, part, shortest = digitDefaults.shortest, longest = digitDefaults.longest, seed = digitDefaults.seed } = options;
  requireLengths(shortest, longest);
  for (let number = 0; ; number++) {
    const key = randomKey(seed, 'corpus', digitTasks.indexOf(task), partNames.indexOf(part), number);
    const length = shortest + uniformInteger(key, 0, longest - shortest + 1);
    // Sequences of one length are drawn until one belongs to the part, so that every part has all lengths in equal shares.
    for (let attempt = 0, pair: DigitPair | undefined; pair === undefined; attempt++) {
      const digits = Array.from({ length }, (_, place) => uniformInteger(key, 1 + attempt * length + place, 10));
      const target = targets[task](digits);
      if (partOf(target) === part) {
        pair = { source: digits.join(' '), target: target.join(' ') };
        yield pair;
      } else if (attempt === mostAttempts) throw noSequence(length, part);
    }
  }
}

const partNames = ['train', 'dev', 'test'] as const;
const mostAttempts = 10_000;

const targets: Record<DigitTask, (digits: readonly number[]) => number[]> = {
  copy: (digits) => [...digits],
  reverse: (digits) => digits.toReversed(),
  sort: (digits) => digits.toSorted((a, b) => a - b),
};

function partOf(target: readonly number[]): (typeof partNames)[number] {
  const share = Math.floor(parts * uniform(randomKey(partKey, 'corpus', target.length, ...target), 0));
  return share === 0 ? 'dev' : share === 1 ? 'test' : 'train';
}

function requireLengths(shortest: number, longest: number): void {
  const isLength = (length: number) => Number.isInteger(length) && length >= 1 && length <= longestSequence;
  if (isLength(shortest) && isLength(longest) && shortest <= longest) return;
  throw new DecadeError('usage', {
    where: 'digits',
    received: `lengths from ${shortest} to ${longest}`,
    allowed: `whole numbers from 1 to ${longestSequence}, the shortest first`,
    next: 'for example digits:copy:2-12',
  });
}

function noSequence(length: number, part: string): DecadeError {
  return new DecadeError('usage', {
    where: 'digits',
    received: `no sequence of ${length} ${length === 1 ? 'digit' : 'digits'} in ${part}`,
    allowed: 'lengths with enough different sequences',
    next: 'increase the shortest length, for example digits:copy:2-12',
  });
}
