import { DecadeError } from '../../core/errors.js';
import type { SequenceLayout } from '../layout.js';
import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';
import { copyOrClear, type Direction, recurrentProduct, States, stepOrder } from './recurrent-states.js';

export type LstmInputs = {
  /** [rows, inputs], rows as the layout says; with `inputProducts` Int32[rows], which of them each row has */
  readonly input: Tensor;
  /** [4 hidden, inputs]; gates in the order input, forget, cell, output. Absent with `inputProducts`. */
  readonly weightInput: Tensor | undefined;
  /** [any, 4 hidden]: what the input weights make of all inputs that there are, where it is known */
  readonly inputProducts?: Tensor | undefined;
  /** [4 hidden, hidden] */
  readonly weightHidden: Tensor;
  /** [4 hidden] */
  readonly bias: Tensor;
  /** [sentences, hidden]: state before the first step; absent = zeros */
  readonly hidden: Tensor | undefined;
  readonly cell: Tensor | undefined;
};

export interface LstmAttributes {
  readonly layout: SequenceLayout;
  readonly direction: Direction;
}

export type LstmOutputs = {
  /** [rows, hidden]: the hidden state at every step */
  readonly output: Tensor;
  /** [sentences, hidden]: the state after each sentence's own last step (its first, when `backward`) */
  readonly hidden: Tensor;
  readonly cell: Tensor;
};

export interface LstmSaved {
  /** [rows, 4 hidden], activated */
  gates: Tensor;
  /** [rows, hidden] */
  tanhCells: Tensor;
  hiddenStates: States;
  cellStates: States;
}

/**
 * A layer of long short-term memory over a stretch of time steps.
 *
 *     i, f, g, o = σ, σ, tanh, σ (Wx x_t + Wh h_{t-1} + b)
 *     c_t = f c_{t-1} + i g        h_t = o tanh(c_t)
 *
 * Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000. The products of all inputs are one matrix
 * product; only Wh h_{t-1} waits for the step before.
 */
