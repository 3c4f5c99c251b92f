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
  tanhCells: Tensor;
  hiddenStates: States;
  cellStates: States;
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

    const gates = scope.empty([layout.rows, 4 * hiddenSize]);
    const tanhCells = scope.empty([layout.rows, hiddenSize]);
    const hiddenStates = new States(scope, inputs.hidden, hiddenSize, layout, direction);
    const cellStates = new States(scope, inputs.cell, hiddenSize, layout, direction);
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

    const recurrent = recurrentProduct(scope, weightHidden, true, layout.steps);
    for (const [position, step] of stepOrder(layout, direction).entries()) {
      const first = layout.offsets[step] as number;
      const active = layout.active[step] as number;
      const rowGates = gates.offset + first * 4 * hiddenSize * 4;
      const startsFromZero = position === 0 && inputs.hidden === undefined;
      if (!startsFromZero) recurrent.multiply(active, hiddenStates.entering(scope, step), rowGates, true);
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
    recurrent.release();
    return {
      outputs: { output: hiddenStates.output, hidden: hiddenStates.final(scope), cell: cellStates.final(scope) },
      saved: { gates, tanhCells, hiddenStates, cellStates },
    };
  },

  gradient(scope, { inputs, attributes: { layout, direction }, saved }, outputGradients, inputGradients) {
    const { input, weightInput, weightHidden } = inputs;
    const { kernels, matrix } = scope.device;
    const hiddenSize = weightHidden.dimension(1);
    const rowBytes = hiddenSize * 4;
    const { gates, tanhCells, hiddenStates, cellStates } = saved;

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
        cellStates.entering(scope, step),
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
    if (inputGradients.bias !== undefined) kernels.addColumnSums(inputGradients.bias.offset, gates.offset, rows, 4 * hiddenSize);
    if (inputGradients.hidden !== undefined) kernels.add(inputGradients.hidden.offset, dHidden.offset, dHidden.size);
    if (inputGradients.cell !== undefined) kernels.add(inputGradients.cell.offset, dCell.offset, dCell.size);
  },
};

/**
 * Hidden or cell states of all steps in one buffer, the initial ones first:
 *
 *     rows 0 .. sentences                 before the first step
 *     rows sentences .. sentences + rows  after each step, as the layout says
 *
 * Read forward, the sentences of a step are the first of those of the step before it, so what enters a step already
 * stands where it is needed.
 */
class States {
  readonly output: Tensor;
  readonly #all: Tensor;
  readonly #layout: SequenceLayout;
  readonly #forward: boolean;
  readonly #rowBytes: number;
  /** [sentences, size] for what has to be put together. */
  #scratch: Tensor | undefined;

  constructor(scope: Scope, initial: Tensor | undefined, size: number, layout: SequenceLayout, direction: LstmAttributes['direction']) {
    this.#all = scope.empty([layout.sentences + layout.rows, size]);
    this.output = this.#all.rows(layout.sentences, layout.sentences + layout.rows);
    this.#layout = layout;
    this.#forward = direction === 'forward';
    this.#rowBytes = size * 4;
    copyOrClear(scope, this.#all.rows(0, layout.sentences), initial);
  }

  /** Byte offset of the states after a step: [active, size]. */
  after(step: number): number {
    return this.output.offset + (this.#layout.offsets[step] as number) * this.#rowBytes;
  }

  /** Byte offset of the states that enter a step: [active, size]. Valid until the next call. */
  entering(scope: Scope, step: number): number {
    const { sentences, steps, active, offsets } = this.#layout;
    if (this.#forward) return step === 0 ? this.#all.offset : this.after(step - 1);
    if (step === steps - 1) return this.#all.offset;
    const [started, all] = [active[step + 1] as number, active[step] as number];
    if (started === all) return this.output.offset + (offsets[step + 1] as number) * this.#rowBytes;
    // Read backward, sentences join at their own last step: theirs is the initial state.
    this.#scratch ??= scope.empty([sentences, this.#rowBytes / 4]);
    const { kernels } = scope.device;
    kernels.copy(this.#scratch.offset, this.after(step + 1), started * this.#rowBytes);
    const joined = started * this.#rowBytes;
    kernels.copy(this.#scratch.offset + joined, this.#all.offset + joined, (all - started) * this.#rowBytes);
    return this.#scratch.offset;
  }

  /** [rows, size]: what enters each step, in the order of the layout. */
  allEntering(scope: Scope): Tensor {
    const { sentences, steps, rows, active, offsets } = this.#layout;
    if (this.#forward && sentences * steps === rows) return this.#all.rows(0, rows);
    const entering = scope.empty([rows, this.#rowBytes / 4]);
    for (let step = 0; step < steps; step++) {
      const target = entering.offset + (offsets[step] as number) * this.#rowBytes;
      scope.device.kernels.copy(target, this.entering(scope, step), (active[step] as number) * this.#rowBytes);
    }
    return entering;
  }

  /** [sentences, size]: the state of each sentence after its last step in the order of reading. */
  final(scope: Scope): Tensor {
    const { sentences, steps, rows, active, offsets } = this.#layout;
    if (!this.#forward) return this.output.rows(0, sentences);
    if (sentences * steps === rows) return this.output.rows(rows - sentences, rows);
    const final = scope.empty([sentences, this.#rowBytes / 4]);
    for (let step = 0; step < steps; step++) {
      const [staying, ended] = [active[step + 1] ?? 0, active[step] as number];
      if (staying === ended) continue;
      const source = this.output.offset + ((offsets[step] as number) + staying) * this.#rowBytes;
      scope.device.kernels.copy(final.offset + staying * this.#rowBytes, source, (ended - staying) * this.#rowBytes);
    }
    return final;
  }
}

function stepOrder(layout: SequenceLayout, direction: LstmAttributes['direction']): number[] {
  const steps = Array.from({ length: layout.steps }, (_, step) => step);
  return direction === 'forward' ? steps : steps.reverse();
}

function copyOrClear(scope: Scope, target: Tensor, source: Tensor | undefined): void {
  if (source === undefined) scope.device.kernels.fill(target.offset, 0, target.size);
  else scope.device.kernels.copy(target.offset, source.offset, target.bytes);
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
