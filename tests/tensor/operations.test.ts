import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { mix32, normal, randomKey, uniformInteger } from '../../src/core/random.js';
import { type Device, Scope } from '../../src/tensor/device.js';
import { rowRanges, sequenceLayout } from '../../src/tensor/layout.js';
import { Arena, type Memory, type Room } from '../../src/tensor/memory.js';
import type { Loss, Operation, Tensors } from '../../src/tensor/operation.js';
import type { AttentionPlan } from '../../src/tensor/operations/attention.js';
import { activations } from '../../src/tensor/operations/activated-linear.js';
import { type LossName, losses, type OperationName, operations } from '../../src/tensor/operations/index.js';
import { rotaryTurns } from '../../src/tensor/operations/rotary.js';
import { lossReferences, references } from '../../src/tensor/reference/index.js';
import { type Plain, type PlainTensors, plain } from '../../src/tensor/reference/plain.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { TouchedRows } from '../../src/tensor/touched-rows.js';
import { openTestDevices } from './devices.js';

/**
 * Every operation on every device (matrix library, plain and relaxed kernels) against its float64 reference, and its
 * gradient against finite differences of that reference. The table is closed: an operation without cases does not compile.
 */

type InputsOf<O> =
  O extends Operation<infer Inputs, infer _A, infer _O, infer _S, infer _P>
    ? Inputs
    : O extends Loss<infer I, infer _B, infer _C>
      ? I
      : never;
type AttributesOf<O> =
  O extends Operation<infer _I, infer A, infer _O, infer _S, infer _P> ? A : O extends Loss<infer _J, infer B, infer _C> ? B : never;

/** Integer inputs (ids, indices, keys) have no gradient. */
interface Case<Inputs extends Tensors, Attributes> {
  readonly name: string;
  readonly inputs: PlainTensors<Inputs>;
  readonly integers?: readonly (keyof Inputs)[];
  readonly attributes: (scope: Scope) => Attributes;
  /** Outputs without a gradient of their own. */
  readonly opaque?: readonly string[];
}

let drawn = 0;
const random = (...shape: number[]): Plain => {
  const key = randomKey(7, 'sample', drawn++);
  return plain(
    shape,
    plain(shape).values.map((_, index) => 0.7 * normal(key, index)),
  );
};
const integersBelow = (count: number, bound: number): Plain => {
  const key = randomKey(7, 'sample', drawn++);
  return plain(
    [count],
    Array.from({ length: count }, (_, index) => uniformInteger(key, index, bound)),
  );
};
const none = () => ({});

function lstmCase(name: string, lengths: number[], inputs: number, hidden: number, direction: 'forward' | 'backward', initial: boolean) {
  const layout = sequenceLayout(lengths);
  return {
    name,
    inputs: {
      input: random(layout.rows, inputs),
      weightInput: random(4 * hidden, inputs),
      weightHidden: random(4 * hidden, hidden),
      bias: random(4 * hidden),
      hidden: initial ? random(lengths.length, hidden) : undefined,
      cell: initial ? random(lengths.length, hidden) : undefined,
    },
    attributes: () => ({ layout, direction }),
  };
}

/** Inputs that are among a few of which the products are known. */
function knownLstmCase(name: string, lengths: number[], known: number, hidden: number, direction: 'forward' | 'backward') {
  const { inputs, ...rest } = lstmCase(name, lengths, 1, hidden, direction, true);
  const input = integersBelow(inputs.input.shape[0] ?? 0, known);
  return {
    ...rest,
    inputs: { ...inputs, input, weightInput: undefined, inputProducts: random(known, 4 * hidden) },
    integers: ['input'] as const,
  };
}

