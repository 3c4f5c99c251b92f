import { randomKey } from '../core/random.js';
import type { RowRanges } from '../tensor/layout.js';
import { type MemoryAttentionAttributes, memoryAttention } from '../tensor/operations/memory-attention.js';
import type { HeadDropout, HeadOutputs } from '../tensor/operations/multi-head.js';
import { type RotaryTurns, rotary } from '../tensor/operations/rotary.js';
import { selfAttention } from '../tensor/operations/self-attention.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import { Linear } from './linear.js';
import { nameKey, type ParameterSection } from './parameters.js';
import type { Pass } from './pass.js';

export interface MultiHeadOptions {
  /** Width of what is read and written; a head has width / heads values. */
  readonly width: number;
  readonly heads: number;
  /** Heads of keys and values; a divisor of `heads`. */
  readonly keyValueHeads: number;
  readonly bias: boolean;
}

/** Where rows stand in their sentences, for attention that turns queries and keys. */
export interface RotaryPlaces {
  readonly turns: RotaryTurns;
  /** Int32[rows] */
  readonly positions: Tensor;
}

/** Attention of sentences to themselves, with one product for queries, keys and values (Vaswani et al. 2017, section 3.2.2). */
export class MultiHeadSelfAttention {
  readonly #name: string;
  readonly #options: MultiHeadOptions;
  readonly #projection: Linear;
  readonly #output: Linear;

  constructor(section: ParameterSection, name: string, options: MultiHeadOptions) {
    const { width, heads, keyValueHeads, bias } = options;
    this.#name = name;
    this.#options = options;
    this.#projection = new Linear(section, `${name}.projection`, width, (width / heads) * (heads + 2 * keyValueHeads), { bias });
    this.#output = new Linear(section, `${name}.output`, width, width, { bias });
  }

  /** input [rows, width] of whole sentences → [rows, width]. The pass's dropout falls on the weights; `keys` as of `rowKeys`. */
  forward(
    pass: Pass,
    input: Tensor,
    rows: { sentences: RowRanges; sight: 'whole' | 'causal'; keys: Tensor | undefined; places?: RotaryPlaces; weights?: boolean },
  ): HeadOutputs {
    const { heads, keyValueHeads } = this.#options;
    const { sentences, sight, weights = false } = rows;
    const projected = this.project(pass.runner, input, rows.places);
    const dropout = headDropout(pass, this.#name, rows.keys);
    const attended = pass.runner.run(selfAttention, { projected }, { heads, keyValueHeads, sentences, sight, dropout, weights });
    return { ...attended, output: this.#output.forward(pass.runner, attended.output) };
  }

  /** Queries, keys and values of rows side by side, turned where positions are rotary: [rows, (heads + 2 keyValueHeads) size]. */
  project(runner: Runner, input: Tensor, places: RotaryPlaces | undefined): Tensor {
    const projected = this.#projection.forward(runner, input);
    if (places === undefined) return projected;
    return runner.run(rotary, { input: projected }, { ...places, heads: this.#options.heads + this.#options.keyValueHeads }).output;
  }

  /** New positions over cached ones, without gradients. query [queries, width] and cache [rows, 2 keyValueHeads size]: parts of `project`. */
  step(runner: Runner, query: Tensor, cache: Tensor, rows: Pick<MemoryAttentionAttributes, 'queries' | 'rows' | 'memoryRows'>): Tensor {
    const { heads, keyValueHeads } = this.#options;
    const attributes = { ...rows, heads, keyValueHeads, sight: 'causal' } as const;
    return this.#output.forward(runner, runner.run(memoryAttention, { query, memory: cache }, attributes).output);
  }
}

/** Attention to a memory: the encoder's output. */
export class MultiHeadMemoryAttention {
  readonly #name: string;
  readonly #options: MultiHeadOptions;
  readonly #query: Linear;
  readonly #memory: Linear;
  readonly #output: Linear;

  /** `section` is the side that looks, `memory` the one that is looked at. */
  constructor(section: ParameterSection, memory: ParameterSection, name: string, options: MultiHeadOptions) {
    const { width, heads, keyValueHeads, bias } = options;
    this.#name = name;
    this.#options = options;
    this.#query = new Linear(section, `${name}.query`, width, width, { bias });
    this.#memory = new Linear(memory, `${name}.memory`, width, 2 * (width / heads) * keyValueHeads, { bias });
    this.#output = new Linear(section, `${name}.output`, width, width, { bias });
  }

  /** Keys and values, made once a source: [memory rows, width] → [memory rows, 2 keyValueHeads size]. */
  memory(runner: Runner, encoded: Tensor): Tensor {
    return this.#memory.forward(runner, encoded);
  }

  /** input [queries, width] → [queries, width]; range i of the queries looks at range i of the memory's rows. */
  forward(
    pass: Pass,
    input: Tensor,
    memory: Tensor,
    rows: { queries: RowRanges; rows: RowRanges; keys: Tensor | undefined; weights?: boolean },
  ): HeadOutputs {
    const { heads, keyValueHeads } = this.#options;
    const dropout = headDropout(pass, this.#name, rows.keys);
    const attributes = {
      heads,
      keyValueHeads,
      sight: 'whole',
      dropout,
      queries: rows.queries,
      rows: rows.rows,
      weights: rows.weights === true,
    } as const;
    const attended = pass.runner.run(memoryAttention, { query: this.#query.forward(pass.runner, input), memory }, attributes);
    return { ...attended, output: this.#output.forward(pass.runner, attended.output) };
  }
}

function headDropout({ dropout }: Pass, name: string, rowKeys: Tensor | undefined): HeadDropout | undefined {
  if (dropout === undefined || rowKeys === undefined) return undefined;
  return { rate: dropout.rate, rowKeys, key: randomKey(dropout.seed, 'dropout', dropout.step, nameKey(`${name}.weights`)) };
}
