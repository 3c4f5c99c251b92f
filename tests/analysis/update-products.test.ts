import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recurrentShapes } from '../../src/analysis/cost/bench-shapes.js';
import { operationsOf, productsOfUpdate, updateNames } from '../../src/analysis/cost/update-products.js';

const operations = (name: string) => productsOfUpdate(name).reduce((sum, shape) => sum + operationsOf(shape), 0);

test('the products of an LSTM update are those that a step asks for, recurrent ones and those of the output layer packed', () => {
  const { hidden, layers, sentences, length, targetVocabulary } = recurrentShapes.small;
  // Forward, gradient of the input, gradient of the weights; the encoder starts from zeros, which are not multiplied.
  const layer = 2 * 4 * hidden * hidden;
  const recurrent = 3 * 2 * layers * layer * sentences * 2 * length - 2 * layers * layer * sentences;
  const softmax = 3 * 2 * hidden * targetVocabulary * sentences * length;
  assert.ok(Math.abs(operations('small') / (recurrent + softmax) - 1) < 0.01);
  const shapes = productsOfUpdate('small');
  const steps = 2 * layers * length;
  const packed = shapes.filter((shape) => shape.packed);
  const isOfOutput = ({ n, k }: (typeof packed)[number]) => n === targetVocabulary || k === targetVocabulary;
  const rows = packed.filter(isOfOutput).reduce((sum, { m, count }) => sum + m * count, 0);
  // Forward, and gradient of the input, in chunks of rows.
  assert.equal(rows, 2 * sentences * length);
  assert.deepEqual(
    packed.filter((shape) => !isOfOutput(shape)).map(({ m, n, k, count }) => [m, n, k, count]),
    [
      [sentences, 4 * hidden, hidden, steps - layers],
      [sentences, hidden, 4 * hidden, steps - layers],
    ],
  );
  assert.ok(shapes.some(({ transposeA, accumulate }) => transposeA && accumulate));
});

test('those of Transformers and language models come to the operations of the same shapes in PyTorch, attention of short sentences apart', () => {
  // 2 m n k of every product, forward and backward; what a causal query does not see is not counted.
  const [width, inner, layers, sentences, length] = [512, 2048, 6, 64, 25];
  const weights = length * (8 * width ** 2 + 4 * width * inner);
  const cross = length * 8 * width ** 2;
  const seen = { whole: 4 * length * length * width, causal: 2 * length * (length + 1) * width };
  const output = length * 2 * width * 16_000;
  const linear = 3 * sentences * (layers * (2 * weights + cross) + output);
  const all = linear + 3 * sentences * layers * (2 * seen.whole + seen.causal);
  assert.ok(operations('transformer-base') >= linear && operations('transformer-base') <= 1.01 * all);
  const [languageModel, attention] = [3 * 4 * 256 * (12 * 24 * 768 ** 2 + 2 * 768 * 50_257), 3 * 4 * 256 * 12 * 2 * 257 * 768];
  const recorded = operations('lm-gpt2');
  assert.ok(
    recorded > languageModel + attention && recorded < languageModel + 1.6 * attention,
    `${recorded} ${languageModel} ${attention}`,
  );
});

test('every name has products, those that take most first, and an unknown one is refused with a suggestion', () => {
  for (const name of updateNames) {
    const shapes = productsOfUpdate(name).map(operationsOf);
    assert.ok(shapes.length > 0, name);
    assert.deepEqual(
      shapes,
      [...shapes].sort((left, right) => right - left),
    );
  }
  assert.throws(() => productsOfUpdate('transformer-bas'), /--config: transformer-bas;.*did you mean transformer-base/i);
});