/** A sentence of one row, one longer than a block of queries, and heads whose size is no multiple of a vector. */
const headShapes = [
  { heads: 1, keyValueHeads: 1, size: 1, lengths: [1, 3] },
  { heads: 2, keyValueHeads: 2, size: 5, lengths: [6, 1, 13] },
  { heads: 4, keyValueHeads: 2, size: 8, lengths: [4, 37] },
  { heads: 3, keyValueHeads: 1, size: 12, lengths: [9, 17] },
  // Small products of whole panels, where the device has them: of a head each, and of heads that share keys.
  { heads: 2, keyValueHeads: 2, size: 32, lengths: [6, 13] },
  { heads: 4, keyValueHeads: 2, size: 32, lengths: [1, 9] },
  // Long enough for products of the library, in two blocks of queries.
  { heads: 2, keyValueHeads: 1, size: 17, lengths: [70, 5] },
];

/** Queries that look at ragged, overlapping lists of memory rows. */
function planOf(scope: Scope, lengths: number[], memoryRows: number): AttentionPlan {
  const starts = lengths.map((_, query) => lengths.slice(0, query).reduce((sum, length) => sum + length, 0));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return {
    queries: lengths.length,
    queryStart: scope.integers(starts),
    queryLength: scope.integers(lengths),
    weightStart: scope.integers(starts),
    memoryRows: scope.integers(Array.from({ length: total }, (_, index) => (index * 3) % memoryRows)),
    weights: total,
    longest: Math.max(...lengths),
  };
}

