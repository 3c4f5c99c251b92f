import { DecadeError } from '../../core/errors.js';
import type { Scope } from '../device.js';
import type { SequenceLayout } from '../layout.js';
import type { PackedMatrix } from '../matrix.js';
import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

export type LstmInputs = {
  /** [rows, inputs], rows as the layout says */
  readonly input: Tensor;
  /** [4 hidden, inputs]; gates in the order input, forget, cell, output */
  readonly weightInput: Tensor;
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
  /** `backward` reads every sentence from its last step to its first. */
  readonly direction: 'forward' | 'backward';
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
  cells: Tensor;
  tanhCells: Tensor;
}

/** From this many steps on, a packed copy of the recurrent weights pays for itself. */
const stepsWorthPacking = 4;

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

  check({ input, weightInput, weightHidden, bias, hidden, cell }, { layout }) {
    const [, hiddenSize] = expectMatrix('lstm', 'weightHidden', weightHidden);
    const [, inputs] = expectMatrix('lstm', 'input', input);
    expectShape('lstm', 'input', input, [layout.rows, inputs], '[rows, inputs]');
    expectShape('lstm', 'weightInput', weightInput, [4 * hiddenSize, inputs], '[4 hidden, inputs]');
    expectShape('lstm', 'weightHidden', weightHidden, [4 * hiddenSize, hiddenSize], '[4 hidden, hidden]');
    expectShape('lstm', 'bias', bias, [4 * hiddenSize], '[4 hidden]');
    if ((hidden === undefined) !== (cell === undefined)) {
      throw new DecadeError('shape', { where: 'lstm', received: 'one of hidden and cell', allowed: 'both or neither' });
    }
    if (hidden !== undefined) expectShape('lstm', 'hidden', hidden, [layout.sentences, hiddenSize], '[sentences, hidden]');
    if (cell !== undefined) expectShape('lstm', 'cell', cell, [layout.sentences, hiddenSize], '[sentences, hidden]');
  },

  forward(scope, inputs, { layout, direction }) {
    const { input, weightInput, weightHidden, bias } = inputs;
    const { kernels, matrix } = scope.device;
    const hiddenSize = weightHidden.dimension(1);
    const rowBytes = hiddenSize * 4;

    const gates = scope.empty([layout.rows, 4 * hiddenSize]);
    const cells = scope.empty([layout.rows, hiddenSize]);
    const tanhCells = scope.empty([layout.rows, hiddenSize]);
    const output = scope.empty([layout.rows, hiddenSize]);
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

    // The state that enters each step gathers here; after the last step it is the final state.
    const hidden = scope.empty([layout.sentences, hiddenSize]);
    const cell = scope.empty([layout.sentences, hiddenSize]);
    copyOrClear(scope, hidden, inputs.hidden);
    copyOrClear(scope, cell, inputs.cell);

    const recurrent = recurrentProduct(scope, weightHidden, true, layout.steps);
    let entered = inputs.hidden !== undefined;
    for (const step of stepOrder(layout, direction)) {
      const first = layout.offsets[step] as number;
      const active = layout.active[step] as number;
      const rowGates = gates.offset + first * 4 * rowBytes;
      if (entered) recurrent.multiply(active, hidden.offset, rowGates, true);
      kernels.lstmForward(
        rowGates,
        bias.offset,
        cell.offset,
        cells.offset + first * rowBytes,
        tanhCells.offset + first * rowBytes,
        output.offset + first * rowBytes,
        active,
        hiddenSize,
      );
      kernels.copy(hidden.offset, output.offset + first * rowBytes, active * rowBytes);
      kernels.copy(cell.offset, cells.offset + first * rowBytes, active * rowBytes);
      entered = true;
    }
    recurrent.release();
    return { outputs: { output, hidden, cell }, saved: { gates, cells, tanhCells } };
  },

  gradient(scope, { inputs, attributes: { layout, direction }, outputs, saved }, outputGradients, inputGradients) {
    const { input, weightInput, weightHidden } = inputs;
    const { kernels, matrix } = scope.device;
    const hiddenSize = weightHidden.dimension(1);
    const rowBytes = hiddenSize * 4;
    const { gates, tanhCells } = saved;

    // State that entered each row: needed for the gradients of the forget gate and of weightHidden.
    const previousCells = enteringStates(scope, saved.cells, inputs.cell, layout, direction);
    const previousHidden = enteringStates(scope, outputs.output, inputs.hidden, layout, direction);

    const dHidden = scope.empty([layout.sentences, hiddenSize]);
    const dCell = scope.empty([layout.sentences, hiddenSize]);
    copyOrClear(scope, dHidden, outputGradients.hidden);
    copyOrClear(scope, dCell, outputGradients.cell);

    const recurrent = recurrentProduct(scope, weightHidden, false, layout.steps);
    const steps = stepOrder(layout, direction).reverse();
    for (const [position, step] of steps.entries()) {
      const first = layout.offsets[step] as number;
      const active = layout.active[step] as number;
      const rowGates = gates.offset + first * 4 * rowBytes;
      kernels.lstmBackward(
        rowGates,
        previousCells.offset + first * rowBytes,
        tanhCells.offset + first * rowBytes,
        outputGradients.output === undefined ? 0 : outputGradients.output.offset + first * rowBytes,
        dHidden.offset,
        dCell.offset,
        active,
        hiddenSize,
      );
      const nobodyWantsIt = position === steps.length - 1 && inputGradients.hidden === undefined;
      if (!nobodyWantsIt) recurrent.multiply(active, rowGates, dHidden.offset, false);
    }
    recurrent.release();

    // From here on `gates` holds the gradients of the pre-activations.
    const [rows, inputSize] = [layout.rows, input.dimension(1)];
    if (inputGradients.input !== undefined) {
      matrix.multiply({
        m: rows,
        n: inputSize,
        k: 4 * hiddenSize,
        a: gates.offset,
        transposeA: false,
        b: weightInput.offset,
        transposeB: false,
        c: inputGradients.input.offset,
        accumulate: true,
      });
    }
    if (inputGradients.weightInput !== undefined) {
      matrix.multiply({
        m: 4 * hiddenSize,
        n: inputSize,
        k: rows,
        a: gates.offset,
        transposeA: true,
        b: input.offset,
        transposeB: false,
        c: inputGradients.weightInput.offset,
        accumulate: true,
      });
    }
    if (inputGradients.weightHidden !== undefined) {
      matrix.multiply({
        m: 4 * hiddenSize,
        n: hiddenSize,
        k: rows,
        a: gates.offset,
        transposeA: true,
        b: previousHidden.offset,
        transposeB: false,
        c: inputGradients.weightHidden.offset,
        accumulate: true,
      });
    }
    if (inputGradients.bias !== undefined) kernels.addColumnSums(inputGradients.bias.offset, gates.offset, rows, 4 * hiddenSize);
    if (inputGradients.hidden !== undefined) kernels.add(inputGradients.hidden.offset, dHidden.offset, dHidden.size);
    if (inputGradients.cell !== undefined) kernels.add(inputGradients.cell.offset, dCell.offset, dCell.size);
  },
};

