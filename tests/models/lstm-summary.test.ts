import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LstmModel } from '../../src/models/lstm/lstm.js';
import { lstmOptions } from '../../src/models/lstm/options.js';
import { lstmSummary } from '../../src/models/lstm/summary.js';
import { lstmVariants } from '../decoding/models.js';

const summaryOf = (options: object, source: number | undefined = 9) =>
  lstmSummary(lstmOptions.parse({ kind: 'lstm', hidden: 256, ...options }), { source, target: 9 });

test('runs that were finished before are found: an LSTM has the name that it always had', () => {
  assert.equal(summaryOf({}).runName, 'reversed-2x256');
  assert.equal(summaryOf({ reverseSource: false, layers: 4, attention: 'dot', residual: true }).runName, 'forward-4x256-dot');
});

test('an LSTM is described in words, and classed with those that are as fast', () => {
  assert.equal(summaryOf({ layers: 1 }).description, 'LSTM, 1 layer of 256 cells per side, no attention');
  assert.equal(summaryOf({ attention: 'additive' }).description, 'LSTM, 2 layers of 256 cells per side, additive attention');
  assert.equal(summaryOf({ attention: 'dot', residual: true }).speedClass, '2x256, dot attention, residual');
  assert.equal(summaryOf({ dropout: 0.2, reverseSource: false }).speedClass, '2x256');
});

test('the start that an LSTM advises is half as wide as its own', () => {
  assert.equal(summaryOf({ initialRange: 0.08 }).calmerStart, 'model.initialRange=0.04');
});

test('sizes of layers are those of their parameters', () => {
  for (const variant of lstmVariants) {
    const { parameters, summary } = new LstmModel(lstmOptions.parse({ kind: 'lstm', hidden: 6, ...variant }), { source: 11, target: 13 });
    for (const part of ['encoder', 'decoder'] as const) {
      const own = [...parameters].filter(({ name }) => name.startsWith(`${part}.`));
      const layers = summary.recurrent?.[part] ?? [];
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
      const where = `${part}, ${JSON.stringify(variant)}`;
      assert.equal(layers.length, summary.recurrent?.layers, where);
      assert.equal(sum(layers.map(({ values }) => values)), sum(own.map(({ size }) => size)), where);
      assert.equal(sum(layers.map(({ operations }) => operations)), 2 * sum(own.map(({ rules }) => rules.cost)), where);
    }
  }
});