const cases: {
  readonly [Name in OperationName]: readonly Case<InputsOf<(typeof operations)[Name]>, AttributesOf<(typeof operations)[Name]>>[];
} = {
  add: [
    [1, 1],
    [3, 7],
    [5, 33],
  ].map(([rows = 0, columns = 0]) => ({
    name: `${rows}x${columns}`,
    inputs: { left: random(rows, columns), right: random(rows, columns) },
    attributes: none,
  })),
  tanh: [
    [1, 1],
    [3, 7],
    [5, 33],
  ].map(([rows = 0, columns = 0]) => ({ name: `${rows}x${columns}`, inputs: { input: random(rows, columns) }, attributes: none })),
  linear: [
    [1, 1, 1],
    [3, 5, 7],
    [17, 33, 9],
    [65, 24, 130],
  ].flatMap(([rows = 0, inputs = 0, outputs = 0]) =>
    [true, false].map((bias) => ({
      name: `${rows}x${inputs} to ${outputs}${bias ? '' : ' without bias'}`,
      inputs: { input: random(rows, inputs), weight: random(outputs, inputs), bias: bias ? random(outputs) : undefined },
      attributes: none,
    })),
  ),
  embedding: [
    [5, 3, 9],
    [31, 17, 4],
  ].map(([vocabulary = 0, columns = 0, rows = 0]) => ({
    name: `${rows} of ${vocabulary}x${columns}`,
    inputs: { table: random(vocabulary, columns), ids: integersBelow(rows, vocabulary) },
    integers: ['ids'],
    attributes: none,
  })),
  gatherRows: [
    [5, 3, 9],
    [6, 17, 4],
  ].map(([from = 0, columns = 0, rows = 0]) => ({
    name: `${rows} of ${from}x${columns}`,
    inputs: { input: random(from, columns), indices: integersBelow(rows, from) },
    integers: ['indices'],
    attributes: none,
  })),
  activatedLinear: activations.flatMap((activation) =>
    [
      [1, 1, 2],
      [9, 5, 14],
      [17, 8, 24],
    ].flatMap(([rows = 0, inputs = 0, outputs = 0]) =>
      [true, false].map((bias) => ({
        name: `${activation}, ${rows}x${inputs} to ${outputs}${bias ? '' : ' without bias'}`,
        inputs: { input: random(rows, inputs), weight: random(outputs, inputs), bias: bias ? random(outputs) : undefined },
        attributes: () => ({ activation }),
      })),
    ),
  ),
  normalisation: (['layer', 'rms'] as const).flatMap((kind) =>
    [
      [1, 3],
      [3, 7],
      [5, 33],
      [4, 40],
    ].flatMap(([rows = 0, columns = 0]) =>
      (['nothing', 'gain', 'gain and bias', 'gain, bias and residual', 'residual'] as const).map((given) => ({
        name: `${kind}, ${rows}x${columns} with ${given}`,
        inputs: {
          input: random(rows, columns),
          residual: given.includes('residual') ? random(rows, columns) : undefined,
          gain: given.includes('gain') ? random(columns) : undefined,
          bias: given.includes('bias') ? random(columns) : undefined,
        },
        attributes: () => ({ kind, epsilon: 1e-5 }),
      })),
    ),
  ),
  rotary: (['adjacent', 'halves'] as const).flatMap((pairs) =>
    [2, 6, 8, 16].map((size) => ({
      name: `${pairs}, two of three heads of ${size}`,
      inputs: { input: random(5, 3 * size) },
      attributes: (scope) => ({
        turns: rotaryTurns(scope, { positions: 40, size, pairs }),
        positions: scope.integers([0, 1, 7, 39, 2]),
        heads: 2,
      }),
    })),
  ),
  relativeBias: (['whole', 'causal'] as const).flatMap((sight) =>
    [1, 3, 70].map((reach) => ({
      name: `${sight}, over ${reach}`,
      inputs: { table: random(16, 3) },
      attributes: () => ({ reach, sight, maximumDistance: 40 }),
    })),
  ),
  scale: [{ name: '3x7', inputs: { input: random(3, 7) }, attributes: () => ({ factor: 0.3 }) }],
  positionedEmbedding: [1, Math.sqrt(17)].map((scale) => ({
    name: `times ${scale}`,
    inputs: {
      table: random(6, 17),
      ids: plain([5], [0, 5, 2, 5, 1]),
      positionTable: random(4, 17),
      positions: plain([5], [0, 1, 2, 0, 1]),
    },
    integers: ['ids', 'positions'],
    attributes: () => ({ scale }),
  })),
  selfAttention: (['whole', 'causal'] as const).flatMap((sight) =>
    headShapes.flatMap(({ heads, keyValueHeads, size, lengths }) =>
      [
        { rate: 0, biased: false },
        { rate: 0.3, biased: false },
        { rate: 0, biased: true },
        { rate: 0.3, biased: true },
      ].map(({ rate, biased }) => {
        const sentences = rowRanges(lengths);
        const reach = Math.max(...lengths) + 2;
        return {
          name: `${sight}, ${heads} heads of ${size}, ${keyValueHeads} of keys, sentences of ${lengths}, dropout ${rate}${biased ? ', biased' : ''}`,
          inputs: {
            projected: random(sentences.rows, (heads + 2 * keyValueHeads) * size),
            bias: biased ? random(heads, sight === 'causal' ? reach : 2 * reach - 1) : undefined,
          },
          attributes: (scope) => ({
            ...{ heads, keyValueHeads, sight, sentences, weights: rate === 0 },
            ...(biased && { scale: 0.6 }),
            dropout:
              rate === 0
                ? undefined
                : { rate, key: mix32(5), rowKeys: scope.integers(Array.from({ length: sentences.rows }, (_, row) => mix32(row) | 0)) },
          }),
          opaque: ['weights'],
        };
      }),
    ),
  ),
  memoryAttention: headShapes.flatMap(({ heads, keyValueHeads, size, lengths }) => {
    const rows = rowRanges(lengths);
    return [false, true].map((biased) => {
      // Distances are counted from the end, so a bias needs a row for every query.
      const queries = rowRanges(lengths.map((length) => Math.min((length * 5) % 7, biased ? length : 7)));
      return {
        name: `${heads} heads of ${size}, ${keyValueHeads} of keys, ${queries.lengths} queries over ${lengths}${biased ? ', biased' : ''}`,
        inputs: {
          query: random(queries.rows, heads * size),
          memory: random(rows.rows, 2 * keyValueHeads * size),
          bias: biased ? random(heads, 2 * Math.max(...lengths) - 1) : undefined,
        },
        attributes: () => ({ heads, keyValueHeads, sight: 'whole', queries, rows, weights: true }),
        opaque: ['weights'],
      };
    });
  }),
  concatenate: [
    [1, 1, 1],
    [3, 5, 2],
    [7, 9, 33],
  ].map(([rows = 0, left = 0, right = 0]) => ({
    name: `${rows}x(${left}+${right})`,
    inputs: { left: random(rows, left), right: random(rows, right) },
    attributes: none,
  })),
  stackRows: [{ name: '1+3+2 rows of 5', inputs: { first: random(1, 5), second: random(3, 5), third: random(2, 5) }, attributes: none }],
  dropout: [0, 0.3, 0.9].map((rate) => ({
    name: `rate ${rate}`,
    inputs: { input: random(5, 13), rowKeys: plain([5], [1, -2, 3, 2 ** 31 - 1, -(2 ** 31)]) },
    integers: ['rowKeys'],
    attributes: () => ({ rate, key: mix32(12) }),
  })),
  lstm: [
    lstmCase('one sentence, one step', [1], 1, 1, 'forward', false),
    lstmCase('ragged', [4, 3, 3, 1], 3, 5, 'forward', false),
    lstmCase('ragged, with a state', [5, 2, 1], 7, 3, 'forward', true),
    lstmCase('ragged, backward', [4, 3, 3, 1], 3, 5, 'backward', false),
    lstmCase('ragged, backward, with a state', [5, 2, 1], 2, 9, 'backward', true),
    lstmCase('one step, with a state', [1, 1, 1], 6, 4, 'forward', true),
    lstmCase('even', [6, 6, 6], 17, 8, 'forward', true),
    knownLstmCase('of known inputs', [4, 2, 1], 5, 6, 'forward'),
    knownLstmCase('of known inputs, backward', [4, 2, 1], 3, 5, 'backward'),
  ],
  dotAttention: [1, 6, 9].map((size) => ({
    name: `size ${size}`,
    inputs: { query: random(4, size), keys: random(7, size), values: random(7, size + 2) },
    attributes: (scope) => ({ plan: planOf(scope, [1, 3, 5, 2], 7) }),
    opaque: ['weights'],
  })),
  additiveAttention: [1, 6, 9].map((size) => ({
    name: `size ${size}`,
    inputs: { query: random(4, size), keys: random(7, size), values: random(7, size + 2), vector: random(size) },
    attributes: (scope) => ({ plan: planOf(scope, [1, 3, 5, 2], 7) }),
    opaque: ['weights'],
  })),
};

