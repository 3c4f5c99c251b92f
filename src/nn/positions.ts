import { DecadeError } from '../core/errors.js';
import type { Scope } from '../tensor/device.js';
import { MeasuredRoom } from '../tensor/memory.js';
import { type RotaryTurns, rotaryTurns } from '../tensor/operations/rotary.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Parameter, ParameterSection } from './parameters.js';

/** How a network knows where a token stands. */
export type PositionOptions =
  | { readonly kind: 'sinusoidal'; readonly width: number; readonly layout: SinusoidOptions['layout']; readonly first: number }
  | { readonly kind: 'learned'; readonly width: number; readonly maximumLength: number }
  | { readonly kind: 'rotary'; readonly size: number; readonly pairs: RotaryTurns['pairs']; readonly base: number };

/** Where rows stand in their sentences, for attention that turns queries and keys. */
export interface RotaryPlaces {
  readonly turns: RotaryTurns;
  /** Int32[rows] */
  readonly positions: Tensor;
}

/** Where tokens stand, told either by vectors that are added to theirs, learned or not, or by turning queries and keys. */
export class Positions {
  readonly #options: PositionOptions;
  readonly #learned: Parameter | undefined;

  constructor(section: ParameterSection, name: string, options: PositionOptions) {
    this.#options = options;
    this.#learned = options.kind === 'learned' ? section.declare(`${name}.table`, [options.maximumLength, options.width]) : undefined;
  }

  /**
   * What is added at positions 0 to `positions` - 1, or more: [positions, width]; undefined where they turn.
   *
   * @throws DecadeError `input` for more positions than were learned
   */
  table(scope: Scope, positions: number): Tensor | undefined {
    if (this.#learned !== undefined) {
      const [known = 0] = this.#learned.shape;
      if (positions > known) throw tooLong(positions, known);
      return this.#learned.value;
    }
    return this.#options.kind === 'sinusoidal' ? sinusoids(scope, { ...this.#options, positions }) : undefined;
  }

  /** How queries and keys are turned at these positions: Int32[rows]; undefined where vectors are added. */
  turnsAt(scope: Scope, positions: Tensor, longest: number): RotaryPlaces | undefined {
    if (this.#options.kind !== 'rotary') return undefined;
    return { turns: rotaryTurns(scope, { ...this.#options, positions: longest }), positions };
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
