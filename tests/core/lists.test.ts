import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { requireList, requireLists, requireStream } from '../../src/core/lists.js';

const usage = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DecadeError, String(error));
  assert.equal(error.kind, 'usage');
  assert.match(error.message, message);
  return true;
};

test('a list names its first item that is not text, from 1 on, holes among them', () => {
  requireList('lines', []);
  requireList('lines', ['', 'a']);
  assert.throws(() => requireList('lines', 'hello'), usage(/^lines: 'hello'; expected a list of text/));
  assert.throws(() => requireList('lines', undefined), usage(/^lines: nothing; expected a list of text/));
  assert.throws(() => requireList('lines', ['a', 5]), usage(/^lines, item 2: 5; expected text/));
  assert.throws(() => requireList('lines', new Array(1)), usage(/^lines, item 1: nothing; expected text/));
});

test('a text is no list of lists, although it has items', () => {
  assert.throws(() => requireLists('references', ['a b']), usage(/^references, item 1: 'a b'; expected lists of text/));
  assert.throws(() => requireLists('references', [['a'], ['b', null]]), usage(/^references, list 2, item 2: no value; expected text/));
});

test('a text is no stream of lines, although its characters can be taken one by one', () => {
  requireStream('lines', ['a']);
  requireStream('lines', (async function* () {})());
  for (const wrong of ['three weeks ago', undefined, null, 5, {}]) {
    assert.throws(() => requireStream('lines', wrong), usage(/^lines: .*; expected a list or a stream of text/));
  }
});