const lossCases: { readonly [Name in LossName]: readonly Case<InputsOf<(typeof losses)[Name]>, AttributesOf<(typeof losses)[Name]>>[] } = {
  softmaxCrossEntropy: [
    [1, 1, 2, 0],
    [5, 3, 9, 0],
    [7, 6, 33, 0.1],
    [805, 3, 5, 0.1],
  ].map(([rows = 0, size = 0, vocabulary = 0, smoothing = 0]) => ({
    name: `${rows}x${size} to ${vocabulary}, smoothing ${smoothing}`,
    inputs: {
      input: random(rows, size),
      weight: random(vocabulary, size),
      bias: random(vocabulary),
      targets: integersBelow(rows, vocabulary),
    },
    integers: ['targets'],
    attributes: () => ({ smoothing, gradientScale: 0.37 }),
  })),
  consistentCrossEntropy: [
    [1, 1, 2, 0, 5],
    [5, 3, 9, 0, 1],
    [7, 6, 33, 0.1, 5],
    [4, 6, 34, 0.1, 0],
    [3, 6, 7, 0.1, 3],
    [2, 6, 32, 0, 3],
    [805, 3, 5, 0.1, 2],
  ].map(([rows = 0, size = 0, vocabulary = 0, smoothing = 0, consistency = 0]) => ({
    name: `${rows}x${size} to ${vocabulary}, smoothing ${smoothing}, consistency ${consistency}`,
    inputs: {
      input: random(rows, size),
      twin: random(rows, size),
      weight: random(vocabulary, size),
      bias: random(vocabulary),
      targets: integersBelow(rows, vocabulary),
    },
    integers: ['targets'],
    attributes: () => ({ smoothing, consistency, gradientScale: 0.37 }),
  })),
};

