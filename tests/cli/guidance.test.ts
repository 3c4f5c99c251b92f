import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decade } from './decade.js';

test('guidance that would do nothing, or less than it says, is refused', async () => {
  const refused = async (options: readonly string[], message: RegExp) => {
    const { code, stderr } = await decade(['translate', '-m', 'none', ...options]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  };
  await refused(['--must', ''], /--must.*expected a phrase/);
  await refused(['--must-not', 'dog| '], /--must-not.*expected a phrase/);
  await refused(['--glossary', 'a.tsv', '--glossary', 'b.tsv'], /a\.tsv is one; join the files/);
});

test('an alignment of no lines is refused', async () => {
  const { code, stderr, stdout } = await decade(['align'], { input: '' });
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /standard input: no lines; expected sentence pairs/);
});
