import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repository, sourceFiles } from './sources.js';

test('the command line prints in one place, so that no control character of a file reaches a terminal', () => {
  const places = sourceFiles().filter((file) => /process\.std(out|err)\.write\(|console\.\w+\(/.test(code(file)));
  assert.deepEqual(places.sort(), ['cli/output.ts', 'cli/terminal.ts']);
});

/** Without comments: those of index.ts show examples that print. */
function code(file: string): string {
  return readFileSync(join(repository, 'src', file), 'utf8').replace(/^\s*(\*|\/\*|\/\/).*$/gm, '');
}
