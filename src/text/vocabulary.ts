import { DecadeError } from '../core/errors.js';
import { specialTokens } from './tokenizer.js';

/** Tokens by id and ids by token. Ids are contiguous from 0, the special tokens first. */
export class Vocabulary {
  private readonly ids = new Map<string, number>();

  /** `tokens` without the special ones, in the order of their ids; each only once. */
  constructor(tokens: Iterable<string>) {
    for (const token of specialTokens) this.ids.set(token, this.ids.size);
    for (const token of tokens) this.ids.set(token, this.ids.size);
    this.tokens = [...this.ids.keys()];
  }

  private readonly tokens: readonly string[];

  get size(): number {
    return this.tokens.length;
  }

  id(token: string): number | undefined {
    return this.ids.get(token);
  }

  token(id: number): string {
    const token = this.tokens[id];
    if (token !== undefined) return token;
    throw new DecadeError('usage', {
      where: 'tokenizer',
      received: `token id ${id}`,
      allowed: `an integer from 0 to ${this.size - 1}`,
      next: 'check that the model and the tokenizer belong together',
    });
  }

  /** Token to id, as in `tokenizer.json`. */
  toJson(): Record<string, number> {
    return Object.fromEntries(this.ids);
  }
}