export const lstm: Operation<LstmInputs, LstmAttributes, LstmOutputs, LstmSaved> = {
  name: 'lstm',
  sparse: [],
  overwrites: ['input'],

  check({ input, weightInput, inputProducts, weightHidden, bias, hidden, cell }, { layout }) {
    const [, hiddenSize] = expectMatrix('lstm', 'weightHidden', weightHidden);
    if ((weightInput === undefined) === (inputProducts === undefined)) {
      throw new DecadeError('shape', { where: 'lstm', received: 'both or neither', allowed: 'one of weightInput and inputProducts' });
    }
    if (weightInput !== undefined) {
      const [, inputs] = expectMatrix('lstm', 'input', input);
      expectShape('lstm', 'input', input, [layout.rows, inputs], '[rows, inputs]');
      expectShape('lstm', 'weightInput', weightInput, [4 * hiddenSize, inputs], '[4 hidden, inputs]');
    }
    if (inputProducts !== undefined) {
      const [known] = expectMatrix('lstm', 'inputProducts', inputProducts);
      expectShape('lstm', 'inputProducts', inputProducts, [known, 4 * hiddenSize], '[any, 4 hidden]');
      expectShape('lstm', 'input', input, [layout.rows], '[rows]', 'i32');
    }
    expectShape('lstm', 'weightHidden', weightHidden, [4 * hiddenSize, hiddenSize], '[4 hidden, hidden]');
    expectShape('lstm', 'bias', bias, [4 * hiddenSize], '[4 hidden]');
    if ((hidden === undefined) !== (cell === undefined)) {
      throw new DecadeError('shape', { where: 'lstm', received: 'one of hidden and cell', allowed: 'both or neither' });
    }
    if (hidden !== undefined) expectShape('lstm', 'hidden', hidden, [layout.sentences, hiddenSize], '[sentences, hidden]');
    if (cell !== undefined) expectShape('lstm', 'cell', cell, [layout.sentences, hiddenSize], '[sentences, hidden]');
  },

  forward(scope, inputs, { layout, direction }) {
    const { input, weightInput, inputProducts, weightHidden, bias } = inputs;
    const { kernels, matrix } = scope.device;
    const hiddenSize = weightHidden.dimension(1);

    const gates = scope.empty([layout.rows, 4 * hiddenSize]);
    const tanhCells = scope.empty([layout.rows, hiddenSize]);
    const hiddenStates = new States(scope, inputs.hidden, hiddenSize, layout, direction);
    const cellStates = new States(scope, inputs.cell, hiddenSize, layout, direction);
    if (inputProducts !== undefined) {
      kernels.gatherRows(gates.offset, inputProducts.offset, input.offset, layout.rows, 4 * hiddenSize);
    } else if (weightInput !== undefined) {
      matrix.multiply({
        m: layout.rows,
        n: 4 * hiddenSize,
        k: input.dimension(1),
        a: input.offset,
        transposeA: false,
        b: weightInput.offset,
        transposeB: true,
        c: gates.offset,
        accumulate: false,
      });
    }

    const recurrent = recurrentProduct(scope, weightHidden, true, layout.steps);
    try {
      for (const [position, step] of stepOrder(layout, direction).entries()) {
        const first = layout.offsets[step] as number;
        const active = layout.active[step] as number;
        const rowGates = gates.offset + first * 4 * hiddenSize * 4;
        const startsFromZero = position === 0 && inputs.hidden === undefined;
        if (!startsFromZero) recurrent.multiply({ m: active, a: hiddenStates.entering(scope, step), c: rowGates, accumulate: true });
        kernels.lstmForward(
          rowGates,
          bias.offset,
          cellStates.entering(scope, step),
          cellStates.after(step),
          tanhCells.offset + first * hiddenSize * 4,
          hiddenStates.after(step),
          active,
          hiddenSize,
        );
      }
    } finally {
      recurrent.release();
    }
    return {
      outputs: { output: hiddenStates.output, hidden: hiddenStates.final(scope), cell: cellStates.final(scope) },
      saved: { gates, tanhCells, hiddenStates, cellStates },
    };
  },

  gradient(scope, { inputs, attributes: { layout, direction }, saved }, outputGradients, inputGradients, fresh) {
    const { input, weightInput, weightHidden } = inputs;
    const { kernels, matrix } = scope.device;
    const hiddenSize = weightHidden.dimension(1);
    const rowBytes = hiddenSize * 4;
    const { gates, tanhCells, hiddenStates, cellStates } = saved;

    const dHidden = scope.empty([layout.sentences, hiddenSize]);
    const dCell = scope.empty([layout.sentences, hiddenSize]);
    copyOrClear(scope, dHidden, outputGradients.hidden);
    copyOrClear(scope, dCell, outputGradients.cell);

    const steps = stepOrder(layout, direction).reverse();
    const recurrent = recurrentProduct(scope, weightHidden, false, layout.steps);
    try {
      for (const [position, step] of steps.entries()) {
        const first = layout.offsets[step] as number;
        const active = layout.active[step] as number;
        const rowGates = gates.offset + first * 4 * rowBytes;
        kernels.lstmBackward(
          rowGates,
          cellStates.entering(scope, step),
          tanhCells.offset + first * rowBytes,
          outputGradients.output === undefined ? 0 : outputGradients.output.offset + first * rowBytes,
          dHidden.offset,
          dCell.offset,
          inputGradients.bias?.offset ?? 0,
          active,
          hiddenSize,
        );
        const nobodyWantsIt = position === steps.length - 1 && inputGradients.hidden === undefined;
        if (!nobodyWantsIt) recurrent.multiply({ m: active, a: rowGates, c: dHidden.offset, accumulate: false });
      }
    } finally {
      recurrent.release();
    }

    // From here on `gates` holds the gradients of the pre-activations.
    const { rows } = layout;
    if (inputGradients.inputProducts !== undefined) {
      kernels.scatterAddRows(inputGradients.inputProducts.offset, gates.offset, input.offset, rows, 4 * hiddenSize);
    }
    if (inputGradients.input !== undefined && weightInput !== undefined) {
      matrix.multiply({
        m: rows,
        n: input.dimension(1),
        k: 4 * hiddenSize,
        a: gates.offset,
        transposeA: false,
        b: weightInput.offset,
        transposeB: false,
        c: inputGradients.input.offset,
        accumulate: !fresh.has('input'),
      });
    }
    if (inputGradients.weightInput !== undefined) {
      matrix.multiply({
        m: 4 * hiddenSize,
        n: input.dimension(1),
        k: rows,
        a: gates.offset,
        transposeA: true,
        b: input.offset,
        transposeB: false,
        c: inputGradients.weightInput.offset,
        accumulate: true,
        sameA: inputGradients.input !== undefined,
      });
    }
    if (inputGradients.weightHidden !== undefined) {
      matrix.multiply({
        m: 4 * hiddenSize,
        n: hiddenSize,
        k: rows,
        a: gates.offset,
        transposeA: true,
        b: hiddenStates.allEntering(scope).offset,
        transposeB: false,
        c: inputGradients.weightHidden.offset,
        accumulate: true,
        sameA: inputGradients.input !== undefined || inputGradients.weightInput !== undefined,
      });
    }
    if (inputGradients.hidden !== undefined) kernels.add(inputGradients.hidden.offset, dHidden.offset, dHidden.size);
    if (inputGradients.cell !== undefined) kernels.add(inputGradients.cell.offset, dCell.offset, dCell.size);
  },
};
