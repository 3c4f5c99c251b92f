import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rescore } from '../../src/analysis/rescoring/rescore.js';
import type { NbestList } from '../../src/analysis/rescoring/rescoring.js';
import { requireSentences, requireTestSet, type TestSet } from '../../src/analysis/examination/scored-sentences.js';
import { evaluateAll as evaluate } from '../../src/metrics/scoring-options.js';
import { DecadeError } from '../../src/core/errors.js';

/** What a compiler cannot see: values from JSON, or from JavaScript. */
const untyped = <Value>(value: unknown): Value => value as Value;
const usage = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DecadeError, String(error));
  assert.equal(error.kind, 'usage');
  assert.match(error.message, message);
  return true;
};

test('evaluate scores no characters for lines', () => {
  const wrong = (given: object, message: RegExp) => assert.throws(() => evaluate(untyped(given)), usage(message));
  wrong({ hypotheses: ['a'], references: ['a'] }, /^references, item 1: 'a'/);
  wrong({ hypotheses: 'a', references: [['a']] }, /^hypotheses: 'a'/);
  wrong({ hypotheses: [5], references: [['a']] }, /^hypotheses, item 1: 5/);
  wrong({ hypotheses: ['a'], references: [[null]] }, /^references, list 1, item 1: no value/);
  wrong({}, /^hypotheses: nothing/);
});

test('a test set is lists of text', () => {
  const set = (given: object): TestSet => untyped({ name: 'test', ...given });
  assert.throws(() => requireTestSet(set({ sources: ['a'], references: ['b'] })), usage(/^references, item 1: 'b'/));
  assert.throws(() => requireTestSet(set({ sources: ['a'] })), usage(/^references: nothing/));
  assert.throws(() => requireSentences(set({})), usage(/^sources: nothing/));
});

test('rescore refuses what is no n-best list and no weight', async () => {
  const list = { sources: ['a'], lines: ['0 ||| b ||| ||| -1'] };
  const refused = (given: object, options: object, message: RegExp) =>
    assert.rejects(
      rescore(untyped<NbestList>(given), async () => [], untyped(options)),
      usage(message),
    );
  await refused({ sources: ['a'] }, {}, /neither lines nor hypotheses; expected one of them/);
  await refused({ ...list, hypotheses: [[]] }, {}, /both lines and hypotheses/);
  await refused({ ...list, lines: '0 ||| b ||| ||| -1' }, {}, /lines: .*expected a list or a stream of text/);
  await refused({ ...list, sources: 'a' }, {}, /sources: 'a'; expected a list of text/);
  await refused({ ...list, references: ['b'] }, {}, /^references, item 1: 'b'/);
  await refused({ sources: ['a'], hypotheses: [['b']] }, {}, /hypotheses, list 1, item 1: 'b'; expected \{ text, score \}/);
  for (const weight of [{}, null, { tunedOn: undefined }, '0.5']) await refused(list, { weight }, /^rescoring options\.weight: .*a number/);
});

test('hypotheses for fewer sentences than there are sources are another text', async () => {
  const list = { sources: ['a', 'b'], hypotheses: [[{ text: 'c', score: -1 }]] };
  await assert.rejects(
    rescore(list, async () => []),
    /hypotheses of 1 sentences; expected 2, one list per source/,
  );
});
