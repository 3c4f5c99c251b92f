import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchShapes } from '../../src/analysis/cost/bench-shapes.js';
import { operationsOf, productsOfUpdate, updateNames } from '../../src/analysis/cost/update-products.js';

const operations = (name: string) => productsOfUpdate(name).reduce((sum, shape) => sum + operationsOf(shape), 0);

test('the products of an LSTM update are those that a step asks for, recurrent ones packed', () => {
  const { hidden, layers, sentences, length, targetVocabulary } = benchShapes.small;
  // Forward, gradient of the input, gradient of the weights; the encoder starts from zeros, which are not multiplied.
  const layer = 2 * 4 * hidden * hidden;
  const recurrent = 3 * 2 * layers * layer * sentences * 2 * length - 2 * layers * layer * sentences;
  const softmax = 3 * 2 * hidden * targetVocabulary * sentences * length;
  assert.ok(Math.abs(operations('small') / (recurrent + softmax) - 1) < 0.01);
  const shapes = productsOfUpdate('small');
  const steps = 2 * layers * length;
  assert.deepEqual(
    shapes.filter(({ packed }) => packed).map(({ m, n, k, count }) => [m, n, k, count]),
    [
      [sentences, 4 * hidden, hidden, steps - layers],
      [sentences, hidden, 4 * hidden, steps - layers],
    ],
  );
  assert.ok(shapes.some(({ transposeA, accumulate }) => transposeA && accumulate));
});

test('those of Transformers and language models come to the operations that their peers count, attention apart', () => {
  // 2 m n k of every product forward and backward, as in PyTorch's measurements of the same shapes; those of attention are left out.
  const [width, inner, layers, sentences, length] = [512, 2048, 6, 64, 25];
  const source = length * (8 * width ** 2 + 4 * width * inner);
  const target = length * (8 * width ** 2 + 4 * width * inner) + length * 4 * width ** 2 + length * 4 * width ** 2;
  assert.equal(operations('transformer-base'), 3 * sentences * (layers * (source + target) + length * 2 * width * 16_000));
  assert.equal(operations('lm-gpt2'), 3 * 4 * 256 * (12 * 24 * 768 ** 2 + 2 * 768 * 50_257));
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