/** |actual - expected| / |expected|, as whole vectors. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let index = 0; index < expected.length; index++) {
    difference += ((actual[index] as number) - (expected[index] as number)) ** 2;
    norm += (expected[index] as number) ** 2;
  }
  return Math.sqrt(difference) / Math.max(Math.sqrt(norm), 1e-3);
}

/** How a function changes along some directions of an input. */
interface Derivatives {
  readonly directions: readonly Float64Array[];
  readonly along: readonly number[];
}

/** Finite differences of f at `values`, value by value, or along a few random directions where there are many values. */
function derivativesOf(f: () => number, values: Float64Array): Derivatives {
  const step = 1e-5;
  const along = (direction: Float64Array): number => {
    const before = values.slice();
    for (let index = 0; index < values.length; index++) values[index] = (before[index] as number) + step * (direction[index] as number);
    const above = f();
    for (let index = 0; index < values.length; index++) values[index] = (before[index] as number) - step * (direction[index] as number);
    const below = f();
    values.set(before);
    return (above - below) / (2 * step);
  };
  const directions =
    values.length <= 40
      ? Array.from(values, (_, chosen) => new Float64Array(values.length).fill(0).fill(1, chosen, chosen + 1))
      : Array.from({ length: 6 }, (_, draw) =>
          new Float64Array(values.length).map((_value, index) => normal(randomKey(3, 'sample', draw), index)),
        );
  return { directions, along: directions.map(along) };
}

function checkGradient({ directions, along }: Derivatives, gradient: ArrayLike<number>, where: string): void {
  const actual = directions.map((direction) => direction.reduce((sum, value, index) => sum + value * (gradient[index] as number), 0));
  assert.ok(relativeError(actual, along) < 1e-4, `${where}: gradient ${actual.slice(0, 5)} instead of ${along.slice(0, 5)}`);
}

/** What the reference says of a case: the same on every device, so it is computed once. */
interface Truth {
  readonly outputs: { readonly [name: string]: Plain | undefined };
  /** Random gradients of the outputs. */
  readonly weights: { readonly [name: string]: Plain };
  /** Of the weighted sum of the outputs, by input. */
  readonly derivatives: { readonly [name: string]: Derivatives };
}

interface Example {
  readonly inputs: { [name: string]: Plain | undefined };
  readonly integers?: readonly PropertyKey[] | undefined;
  readonly opaque?: readonly string[] | undefined;
}

function truthOf({ inputs, integers = [], opaque = [] }: Example, reference: () => { [name: string]: Plain | undefined }): Truth {
  const outputs = reference();
  const weights = Object.fromEntries(
    Object.entries(outputs).flatMap(([name, value]) =>
      value === undefined || opaque.includes(name) ? [] : [[name, random(...value.shape)]],
    ),
  );
  const weighted = () => {
    const values = reference();
    let sum = 0;
    for (const [name, weight] of Object.entries(weights)) {
      values[name]?.values.forEach((output, index) => {
        sum += output * (weight.values[index] as number);
      });
    }
    return sum;
  };
  const derivatives = Object.fromEntries(
    Object.entries(inputs).flatMap(([name, value]) =>
      value === undefined || integers.includes(name) ? [] : [[name, derivativesOf(weighted, value.values)]],
    ),
  );
  return { outputs, weights, derivatives };
}

const truths = new Map<unknown, Truth>();

function truthAbout(example: unknown, make: () => Truth): Truth {
  const truth = truths.get(example) ?? make();
  truths.set(example, truth);
  return truth;
}

interface Runnable {
  outputs: { readonly [name: string]: Tensor | undefined };
  addGradients(outputGradients: { [name: string]: Tensor | undefined }, inputGradients: { [name: string]: Tensor | undefined }): void;
}

