import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireOutput } from '../../src/cli/output.js';
import { DecadeError } from '../../src/core/errors.js';

test('what is written whole does not go to standard output, nor to a file with the name -', async () => {
  await assert.rejects(
    requireOutput('-'),
    (error) => error instanceof DecadeError && error.kind === 'usage' && /\/dev\/stdout/.test(error.message),
  );
});
