import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError, nearestName } from '../../src/core/errors.js';
import { commandLine } from '../../src/core/shell.js';
import { shortened, shownValue, visible, visibleLines } from '../../src/core/visible-text.js';

test('the nearest name is one that was probably meant, and never the given one', () => {
  const names = ['hidden', 'layers', 'dropout'];
  assert.equal(nearestName('hiden', names), 'hidden');
  assert.equal(nearestName('Hidden', names), 'hidden');
  assert.equal(nearestName('hidden', names), undefined);
  assert.equal(nearestName('gradient', names), undefined);
});

test('a name of a megabyte is compared with nothing', () => {
  const started = performance.now();
  const long = 'h'.repeat(1_000_000);
  assert.equal(nearestName(long, [long, 'hidden', `${long}x`]), undefined);
  assert.equal(nearestName('hidden', [long]), undefined);
  assert.ok(performance.now() - started < 1_000);
});

test('control characters of a name are seen and do nothing', () => {
  assert.equal(visible('a\u001b[31mb\u009b0m\r\n\t\u202ec'), 'a\\u001b[31mb\\u009b0m\\r\\n\\t\\u202ec');
  assert.equal(visibleLines('a\tb\r\nc\rd\u0007'), 'a\tb\r\nc\\rd\\u0007');
  assert.equal(visible('ünïcödé 漢字 हिन्दी \u200d🙂'), 'ünïcödé 漢字 हिन्दी \u200d🙂');
  assert.equal(shortened('x'.repeat(100), 5), 'xxxxx…');
});

test('values are shown in a few characters, whatever they are', () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  for (const value of [circle, Array(1e6).fill(1), 'x'.repeat(1e6), { ['k'.repeat(1e6)]: 1 }, new Map(), () => 1, Symbol('s'), 1n]) {
    assert.ok(shownValue(value).length < 200);
  }
  assert.deepEqual(
    [Number.NaN, null, undefined, 'a\nb', [1, 2], { a: 1 }, [], {}].map((value) => shownValue(value)),
    ['NaN', 'no value', 'nothing', "'a\\nb'", '[1, 2]', '{ a: 1 }', '[]', '{}'],
  );
});

test('a command line is quoted where a shell would take it apart', () => {
  assert.equal(commandLine(['decade', 'report', 'runs/a-1']), 'decade report runs/a-1');
  assert.equal(commandLine(['decade', "it's here", '$(x)', 'a;b', '', '*']), `decade 'it'\\''s here' '$(x)' 'a;b' '' '*'`);
});

test('a message is one line, whatever the path in it is called', () => {
  const { message, parts } = new DecadeError('input', { where: 'a\n\u001b[2Jb', received: 'no such file' });
  assert.equal(message, 'a\\n\\u001b[2Jb: no such file');
  assert.equal(parts.where, 'a\n\u001b[2Jb');
});
