import { mix32, randomKey } from '../core/random.js';
import type { SequenceLayout } from '../tensor/layout.js';
import { dropout } from '../tensor/operations/dropout.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import { nameKey } from './parameters.js';

/** Dropout of one training step. Absent in inference. */
export interface DropoutDraw {
  readonly rate: number;
  readonly seed: number;
  readonly step: number;
}

/** One walk through a model. */
export interface Pass {
  readonly runner: Runner;
  readonly dropout?: DropoutDraw | undefined;
}

/** Which sentence and position each row of a packed side is, as the keys of its dropout: Int32[rows]. */
export function rowKeys(pass: Pass, layout: SequenceLayout, sentences: Int32Array, sentenceKeys: Uint32Array): Tensor | undefined {
  if (pass.dropout === undefined || pass.dropout.rate === 0) return undefined;
  const keys = new Int32Array(layout.rows);
  for (let step = 0; step < layout.steps; step++) {
    const first = layout.offsets[step] as number;
    const position = mix32(step + 0x9e3779b9);
    for (let column = 0; column < (layout.active[step] as number); column++) {
      keys[first + column] = mix32((sentenceKeys[sentences[column] as number] as number) ^ position);
    }
  }
  return pass.runner.scope.integers(keys);
}

/** Drops values of [rows, columns] in training; `name` names the place in the model. */
export function dropped(pass: Pass, name: string, input: Tensor, keys: Tensor | undefined): Tensor {
  if (pass.dropout === undefined || keys === undefined) return input;
  const { rate, seed, step } = pass.dropout;
  return pass.runner.run(dropout, { input, rowKeys: keys }, { rate, key: randomKey(seed, 'dropout', step, nameKey(name)) }).output;
}
