import assert from 'node:assert/strict';
import { test } from 'node:test';
import { showTraining } from '../../src/cli/training-progress.js';

test('a signal is said to save a checkpoint, but for what is counted, which saves none', () => {
  const shown = showTraining({ log: false });
  assert.match(shown.announcement, /^finishing the update and saving a checkpoint/);
  shown.onEvent({ kind: 'counting', fraction: 0 });
  assert.equal(shown.announcement, 'stopping; what was counted is not kept');
  shown.end();
});
