import * as z from 'zod';
import type { SpecialIds } from '../text/tokenizer.js';
import { type IdPair, predictedTokens } from './batch.js';
import type { Ids } from './corpus-cache.js';

/** How text becomes examples. */
export const contextOptions = z.strictObject({
  context: z.int().min(2).max(65_535).optional().meta({
    description: 'Of text: tokens of a context, which is how far back a language model looks in training. Default: 256.',
    example: 256,
  }),
  across: z.boolean().optional().meta({
    description: 'Of text: contexts go on across documents, so that all but the last are of one length. Default: false.',
    example: true,
  }),
});

export interface ContextOptions {
  readonly context: number;
  readonly across: boolean;
}

/** The options with their defaults. */
export function resolveContexts({ context = 256, across = false }: z.output<typeof contextOptions>): ContextOptions {
  return { context, across };
}

/**
 * How a text is cut to be scored: two neighbours are read as one context, of which the second is predicted, so that every token has at
 * least half a context before it. `room`: most tokens that the model can predict at once.
 */
export function scoredContexts({ context }: Pick<ContextOptions, 'context'>, room = Infinity): ContextOptions {
  return { context: Math.max(1, Math.floor(Math.min(context, room) / 2)), across: false };
}

/** Cuts tokens into contexts and hands each over, as the tokens that are predicted in it. */
export class ContextCutter {
  #held: number[] = [];

  constructor(
    private readonly length: number,
    private readonly take: (predicted: readonly number[]) => Promise<void>,
  ) {}

  async add(ids: Iterable<number>): Promise<void> {
    for (const id of ids) {
      this.#held.push(id);
      if (this.#held.length === this.length) await this.flush();
    }
  }

  async flush(): Promise<void> {
    const predicted = this.#held;
    this.#held = [];
    if (predicted.length > 0) await this.take(predicted);
  }
}

/** A context as an example. `before` is what stands in front of it, if anything does; `</s>` parts documents. */
export function contextExample(key: number, predicted: Ids, before: number | undefined, { begin, end }: SpecialIds): IdPair {
  const ends = predicted[predicted.length - 1] === end;
  const goesOn = before !== undefined && before !== begin && (before !== end || predicted[0] === begin);
  return { key, source: [], target: ends ? predicted.subarray(0, -1) : predicted, ...(goesOn && { before }), ends };
}

/** A context together with the one in front of it, where that is of the same document; `predicted` tokens at its end are its own. */
export function withPrevious(previous: IdPair | undefined, current: IdPair): { pair: IdPair; predicted: number } {
  const predicted = predictedTokens(current);
  if (previous === undefined || previous.ends !== false || current.before === undefined) return { pair: current, predicted };
  const target = [...Array.from(previous.target), ...Array.from(current.target)];
  return { pair: { ...current, before: previous.before, target }, predicted };
}
