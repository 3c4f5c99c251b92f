import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { requireContext } from '../../src/decoding/text-score.js';

test('a context of more tokens than learned positions is refused by its option, with how many there are', () => {
  requireContext(16, 16);
  requireContext(1_000, Infinity);
  assert.throws(
    () => requireContext(17, 16),
    (error) =>
      error instanceof DecadeError && error.kind === 'usage' && /scoreText options\.context: 17; expected at most 16/.test(error.message),
  );
});
