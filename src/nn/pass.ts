import { mix32, randomKey } from '../core/random.js';
import type { RowRanges, SequenceLayout } from '../tensor/layout.js';
import { dropout } from '../tensor/operations/dropout.js';
import type {
  SoftmaxCrossEntropyAttributes,
  SoftmaxCrossEntropyInputs,
  SoftmaxCrossEntropyOutputs,
} from '../tensor/operations/softmax-cross-entropy.js';
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
  /** Where predictions under different dropout should be alike: the loss of this walk together with another. Only in training. */
  readonly twoWalks?: LossOfTwoWalks | undefined;
}

/** `walk` goes through the model once more, over the same tokens. */
export type LossOfTwoWalks = (
  inputs: SoftmaxCrossEntropyInputs,
  attributes: SoftmaxCrossEntropyAttributes,
  walk: (pass: Pass) => Tensor,
) => SoftmaxCrossEntropyOutputs;

/** Which sentence and position each row of a packed side is, as the keys of its dropout: Int32[rows]. */
export function rowKeys(pass: Pass, layout: SequenceLayout, sentences: Int32Array, sentenceKeys: Uint32Array): Tensor | undefined {
  if (pass.dropout === undefined || pass.dropout.rate === 0) return undefined;
  const keys = new Int32Array(layout.rows);
  for (let step = 0; step < layout.steps; step++) {
    const first = layout.offsets[step] as number;
    for (let column = 0; column < (layout.active[step] as number); column++) {
      keys[first + column] = rowKey(sentenceKeys[sentences[column] as number] as number, step);
    }
  }
  return pass.runner.scope.integers(keys);
}

/** As `rowKeys`, of sentences whose rows lie together. */
export function rangeKeys(
  pass: Pass,
  { starts, lengths, rows }: RowRanges,
  sentences: readonly { readonly key: number }[],
): Tensor | undefined {
  if (pass.dropout === undefined) return undefined;
  const keys = new Int32Array(rows);
  starts.forEach((first, sentence) => {
    for (let position = 0; position < (lengths[sentence] as number); position++) {
      keys[first + position] = rowKey(sentences[sentence]?.key ?? 0, position);
    }
  });
  return pass.runner.scope.integers(keys);
}

function rowKey(sentenceKey: number, position: number): number {
  return mix32(sentenceKey ^ mix32(position + 0x9e3779b9));
}

/** Drops values of [rows, columns] in training; `name` names the place in the model. */
export function dropped(pass: Pass, name: string, input: Tensor, keys: Tensor | undefined): Tensor {
  if (pass.dropout === undefined || pass.dropout.rate === 0 || keys === undefined) return input;
  const { rate, seed, step } = pass.dropout;
  return pass.runner.run(dropout, { input, rowKeys: keys }, { rate, key: randomKey(seed, 'dropout', step, nameKey(name)) }).output;
}
