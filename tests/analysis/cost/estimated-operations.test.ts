import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchShape } from '../../../src/analysis/cost/bench-shapes.js';
import { estimateModel } from '../../../src/analysis/cost/estimate.js';
import { operationsOf, productsOfUpdate } from '../../../src/analysis/cost/update-products.js';
import { createModel } from '../../../src/models/create.js';
import { configurationOf, type ConfigurationInput } from '../../../src/training/configuration.js';

/** What an estimate says of a network that is measured: of one pair, its tokens and its attention. */
function estimated(name: string) {
  const { model, sourceVocabulary, targetVocabulary, length } = benchShape(name);
  const { parameters, summary } = createModel(model, { source: sourceVocabulary, target: targetVocabulary });
  const { source, target } = parameters.costs;
  const ofSource = sourceVocabulary === undefined ? 0 : length;
  return { tokens: 6 * (ofSource * source + length * target), attention: 6 * (summary.attentionCost?.(ofSource, length) ?? 0) };
}

/** What an update of it asks of the matrix library, per pair. */
function recorded(name: string): number {
  return productsOfUpdate(name).reduce((sum, shape) => sum + operationsOf(shape), 0) / benchShape(name).sentences;
}

test('an estimate counts the products of an update', () => {
  assert.ok(Math.abs(recorded('transformer-tiny') / estimated('transformer-tiny').tokens - 1) < 1e-9, 'its attention is no product');
});

for (const name of ['transformer-small', 'lm-micro', 'lm-nano']) {
  test(`where attention is products, an update has them, and scores once more for gradients: ${name}`, () => {
    const { tokens, attention } = estimated(name);
    const ofAttention = recorded(name) - tokens;
    // Of short sentences it is no product; a block of causal queries sees up to its last one, a little more than half of all, or all where there is one block.
    assert.ok(
      ofAttention > (name === 'lm-nano' ? attention : 0) && ofAttention < (name === 'lm-micro' ? 2.4 : 1.6) * attention,
      `${ofAttention} ${attention}`,
    );
  });
}

const configuration = (model: object, data: object) =>
  configurationOf({ version: 1, data, tokenizer: { kind: 'bytes' }, model } as ConfigurationInput);

test('attention grows with the square of a context, what tokens cost otherwise does not', () => {
  const of = (context: number) =>
    estimateModel(configuration({ kind: 'transformer', width: 32, heads: 2 }, { train: { text: ['none'] }, context }));
  assert.equal(of(64).operationsPerTargetToken, of(128).operationsPerTargetToken);
  assert.equal(of(128).attentionOperationsPerPair / of(64).attentionOperationsPerPair, (128 * 129) / (64 * 65));
  assert.equal(of(64).decoding.bytesPerStep, of(128).decoding.bytesPerStep);
  assert.ok(of(128).decoding.totalMiB > of(64).decoding.totalMiB);
});

test('an LSTM counts its attention to the source, and has no cache', () => {
  const of = (attention: string) => estimateModel(configuration({ kind: 'lstm', hidden: 32, attention }, { train: { tsv: 'none' } }));
  assert.equal(of('none').attentionOperationsPerPair, 0);
  assert.equal(of('dot').attentionOperationsPerPair, 6 * 2 * 32 * 100 * 101);
  assert.equal(of('dot').decoding.rows, 5);
});
