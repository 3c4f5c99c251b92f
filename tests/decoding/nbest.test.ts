import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  featureValues,
  formatNbestLine,
  formatTranslation,
  lengthPenaltyOf,
  nbestGroups,
  parseNbestLine,
} from '../../src/decoding/nbest.js';

async function groupsOf(lines: (string | undefined)[]) {
  const bad: string[] = [];
  const groups = [];
  for await (const group of nbestGroups(lines, 'list', (error) => bad.push(error.message))) groups.push(group);
  return { bad, groups: groups.map(({ sentence, hypotheses }) => [sentence, ...hypotheses.map(({ text }) => text)]) };
}

test('a line of Moses is read whole and written as it was', () => {
  const line = '12 ||| a small house ||| LM0= -12.5 TM0= -1 -3.2 ||| -7.250000 ||| 0-0 1-1';
  const { sentence, hypothesis } = parseNbestLine(line, 'list: line 1');
  assert.deepEqual([sentence, hypothesis.text, hypothesis.score], [12, 'a small house', -7.25]);
  assert.deepEqual(featureValues(hypothesis.features, 'TM0'), [-1, -3.2]);
  assert.deepEqual(featureValues(hypothesis.features, 'LM'), []);
  assert.equal(formatNbestLine(sentence, hypothesis), line);
});

test("a line of decade's own says which length penalty its score carries", () => {
  const of = (kind: 'power' | 'gnmt', alpha: number) =>
    formatTranslation(3, {
      ids: Int32Array.of(5, 6),
      tokenLogProbabilities: Float32Array.of(-1, -1, -1.5),
      logProbability: -3.5,
      score: -1.25,
      attention: undefined,
      text: 'a b',
      lengthPenalty: { kind, alpha },
    });
  assert.equal(of('power', 1), '3 ||| a b ||| logProbability= -3.500000 tokens= 3 lengthPenalty= 1 ||| -1.250000');
  for (const penalty of [{ kind: 'power', alpha: 0.6 } as const, { kind: 'gnmt', alpha: 0.2 } as const]) {
    const { hypothesis } = parseNbestLine(of(penalty.kind, penalty.alpha), 'list');
    assert.deepEqual(lengthPenaltyOf(hypothesis.features), penalty);
  }
  assert.equal(lengthPenaltyOf('LM0= -3'), undefined);
});

test('an empty translation is one', () => {
  assert.equal(parseNbestLine('0 |||  ||| F0= -1 ||| -1', 'list').hypothesis.text, '');
  assert.equal(parseNbestLine('0 ||| ||| F0= -1 ||| -1', 'list').hypothesis.text, '');
});

test('what was found impossible is read as it was written, by decade and by others', () => {
  const line = formatNbestLine(0, { text: '', features: 'channel= -Infinity', score: -Infinity, further: [] });
  for (const written of [line, line.replaceAll('-Infinity', '-inf')]) {
    const { hypothesis } = parseNbestLine(written, 'list');
    assert.deepEqual([hypothesis.score, featureValues(hypothesis.features, 'channel')], [-Infinity, [-Infinity]]);
  }
  for (const odd of ['Infinity', 'nan']) assert.throws(() => parseNbestLine(`0 ||| a ||| ||| ${odd}`, 'list'), /for the score/);
});

test('the lines of a sentence are one group', async () => {
  const { groups, bad } = await groupsOf(['0 ||| a ||| ||| -1', '0 ||| b ||| ||| -2', '3 ||| c ||| ||| -1']);
  assert.deepEqual(groups, [
    [0, 'a', 'b'],
    [3, 'c'],
  ]);
  assert.deepEqual(bad, []);
});

test('bad lines are told by their number, and the rest goes on', async () => {
  const { groups, bad } = await groupsOf([
    '1 ||| a ||| ||| -1',
    'one ||| b ||| ||| -1',
    '1 ||| c ||| -1',
    undefined,
    '',
    '1 ||| d ||| ||| high',
    '0 ||| e ||| ||| -1',
    '1 ||| f ||| ||| -2',
  ]);
  assert.deepEqual(groups, [[1, 'a', 'f']]);
  assert.deepEqual(
    bad.map((message) => /^list: line (\d)/.exec(message)?.[1]),
    ['2', '3', '4', '5', '6', '7'],
  );
  assert.match(bad.at(-1) ?? '', /sentence 0 after sentence 1/);
});
