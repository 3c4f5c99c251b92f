import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { Scope } from '../../src/tensor/device.js';
import { rowRanges } from '../../src/tensor/layout.js';
import { Arena } from '../../src/tensor/memory.js';
import type { Operation, Tensors } from '../../src/tensor/operation.js';
import { operations, type OperationName } from '../../src/tensor/operations/index.js';
import { rotaryTurns } from '../../src/tensor/operations/rotary.js';
import { Tape } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { openTestDevice } from './devices.js';

/** Made by scripts/goldens/transformer-operations.py with PyTorch in float64. */
interface GoldenCase {
  readonly name: string;
  readonly operation: OperationName;
  readonly attributes: Record<string, unknown> & {
    readonly lengths?: number[];
    readonly queryLengths?: number[];
    readonly memoryLengths?: number[];
    readonly positions?: number[];
    readonly size?: number;
    readonly pairs?: 'adjacent' | 'halves';
  };
  readonly shapes: Record<string, number[]>;
  readonly output: number[];
  readonly gradients: Record<string, number[]>;
}
const golden: { cases: GoldenCase[] } = JSON.parse(readFileSync('tests/tensor/transformer-goldens.json', 'utf8'));

const device = await openTestDevice();
const arena = new Arena(device.memory);
const scope = new Scope(device, arena);
after(() => arena.dispose());

const sines = (shape: readonly number[], from: number): Tensor => {
  const tensor = scope.empty(shape);
  return tensor.set(Float32Array.from({ length: tensor.size }, (_, index) => 0.9 * Math.sin(1.7 * index + from)));
};

function attributesOf({ lengths, queryLengths, memoryLengths, positions, size, pairs, ...rest }: GoldenCase['attributes']): object {
  if (lengths !== undefined) return { ...rest, sentences: rowRanges(lengths) };
  if (queryLengths !== undefined) return { ...rest, queries: rowRanges(queryLengths), rows: rowRanges(memoryLengths ?? []) };
  if (positions === undefined || size === undefined || pairs === undefined) return rest;
  return { ...rest, turns: rotaryTurns(scope, { positions: 20, size, pairs }), positions: scope.integers(positions) };
}

function close(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length);
  const largest = expected.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 1e-3);
  expected.forEach((value, index) => {
    const difference = Math.abs((actual[index] as number) - value);
    assert.ok(difference < 2e-6 * largest, `${what} [${index}]: ${actual[index]} instead of ${value}`);
  });
}

for (const { name, operation, attributes, shapes, output, gradients } of golden.cases) {
  test(`${name} is PyTorch's, as are its gradients`, () => {
    const inputs = Object.fromEntries(Object.entries(shapes).map(([input, shape], index) => [input, sines(shape, index)]));
    const tape = new Tape(
      scope,
      Object.values(inputs).map((value) => ({ value, gradient: scope.zeros(value.shape) })),
    );
    const run = operations[operation] as unknown as Operation<Tensors, object, { output: Tensor }, unknown>;
    const result = tape.run(run, inputs, attributesOf(attributes)).output;
    tape.seed(result, sines(result.shape, 50));
    tape.backward();
    close(result.f32, output, 'output');
    for (const [input, tensor] of Object.entries(inputs)) {
      const gradient = tape.gradient(tensor);
      assert.ok(gradient instanceof Tensor);
      close(gradient.f32, gradients[input] ?? [], `gradient of ${input}`);
    }
  });
}
