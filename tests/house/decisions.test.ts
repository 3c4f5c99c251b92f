import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repository } from './sources.js';

const folder = join(repository, 'docs', 'decisions');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

test('every decision is in the list under its own title', () => {
  const pages = readdirSync(folder).filter((name) => name !== 'README.md');
  const entries = pages.map((name) => `- [${/^# (.*)$/m.exec(read(name))?.[1]}](${name})`);
  assert.deepEqual(new Set(read('README.md').match(/^- .*$/gm)), new Set(entries));
});