/** A room in which every tensor lies between guards, so that a write beside one is found. */
class GuardedRoom implements Room {
  readonly #arena: Arena;
  readonly #memory: Memory;
  #tensors: { start: number; end: number }[] = [];

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#arena = new Arena(memory);
  }

  allocate(bytes: number): number {
    const start = this.#arena.allocate(bytes + 128) + 64;
    this.#memory.u8.fill(0xa5, start - 64, start + bytes + 64);
    this.#tensors.push({ start, end: start + bytes });
    return start;
  }

  check(): void {
    const { u8 } = this.#memory;
    const isGuard = (byte: number) => byte === 0xa5;
    for (const { start, end } of this.#tensors) {
      assert.ok(u8.subarray(start - 64, start).every(isGuard) && u8.subarray(end, end + 64).every(isGuard), 'wrote beside a tensor');
    }
  }

  during<Result>(work: () => Result): Result {
    return work();
  }

  reset(): void {
    this.#tensors = [];
    this.#arena.reset();
  }

  dispose(): void {
    this.#tensors = [];
    this.#arena.dispose();
  }
}

/** Uploads the inputs, compares the outputs, gives random gradients to the outputs, compares those of the inputs. */
function sweep(
  device: Device,
  { inputs, integers = [] }: Example,
  fresh: readonly string[],
  run: (scope: Scope, uploaded: { [name: string]: Tensor | undefined }) => Runnable,
  truth: () => Truth,
): void {
  const room = new GuardedRoom(device.memory);
  const scope = new Scope(device, room);
  const uploaded = Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      name,
      value === undefined ? undefined : scope.empty(value.shape, integers.includes(name) ? 'i32' : 'f32').set(value.values),
    ]),
  );
  const { outputs, addGradients } = run(scope, uploaded);
  const { outputs: expected, weights, derivatives } = truth();
  checkOutputs(outputs, expected);

  const outputGradients = Object.fromEntries(
    Object.entries(weights).map(([name, value]) => [name, scope.empty(value.shape).set(value.values)]),
  );
  // Gradients are added to what is there already, unless it is nothing that counts.
  const present = (name: string) => (fresh.includes(name) ? 0 : 0.25);
  const inputGradients = Object.fromEntries(
    Object.entries(inputs).flatMap(([name, value]) => {
      if (value === undefined || integers.includes(name)) return [];
      const gradient = scope.empty(value.shape);
      gradient.f32.fill(fresh.includes(name) ? Number.NaN : present(name));
      return [[name, gradient]];
    }),
  );
  addGradients(outputGradients, inputGradients);
  for (const [name, gradient] of Object.entries(inputGradients)) {
    const added = gradient.f32.map((value) => value - present(name));
    checkGradient(derivatives[name] as Derivatives, added, name);
  }
  room.check();
  room.dispose();
}

function checkOutputs(outputs: Runnable['outputs'], expected: Truth['outputs']): void {
  for (const [name, output] of Object.entries(outputs)) {
    const wanted = expected[name];
    assert.ok(output !== undefined && wanted !== undefined, name);
    assert.deepEqual(output.shape, wanted.shape, name);
    assert.ok(
      relativeError(output.f32, wanted.values) < 2e-5,
      `${name}: ${output.f32.slice(0, 5)} instead of ${wanted.values.slice(0, 5)}`,
    );
  }
}

const devices = await openTestDevices();
after(() => {
  for (const { device } of devices) device.matrix.dispose();
});

