import { randomKey } from '../core/random.js';
import type { RowRanges } from '../tensor/layout.js';
import { columnsOf } from '../tensor/operations/concatenate.js';
import { memoryAttention } from '../tensor/operations/memory-attention.js';
import type { HeadDropout, HeadOutputs } from '../tensor/operations/multi-head.js';
import { rotary } from '../tensor/operations/rotary.js';
import { selfAttention } from '../tensor/operations/self-attention.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { CachedSight } from './key-value-cache.js';
import { Linear } from './linear.js';
import { nameKey, type ParameterSection } from './parameters.js';
import type { Pass } from './pass.js';
import type { RotaryPlaces } from './positions.js';

export interface MultiHeadOptions {
  /** Width of what is read and written; a head has width / heads values. */
  readonly width: number;
  readonly heads: number;
  /** Heads of keys and values; a divisor of `heads`. */
  readonly keyValueHeads: number;
  readonly bias: boolean;
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
    this.#output = new Linear(section, `${name}.output`, width, width, { bias, isSummand: true });
  }

  /** input [rows, width] of whole sentences → [rows, width], briefly. The pass's dropout falls on the weights; `keys` as of `rowKeys`. */
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
    return { ...attended, output: this.#output.forward(pass.runner.brief, attended.output) };
  }

  /** Queries, keys and values of rows side by side, turned where positions are rotary: [rows, (heads + 2 keyValueHeads) size]. */
  project(runner: Runner, input: Tensor, places: RotaryPlaces | undefined): Tensor {
    const projected = this.#projection.forward(runner, input);
    if (places === undefined) return projected;
    return runner.run(rotary, { input: projected }, { ...places, heads: this.#options.heads + this.#options.keyValueHeads }).output;
  }

  /** As `forward`, of new positions over cached ones, without gradients: input [new positions, width] → [new positions, width]. */
  step(runner: Runner, input: Tensor, layer: number, { stored, queries, rows, memoryRows }: CachedSight, places?: RotaryPlaces): Tensor {
    const { width, heads, keyValueHeads } = this.#options;
    const projected = this.project(runner, input, places);
    const memory = stored(layer, columnsOf(runner.scope, projected, width, projected.dimension(1)));
    const query = columnsOf(runner.scope, projected, 0, width);
    const attributes = { heads, keyValueHeads, queries, rows, memoryRows, sight: 'causal' } as const;
    return this.#output.forward(runner, runner.run(memoryAttention, { query, memory }, attributes).output);
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
    this.#output = new Linear(section, `${name}.output`, width, width, { bias, isSummand: true });
  }

  /** Keys and values, made once a source: [memory rows, width] → [memory rows, 2 keyValueHeads size]. */
  memory(runner: Runner, encoded: Tensor): Tensor {
    return this.#memory.forward(runner, encoded);
  }

  /** input [queries, width] → [queries, width], briefly; range i of the queries looks at range i of the memory's rows. */
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
    return { ...attended, output: this.#output.forward(pass.runner.brief, attended.output) };
  }
}

function headDropout({ dropout }: Pass, name: string, rowKeys: Tensor | undefined): HeadDropout | undefined {
  if (dropout === undefined || dropout.rate === 0 || rowKeys === undefined) return undefined;
  return { rate: dropout.rate, rowKeys, key: randomKey(dropout.seed, 'dropout', dropout.step, nameKey(`${name}.weights`)) };
}
