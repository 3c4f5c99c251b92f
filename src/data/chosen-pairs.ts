import { DecadeError } from '../core/errors.js';
import { randomKey, shuffle } from '../core/random.js';

/** Tokens of every pair, by side. */
export interface PairLengthArrays {
  readonly source: Uint16Array;
  readonly target: Uint16Array;
}

/**
 * The numbers of the pairs to use, in ascending order: the first of all pairs in an order drawn at random once and for all, so that more
 * of them contain fewer. Undefined: all. Throws `usage` for more than there are.
 */
export function chosenPairs(pairs: number, examples: number | undefined, corpus: string): Uint32Array | undefined {
  if (examples === undefined || examples === pairs) return undefined;
  requireExamples(examples, pairs, corpus);
  const order = Uint32Array.from({ length: pairs }, (_, pair) => pair);
  shuffle(order, randomKey(1, 'sample'));
  return order.slice(0, examples).sort();
}

/** Throws `usage` for more examples than a corpus has. */
export function requireExamples(examples: number | undefined, pairs: number, corpus: string): void {
  if (examples === undefined || examples <= pairs) return;
  throw new DecadeError('usage', {
    where: 'data.examples',
    received: examples.toLocaleString('en-US'),
    allowed: `at most ${Math.floor(pairs).toLocaleString('en-US')}, as many as ${corpus} has`,
  });
}

export function chosenLengths({ source, target }: PairLengthArrays, chosen: Uint32Array | undefined): PairLengthArrays {
  if (chosen === undefined) return { source, target };
  const of = (side: Uint16Array) => Uint16Array.from(chosen, (pair) => side[pair] as number);
  return { source: of(source), target: of(target) };
}

export function tokensIn(lengths: Uint16Array): number {
  return lengths.reduce((sum, length) => sum + length, 0);
}