function stepOrder(layout: SequenceLayout, direction: LstmAttributes['direction']): number[] {
  const steps = Array.from({ length: layout.steps }, (_, step) => step);
  return direction === 'forward' ? steps : steps.reverse();
}

function copyOrClear(scope: Scope, target: Tensor, source: Tensor | undefined): void {
  if (source === undefined) scope.device.kernels.fill(target.offset, 0, target.size);
  else scope.device.kernels.copy(target.offset, source.offset, target.bytes);
}

/** [rows, hidden]: for each row the state of its sentence before the row's step, in the order of reading. */
function enteringStates(
  scope: Scope,
  states: Tensor,
  initial: Tensor | undefined,
  layout: SequenceLayout,
  direction: LstmAttributes['direction'],
): Tensor {
  const { kernels } = scope.device;
  const columns = states.dimension(1);
  const entering = scope.empty(states.shape);
  for (let step = 0; step < layout.steps; step++) {
    const before = direction === 'forward' ? step - 1 : step + 1;
    const active = layout.active[step] as number;
    // Read backward, a sentence enters at its own last step; read forward, all enter at step 0.
    const started = Math.min(active, layout.active[before] ?? 0);
    const target = entering.offset + (layout.offsets[step] as number) * columns * 4;
    const source = states.offset + (layout.offsets[before] ?? 0) * columns * 4;
    if (started > 0) kernels.copy(target, source, started * columns * 4);
    if (started < active) {
      const [skipped, count] = [started * columns, (active - started) * columns];
      if (initial === undefined) kernels.fill(target + skipped * 4, 0, count);
      else kernels.copy(target + skipped * 4, initial.offset + skipped * 4, count * 4);
    }
  }
  return entering;
}

/** C (+)= A weightHidden (or its transpose), packed when it is used often enough. */
function recurrentProduct(
  scope: Scope,
  weightHidden: Tensor,
  transposed: boolean,
  steps: number,
): Pick<PackedMatrix, 'multiply' | 'release'> {
  const { matrix } = scope.device;
  const [rows, columns] = [weightHidden.dimension(0), weightHidden.dimension(1)];
  const [n, k] = transposed ? [rows, columns] : [columns, rows];
  if (steps >= stepsWorthPacking) return matrix.pack(n, k, weightHidden.offset, transposed);
  return {
    multiply: (m, a, c, accumulate) =>
      matrix.multiply({ m, n, k, a, transposeA: false, b: weightHidden.offset, transposeB: transposed, c, accumulate }),
    release() {},
  };
}
