import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../../src/core/errors.js';
import { channel, languageModel, lengthRatio } from '../../../src/decoding/selection/model-criteria.js';
import { Selection } from '../../../src/decoding/selection/selection.js';

const lists = [
  { source: 'two words', candidates: ['deux mots', 'mots', '', 'deux mots'].map((text, index) => ({ text, score: -index })) },
  { source: 'one', candidates: [{ text: 'un', score: -1 }] },
];

/** log p(target | source) that anyone can recompute. */
const logProbability = (source: string, target: string) => -(source.length + 3 * target.length);

test('the channel is what the reverse model gives the source, per word of the source, each text asked for once', async () => {
  const asked: { source: string; target: string }[][] = [];
  const model = {
    operationsPerToken: { source: 10, target: 100 },
    score: async (pairs: readonly { source: string; target: string }[]) => {
      asked.push([...pairs]);
      return pairs.map(({ source, target }) => ({ logProbability: logProbability(source, target), tokenLogProbabilities: { length: 3 } }));
    },
  };
  const [first, second] = await channel(model).valuations(lists, {});
  assert.equal(asked.length, 1);
  assert.deepEqual(
    asked[0]?.map(({ source }) => source),
    ['deux mots', 'mots', 'un'],
  );
  const of = (text: string) => logProbability(text, 'two words') / 2;
  assert.deepEqual(Array.from(first?.values ?? []), [of('deux mots'), of('mots'), -Infinity, of('deux mots')]);
  assert.deepEqual(Array.from(second?.values ?? []), [logProbability('un', 'one')]);
  assert.deepEqual([first?.cost.evaluations, first?.cost.operations], [2, 660]);
});

test('the channel hands over the warning of each text that is scored cut short', async () => {
  const warning = new DecadeError('input', { where: 'source, line 1', received: '9 tokens; only the first 4 were used' });
  const model = {
    operationsPerToken: { source: 0, target: 0 },
    score: async (pairs: readonly { source: string; target: string }[]) =>
      pairs.map(({ source }) => ({
        logProbability: -1,
        tokenLogProbabilities: { length: 1 },
        warning: source === 'deux mots' ? warning : undefined,
      })),
  };
  const cut: DecadeError[] = [];
  await channel(model, { onCut: (each) => cut.push(each) }).valuations(lists, {});
  assert.deepEqual(cut, [warning]);
});

test('a noisy channel is the weighted sum of the direct model, the channel, the language model and the length', async () => {
  const none = { source: 0, target: 0 };
  const reverse = {
    operationsPerToken: none,
    score: async (pairs: readonly { source: string; target: string }[]) =>
      pairs.map(({ source, target }) => ({ logProbability: logProbability(source, target), tokenLogProbabilities: { length: 1 } })),
  };
  const language = {
    operationsPerToken: none,
    scoreText: async (texts: readonly string[]) => ({ documents: texts.map((text) => ({ logProbability: -text.length, tokens: 1 })) }),
  };
  const selection = new Selection([
    { criterion: channel(reverse), weight: 0.5 },
    { criterion: languageModel(language), weight: 2 },
    { criterion: lengthRatio, weight: 30 },
  ]);
  const [chosen] = await selection.select(lists);
  const value = (text: string, words: number) => (0.5 * logProbability(text, 'two words') + 2 * -text.length + 30 * words) / 2;
  assert.deepEqual(
    chosen?.ranking.map(({ index }) => index),
    [0, 3, 1, 2],
  );
  assert.equal(chosen?.ranking[0]?.value, value('deux mots', 2));
  assert.equal(chosen?.ranking[2]?.value, value('mots', 1));
});
