import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CandidateList, Criterion } from '../../../src/decoding/selection/criterion.js';
import { type SelectionOptions, selectionOf } from '../../../src/decoding/selection/options.js';
import { TranslationSelection } from '../../../src/decoding/selection/selected-translations.js';

function list(...texts: readonly (readonly [text: string, score: number])[]): CandidateList {
  return { source: 'source', candidates: texts.map(([text, score]) => ({ text, score, logProbability: score })), areSamples: true };
}

async function order(options: SelectionOptions, given: CandidateList): Promise<string[]> {
  const [selected] = await selectionOf(options).select([given]);
  return (selected?.ranking ?? []).map(({ index }) => given.candidates[index]?.text ?? '');
}

const lengths: Criterion = {
  name: 'length',
  valuations: async (lists) =>
    lists.map(({ candidates }) => ({
      values: candidates.map(({ text }) => text.length),
      cost: { evaluations: candidates.length, operations: 100, seconds: 0 },
    })),
};

test('self-consistency chooses the answer that most samples have, in whatever spaces and composition', async () => {
  const samples = list(['42', -1], ['7', -0.5], ['é  1', -3], [' e\u0301 1', -4], ['é 1', -5], ['42', -1]);
  assert.deepEqual((await order({ by: 'self-consistency' }, samples)).slice(0, 3), ['é  1', ' e\u0301 1', 'é 1']);
});

test('votes that differ in case agree if asked to, and an answer may be part of a text', async () => {
  const samples = list(['Yes', -1], ['no', -2], ['yes', -3], ['no', -2]);
  assert.equal((await order({ by: 'self-consistency' }, samples))[0], 'no');
  assert.equal((await order({ by: 'self-consistency', lowercase: true }, samples))[0], 'Yes');
  const answer = (text: string) => text.split(' ').at(-1) ?? '';
  assert.equal((await order({ by: 'self-consistency', answer }, list(['so 3', -1], ['4', -0.1], ['thus 3', -2])))[0], 'so 3');
});

test('votes may count by probability', async () => {
  const samples = list(['rare', -9], ['rare', -9], ['likely', -1]);
  assert.equal((await order({ by: 'self-consistency' }, samples))[0], 'rare');
  assert.equal((await order({ by: 'self-consistency', candidateWeights: 'probability' }, samples))[0], 'likely');
});

test('of equal candidates the better own score stands first, then the earlier', async () => {
  const samples = list(['a', -3], ['b', -1], ['c', -1], ['d', -2]);
  assert.deepEqual(await order({ by: 'self-consistency' }, samples), ['b', 'c', 'd', 'a']);
});

test('several criteria are added up with their weights, each a feature by its name', async () => {
  const given = list(['aaa', -4], ['b', -1]);
  assert.deepEqual(await order([{ by: 'own' }, { by: lengths }], given), ['b', 'aaa']);
  const [selected] = await selectionOf([{ by: 'own' }, { by: lengths, weight: 2 }]).select([given]);
  assert.deepEqual(selected?.ranking[0], { index: 0, value: 2, values: { own: -4, length: 3 } });
  assert.deepEqual(selected?.cost, { evaluations: 2, operations: 100, seconds: 0 });
});

test('a selection without criteria, twice the same, or by an unknown one is refused', () => {
  const usage = (pattern: RegExp) => ({ kind: 'usage', message: pattern });
  assert.throws(() => selectionOf([]), usage(/no criterion/));
  assert.throws(() => selectionOf([{ by: 'own' }, { by: 'own' }]), usage(/own twice/));
  assert.throws(() => selectionOf({ by: 'mbx' as 'mbr' }), usage(/Did you mean mbr/));
  assert.throws(() => selectionOf({ by: 'mbr', utilty: 'bleu' } as SelectionOptions), usage(/utilty/));
});

test('probabilities that a list does not have are asked for in vain', async () => {
  const given = { source: '', candidates: [{ text: 'a', score: 1 }] };
  await assert.rejects(selectionOf({ by: 'mbr', candidateWeights: 'probability' }).select([given]), { kind: 'usage' });
});

test('translations come best first, each text once, with what they were chosen from', async () => {
  const translations = ['a', 'b', 'a', 'c'].map((text, index) => ({ text, score: -index, tokenLogProbabilities: [0, 0] }));
  const selection = new TranslationSelection(selectionOf({ by: 'self-consistency' }));
  const [line] = await selection.select([{ text: 'x', tokens: 3, translations }], { areSamples: true, kept: 2 });
  assert.deepEqual(line?.nbest, [
    { ...translations[0], selected: { value: 0.5, values: { votes: 0.5 } } },
    { ...translations[1], selected: { value: 0.25, values: { votes: 0.25 } } },
  ]);
  const { seconds, ...counts } = line?.selection ?? assert.fail();
  assert.deepEqual(counts, { candidates: 4, distinctTexts: 3, sourceTokens: 3, targetTokens: 8, evaluations: 0, operations: 0 });
});

test('what must not be chosen is not chosen by a negative weight', async () => {
  const forbidding = (weight: number): SelectionOptions => [
    { by: 'own' },
    {
      by: {
        ...lengths,
        name: 'odd',
        valuations: async () => [{ values: [-Infinity, -1], cost: { evaluations: 0, operations: 0, seconds: 0 } }],
      },
      weight,
    },
  ];
  const given = list(['forbidden', -1], ['allowed', -2]);
  assert.deepEqual(await order(forbidding(-1), given), ['allowed', 'forbidden']);
  assert.deepEqual(await order(forbidding(0), given), ['forbidden', 'allowed']);
});

test('what is no selection, no valuation and no answer is named', async () => {
  for (const wrong of ['mbr', null, [undefined]]) {
    assert.throws(() => selectionOf(wrong as unknown as SelectionOptions), { kind: 'usage', message: /by: 'mbr'/ });
  }
  const given = list(['a', -1], ['b', -2]);
  const cost = { evaluations: 0, operations: 0, seconds: 0 };
  for (const valued of [[], [{ values: [1], cost }], [{ values: [1, Number.NaN], cost }]]) {
    await assert.rejects(order({ by: { name: 'mine', valuations: async () => valued } }, given), {
      kind: 'usage',
      message: /mine: .*2 candidates/,
    });
  }
  const answer = (() => undefined) as unknown as (text: string) => string;
  await assert.rejects(order({ by: 'self-consistency', answer }, given), { kind: 'usage', message: /answer: nothing; expected text/ });
});
