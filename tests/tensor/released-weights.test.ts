import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scope } from '../../src/tensor/device.js';
import { sequenceLayout } from '../../src/tensor/layout.js';
import { MatrixWrapper, type PackedMatrix, type RightMatrix } from '../../src/tensor/matrix.js';
import { Arena } from '../../src/tensor/memory.js';
import { lstm } from '../../src/tensor/operations/lstm.js';
import { softmaxCrossEntropy } from '../../src/tensor/operations/softmax-cross-entropy.js';
import { openTestDevice } from './devices.js';

/** Packs so many matrices, and has no room for the products of any. */
class Exhausted extends MatrixWrapper {
  held = 0;
  readonly #most: number;

  constructor(below: MatrixWrapper['below'], most: number) {
    super(below);
    this.#most = most;
  }

  override pack(right: RightMatrix): PackedMatrix {
    if (this.held === this.#most) throw new Error('no room to pack');
    const packed = super.pack(right);
    this.held++;
    const multiply = () => {
      throw new Error('no room for a product');
    };
    const release = () => {
      this.held--;
      packed.release();
    };
    return { multiply, release };
  }
}

const device = await openTestDevice();
const scope = new Scope(device, new Arena(device.memory));
const exhausted = (most: number) => {
  const matrix = new Exhausted(device.matrix, most);
  return { matrix, scope: new Scope({ ...device, matrix }, new Arena(device.memory)) };
};

test('an LSTM whose products fail gives back the weights it has packed, in either direction', () => {
  const [layout, size] = [sequenceLayout([5, 4]), 3];
  const inputs = {
    input: scope.zeros([layout.rows, 2]),
    weightInput: scope.zeros([4 * size, 2]),
    weightHidden: scope.zeros([4 * size, size]),
    bias: scope.zeros([4 * size]),
    hidden: undefined,
    cell: undefined,
  };
  const attributes = { layout, direction: 'forward' } as const;
  const { outputs, saved } = lstm.forward(scope, inputs, attributes);
  const { matrix, scope: failing } = exhausted(1);
  assert.throws(() => lstm.forward(failing, inputs, attributes), /no room for a product/);
  assert.equal(matrix.held, 0);
  const ofOutputs = { output: undefined, hidden: undefined, cell: undefined };
  assert.throws(
    () => lstm.gradient(failing, { inputs, attributes, outputs, saved }, ofOutputs, inputs, new Set()),
    /no room for a product/,
  );
  assert.equal(matrix.held, 0);
});

test('an output layer that has no room for its weights in the other direction gives back the first', () => {
  const [rows, size, vocabulary] = [1300, 4, 8];
  const inputs = {
    input: scope.zeros([rows, size]),
    weight: scope.zeros([vocabulary, size]),
    bias: scope.zeros([vocabulary]),
    targets: scope.integers(new Int32Array(rows)),
  };
  const gradients = { input: scope.zeros([rows, size]), weight: undefined, bias: undefined, targets: undefined };
  const { matrix, scope: failing } = exhausted(1);
  const attributes = { smoothing: 0, gradientScale: 1 };
  assert.throws(() => softmaxCrossEntropy.forwardAndGradient(failing, inputs, attributes, gradients, new Set()), /no room to pack/);
  assert.equal(matrix.held, 0);
});
