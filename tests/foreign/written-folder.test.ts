import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { requireNothing } from '../../src/foreign/written-folder.js';

test('a folder below a file is refused by the name of that file', async () => {
  const files = memoryFiles({ 'models/notes.txt': 'mine' });
  await requireNothing(files, 'models/new/folder');
  await assert.rejects(requireNothing(files, 'models/notes.txt'), /^DecadeError: models\/notes\.txt: a file; expected a new directory/);
  await assert.rejects(
    requireNothing(files, 'models/notes.txt/new/folder'),
    /^DecadeError: models\/notes\.txt: a file; expected a directory for models\/notes\.txt\/new\/folder/,
  );
});
