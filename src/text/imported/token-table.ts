import { DecadeError } from '../../core/errors.js';

/** A vocabulary from elsewhere: tokens by id, with gaps where a checkpoint has rows that no token belongs to. */
export class TokenTable {
  readonly #ids = new Map<string, number>();

  constructor(readonly tokens: readonly (string | null)[]) {
    for (const [id, token] of tokens.entries()) if (token !== null) this.#ids.set(token, id);
  }

  get size(): number {
    return this.tokens.length;
  }

  id(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** Undefined for a gap. Throws `usage` for an id that is none. */
  token(id: number): string | undefined {
    const token = this.tokens[id];
    if (token !== undefined) return token ?? undefined;
    throw new DecadeError('usage', {
      where: 'tokenizer',
      received: `token id ${id}`,
      allowed: `an integer from 0 to ${this.size - 1}`,
      next: 'check that the model and the tokenizer belong together',
    });
  }
}

/** More ids than any vocabulary has. */
const mostTokens = 4_000_000;

/**
 * Tokens by id. A table that has an id twice, or one that is no id, is refused by `refuse`, which must throw.
 *
 * @param size rows of the checkpoint, where it has more than tokens
 */
export function tokensById(
  entries: Iterable<readonly [string, number]>,
  size: number | undefined,
  refuse: (received: string) => never,
): (string | null)[] {
  const tokens: (string | null)[] = [];
  for (const [token, id] of entries) {
    if (!Number.isInteger(id) || id < 0 || id >= (size ?? mostTokens))
      refuse(`id ${id} for ${JSON.stringify(token)} in a vocabulary of ${size ?? `at most ${mostTokens}`}`);
    if (typeof tokens[id] === 'string' && tokens[id] !== token)
      refuse(`id ${id} for both ${JSON.stringify(tokens[id])} and ${JSON.stringify(token)}`);
    tokens[id] = token;
  }
  if (tokens.length === 0) refuse('a vocabulary without tokens');
  return Array.from({ length: size ?? tokens.length }, (_, id) => tokens[id] ?? null);
}
