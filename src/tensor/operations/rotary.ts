import { DecadeError } from '../../core/errors.js';
import type { Scope } from '../device.js';
import { MeasuredRoom } from '../memory.js';
import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

/** Cosines and sines of every position, made once for all layers of a pass. */
export interface RotaryTurns {
  /** [positions, size]: of each pair of a head's values the cosine, then of each the sine */
  readonly table: Tensor;
  /**
   * Which values of a head are a pair: `adjacent` (0, 1), (2, 3) ... as published (Su et al. 2021), `halves` (0, size / 2) ... as Llama in
   * Hugging Face. Weights of one are those of the other with the rows of a head in another order.
   */
  readonly pairs: 'adjacent' | 'halves';
}

export interface RotaryAttributes {
  readonly turns: RotaryTurns;
  /** Int32[rows]: position of each row in its sentence; those after a cached prefix begin behind it. */
  readonly positions: Tensor;
  /** Leading heads of a row that are turned: of queries and keys side by side both; what follows stays. */
  readonly heads: number;
}

/** Turns for positions 0 to `positions` - 1: pair i by position * base^(-2i / size) (Su et al. 2021, section 3.2.2). */
export function rotaryTurns(
  scope: Scope,
  options: { positions: number; size: number; pairs: RotaryTurns['pairs']; base?: number },
): RotaryTurns {
  const { positions, size, pairs, base = 10_000 } = options;
  const table = scope.empty([positions, size]);
  if (!(scope.arena instanceof MeasuredRoom)) {
    const values = table.f32;
    const half = size / 2;
    for (let pair = 0; pair < half; pair++) {
      const frequency = base ** ((-2 * pair) / size);
      for (let position = 0; position < positions; position++) {
        values[position * size + pair] = Math.cos(position * frequency);
        values[position * size + half + pair] = Math.sin(position * frequency);
      }
    }
  }
  return { table, pairs };
}

/** output [rows, columns]: input with each pair of the leading heads turned by its position's angle, so that scores depend on distances. */
export const rotary: Operation<{ input: Tensor }, RotaryAttributes, { output: Tensor }, undefined> = {
  name: 'rotary',
  sparse: [],
  overwrites: ['input'],

  check({ input }, { turns: { table }, positions, heads }) {
    const [rows, columns] = expectMatrix('rotary', 'input', input);
    const [known, size] = expectMatrix('rotary', 'turns', table);
    expectShape('rotary', 'positions', positions, [rows], '[rows]', 'i32');
    if (size % 2 !== 0 || heads * size > columns) {
      throw new DecadeError('shape', {
        where: 'rotary: heads',
        received: `${heads} heads of ${size} values in ${columns} columns`,
        allowed: 'heads of an even size that fit into the columns',
      });
    }
    for (const position of positions.i32) {
      if (position < 0 || position >= known) {
        throw new DecadeError('shape', { where: 'rotary: positions', received: String(position), allowed: `from 0 to ${known - 1}` });
      }
    }
  },

  forward(scope, { input }, attributes) {
    const output = scope.output(input.shape);
    rotate(scope, output, input, attributes, { back: false, adds: false });
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { attributes }, { output: dOutput }, { input: dInput }, fresh) {
    if (dOutput === undefined || dInput === undefined) return;
    rotate(scope, dInput, dOutput, attributes, { back: true, adds: !fresh.has('input') });
  },
};

function rotate(
  scope: Scope,
  to: Tensor,
  from: Tensor,
  { turns: { table, pairs }, positions, heads }: RotaryAttributes,
  { back, adds }: { back: boolean; adds: boolean },
): void {
  scope.device.kernels.rotate(
    to.offset,
    from.offset,
    table.offset,
    positions.offset,
    from.dimension(0),
    from.dimension(1),
    heads,
    table.dimension(1),
    Number(pairs === 'adjacent'),
    Number(back),
    Number(adds),
  );
}
