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
import type { AttentionPlaces } from './positions.js';

export interface MultiHeadOptions {
  /** Width of what is read and written. */
  readonly width: number;
  readonly heads: number;
  /** Values of a head. */
  readonly size: number;
  /** What scores are multiplied by. */
  readonly scale: number;
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
    const { width, heads, size, keyValueHeads, bias } = options;
    this.#name = name;
    this.#options = options;
    this.#projection = new Linear(section, `${name}.projection`, width, size * (heads + 2 * keyValueHeads), { bias });
    this.#output = new Linear(section, `${name}.output`, heads * size, width, { bias, isSummand: true });
  }

  /** input [rows, width] of whole sentences → [rows, width], briefly. The pass's dropout falls on the weights; `keys` as of `rowKeys`. */
  forward(
    pass: Pass,
    input: Tensor,
    rows: { sentences: RowRanges; sight: 'whole' | 'causal'; keys: Tensor | undefined; places?: AttentionPlaces; weights?: boolean },
  ): HeadOutputs {
    const { heads, keyValueHeads, scale } = this.#options;
    const { sentences, sight, weights = false } = rows;
    const projected = this.project(pass.runner, input, rows.places);
    const dropout = headDropout(pass, this.#name, rows.keys);
    const attributes = { heads, keyValueHeads, scale, sentences, sight, dropout, weights };
    const attended = pass.runner.run(selfAttention, { projected, bias: rows.places?.bias }, attributes);
    return { ...attended, output: this.#output.forward(pass.runner.brief, attended.output) };
  }

  /** Queries, keys and values of rows side by side, turned where positions are rotary: [rows, (heads + 2 keyValueHeads) size]. */
  project(runner: Runner, input: Tensor, places: AttentionPlaces | undefined): Tensor {
    const projected = this.#projection.forward(runner, input);
    if (places?.rotary === undefined) return projected;
    return runner.run(rotary, { input: projected }, { ...places.rotary, heads: this.#options.heads + this.#options.keyValueHeads }).output;
  }

  /** As `forward`, of new positions over cached ones, without gradients: input [new positions, width] → [new positions, width]. */
  step(runner: Runner, input: Tensor, layer: number, { stored, queries, rows, memoryRows }: CachedSight, places?: AttentionPlaces): Tensor {
    const { heads, size, scale, keyValueHeads } = this.#options;
    const projected = this.project(runner, input, places);
    const memory = stored(layer, columnsOf(runner.scope, projected, heads * size, projected.dimension(1)));
    const query = columnsOf(runner.scope, projected, 0, heads * size);
    const attributes = { heads, keyValueHeads, scale, queries, rows, memoryRows, sight: 'causal' } as const;
    return this.#output.forward(runner, runner.run(memoryAttention, { query, memory, bias: places?.bias }, attributes).output);
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
    const { width, heads, size, keyValueHeads, bias } = options;
    this.#name = name;
    this.#options = options;
    this.#query = new Linear(section, `${name}.query`, width, heads * size, { bias });
    this.#memory = new Linear(memory, `${name}.memory`, width, 2 * size * keyValueHeads, { bias });
    this.#output = new Linear(section, `${name}.output`, heads * size, width, { bias, isSummand: true });
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
    const { heads, keyValueHeads, scale } = this.#options;
    const dropout = headDropout(pass, this.#name, rows.keys);
    const attributes = {
      heads,
      keyValueHeads,
      scale,
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