for (const { name: deviceName, device } of devices) {
  describe(`operations on ${deviceName}`, () => {
    for (const operationName of Object.keys(operations) as OperationName[]) {
      // The table is typed entry by entry; here every entry is used the same way.
      const operation = operations[operationName] as unknown as Operation<Tensors, unknown, Tensors, unknown, never>;
      const reference = references[operationName] as unknown as (inputs: object, attributes: unknown) => { [name: string]: Plain };
      for (const example of cases[operationName] as unknown as readonly Case<Tensors, unknown>[]) {
        for (const fresh of operation.overwrites === undefined ? [[]] : [[], operation.overwrites]) {
          test(`${operationName} ${example.name}${fresh.length === 0 ? '' : ', gradients of its own'}`, () => {
            let attributes: unknown;
            sweep(
              device,
              example as never,
              fresh,
              (scope, inputs) => {
                attributes = example.attributes(scope);
                operation.check(inputs, attributes);
                const { outputs, saved } = operation.forward(scope, inputs, attributes);
                return {
                  outputs,
                  addGradients: (outputGradients, inputGradients) =>
                    operation.gradient(scope, { inputs, attributes, outputs, saved }, outputGradients, inputGradients, new Set(fresh)),
                };
              },
              () => truthAbout(example, () => truthOf(example as never, () => reference(example.inputs, attributes))),
            );
          });
        }
      }
    }
    for (const lossName of Object.keys(losses) as LossName[]) {
      const loss = losses[lossName] as unknown as Loss<Tensors, unknown, Tensors>;
      const reference = lossReferences[lossName] as unknown as (inputs: object, attributes: unknown) => { losses: Plain };
      for (const example of lossCases[lossName] as unknown as readonly Case<Tensors, { gradientScale: number }>[]) {
        for (const fresh of [[], loss.overwrites ?? []]) {
          test(`${lossName} ${example.name}${fresh.length === 0 ? '' : ', gradients of its own'}`, () => {
            let attributes = { gradientScale: 1 };
            sweep(
              device,
              example as never,
              fresh,
              (scope, inputs) => {
                attributes = example.attributes(scope);
                loss.check(inputs, attributes);
                return {
                  outputs: loss.forward(scope, inputs, attributes),
                  addGradients: (_, inputGradients) => {
                    loss.forwardAndGradient(scope, inputs, attributes, inputGradients as never, new Set(fresh));
                  },
                };
              },
              // A loss is its own end: its gradient is that of the sum of the losses, times the scale.
              () =>
                truthAbout(example, () => {
                  const outputs = reference(example.inputs, attributes);
                  const total = () =>
                    attributes.gradientScale * reference(example.inputs, attributes).losses.values.reduce((sum, value) => sum + value, 0);
                  const learnt = Object.entries(example.inputs as unknown as { [name: string]: Plain }).filter(
                    ([name]) => !example.integers?.includes(name),
                  );
                  const derivatives = Object.fromEntries(learnt.map(([name, { values }]) => [name, derivativesOf(total, values)]));
                  return { outputs: { ...outputs }, weights: {}, derivatives };
                }),
            );
          });
        }
      }
    }

    test('an embedding gradient kept as touched rows equals the dense one', () => {
      const arena = new Arena(device.memory);
      const scope = new Scope(device, arena);
      const [vocabulary, columns] = [40, 9];
      const table = scope.zeros([vocabulary, columns]);
      const touched = new TouchedRows(device.memory, vocabulary, columns);
      const dense = scope.zeros([vocabulary, columns]);
      for (const count of [5, 3, 60]) {
        const ids = scope.integers(integersBelow(count, vocabulary).values);
        const { outputs, saved } = operations.embedding.forward(scope, { table, ids }, {});
        const call = { inputs: { table, ids }, attributes: {}, outputs, saved };
        const gradient = scope.empty([count, columns]).set(random(count, columns).values);
        for (const sum of [touched, dense])
          operations.embedding.gradient(scope, call, { output: gradient }, { table: sum, ids: undefined }, new Set());
      }
      const unpacked = new Float32Array(vocabulary * columns);
      touched.touched.i32.forEach((id, slot) => {
        unpacked.set(touched.table.rows(slot, slot + 1).f32, id * columns);
      });
      assert.deepEqual(unpacked, dense.f32.slice());
      touched.clear();
      assert.ok(touched.slots.i32.every((slot) => slot === -1));
      touched.dispose();
      arena.dispose();
    });

    test('a tensor that does not fit is refused by name, with both shapes', () => {
      const arena = new Arena(device.memory);
      const scope = new Scope(device, arena);
      assert.throws(
        () => operations.linear.check({ input: scope.zeros([2, 3]), weight: scope.zeros([5, 4]), bias: undefined }, {}),
        /linear: weight: received f32 \[5, 4\]|linear: weight: f32 \[5, 4\].*\[5, 3\]/,
      );
      assert.throws(
        () => operations.embedding.check({ table: new Tensor(device.memory, 0, [4, 2]), ids: scope.integers([1, 4]) }, {}),
        /token id 4.*0 to 3/,
      );
      arena.dispose();
    });
  });
}
