import { DecadeError } from '../core/errors.js';
import type { Scope } from '../tensor/device.js';
import { MeasuredRoom } from '../tensor/memory.js';
import { relativeBias } from '../tensor/operations/relative-bias.js';
import { type RotaryTurns, rotaryTurns } from '../tensor/operations/rotary.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Parameter, ParameterSection } from './parameters.js';

/** How a network knows where a token stands. */
export type PositionOptions =
  | { readonly kind: 'sinusoidal'; readonly width: number; readonly layout: SinusoidOptions['layout']; readonly first: number }
  | { readonly kind: 'learned'; readonly width: number; readonly maximumLength: number }
  | { readonly kind: 'rotary'; readonly size: number; readonly pairs: RotaryTurns['pairs']; readonly base: number }
  | {
      readonly kind: 'relative';
      readonly heads: number;
      readonly buckets: number;
      readonly maximumDistance: number;
      /** What the rows see. */
      readonly sight: 'whole' | 'causal';
    };

/** Where rows stand in their sentences, for attention that turns queries and keys. */
export interface RotaryPlaces {
  readonly turns: RotaryTurns;
  /** Int32[rows] */
  readonly positions: Tensor;
}

/** How attention knows where rows stand, where it does. */
export interface AttentionPlaces {
  readonly rotary?: RotaryPlaces | undefined;
  /** As of `biasReach`. */
  readonly bias?: Tensor | undefined;
}

/** Where tokens stand, told by vectors that are added to theirs, by turning queries and keys, or by what attention adds to its scores. */
export class Positions {
  readonly #options: PositionOptions;
  readonly #learned: Parameter | undefined;

  constructor(section: ParameterSection, name: string, options: PositionOptions) {
    this.#options = options;
    const shape =
      options.kind === 'learned'
        ? [options.maximumLength, options.width]
        : options.kind === 'relative'
          ? [options.buckets, options.heads]
          : undefined;
    this.#learned = shape && section.declare(`${name}.table`, shape);
  }

  /**
   * What is added at positions 0 to `positions` - 1, or more: [positions, width]; undefined where nothing is.
   *
   * @throws DecadeError `input` for more positions than were learned
   */
  table(scope: Scope, positions: number): Tensor | undefined {
    if (this.#learned !== undefined && this.#options.kind === 'learned') {
      const [known = 0] = this.#learned.shape;
      if (positions > known) throw tooLong(positions, known);
      return this.#learned.value;
    }
    return this.#options.kind === 'sinusoidal' ? sinusoids(scope, { ...this.#options, positions }) : undefined;
  }

  /** What attention knows of rows at these positions, Int32[rows], of sentences of at most `longest` tokens. */
  places(runner: Runner, positions: Int32Array | readonly number[], longest: number): AttentionPlaces {
    const { scope } = runner;
    if (this.#options.kind === 'rotary') {
      const turns = rotaryTurns(scope, { ...this.#options, positions: longest });
      return { rotary: { turns, positions: scope.integers(positions) } };
    }
    if (this.#learned === undefined || this.#options.kind !== 'relative') return {};
    const { sight, maximumDistance } = this.#options;
    return runner.run(relativeBias, { table: this.#learned.value }, { reach: longest, sight, maximumDistance });
  }
}

function tooLong(positions: number, known: number): DecadeError {
  return new DecadeError('input', {
    where: 'positions',
    received: `a sequence of ${positions.toLocaleString('en')} tokens`,
    allowed: `at most ${known.toLocaleString('en')}, for so many positions were learned`,
    next: 'shorten it, or train with a greater model.maximumLength',
  });
}

export interface SinusoidOptions {
  /** How many. */
  readonly positions: number;
  /** What the first of them counts as. */
  readonly first: number;
  /** Even. */
  readonly width: number;
  /**
   * `interleaved`: sine and cosine of position * 10000^(-2i / width) side by side, as published (Vaswani et al. 2017, section 3.5);
   * `halves`: all sines, then all cosines, of the same, as in Hugging Face's Marian;
   * `tensor2tensor`: all sines, then all cosines, of position * 10000^(-i / (width / 2 - 1)), as there and in fairseq.
   */
  readonly layout: 'interleaved' | 'halves' | 'tensor2tensor';
}

/** Positions that are not learnt: [positions, width]. */
export function sinusoids(scope: Scope, { positions, first, width, layout }: SinusoidOptions): Tensor {
  const table = scope.empty([positions, width]);
  if (scope.arena instanceof MeasuredRoom) return table;
  const values = table.f32;
  const half = width / 2;
  for (let pair = 0; pair < half; pair++) {
    const frequency = 10_000 ** -(layout === 'tensor2tensor' ? pair / Math.max(half - 1, 1) : pair / half);
    for (let position = 0; position < positions; position++) {
      const row = position * width;
      const angle = (first + position) * frequency;
      values[row + (layout === 'interleaved' ? 2 * pair : pair)] = Math.sin(angle);
      values[row + (layout === 'interleaved' ? 2 * pair + 1 : half + pair)] = Math.cos(angle);
    }
  }
  return table;
}
