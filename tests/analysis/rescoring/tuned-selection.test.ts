import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectFromList } from '../../../src/analysis/rescoring/rescore.js';
import type { Criterion, SelectionControl } from '../../../src/decoding/selection/criterion.js';

const list = {
  sources: ['one', 'two'],
  references: [['the right word is one', 'the right word is two']],
  hypotheses: ['one', 'two'].map((word) => [
    { text: `a wrong word is ${word}`, score: 0 },
    { text: `the right word is ${word}`, score: -1 },
  ]),
};

test('criteria are told when to stop, and nothing that a model would refuse, while weights are tuned as afterwards', async () => {
  const told: SelectionControl[] = [];
  const judge: Criterion = {
    name: 'judge',
    valuations: async (lists, control) => {
      told.push(control);
      return lists.map(({ candidates }) => ({
        values: Float64Array.from(candidates, ({ text }) => (text.startsWith('the right') ? 1 : 0)),
        cost: { evaluations: 0, operations: 0, seconds: 0 },
      }));
    },
  };
  const { signal } = new AbortController();
  const select = [{ by: 'own' as const }, { by: judge, weight: 0 }];
  const { sentences, tunedSelection } = await selectFromList(list, { select, tunedOn: list, own: 'score', hypothesesAtOnce: 8, signal });
  assert.deepEqual(
    sentences.map(({ hypotheses: [best] }) => best?.text),
    ['the right word is one', 'the right word is two'],
  );
  assert.equal(tunedSelection?.score.toFixed(6), '100.000000');
  for (const control of told) assert.deepEqual(Object.keys(control), ['signal']);
});
