// Everything that is checked without running the library: types, lint and formatting, then the tests of the house
// itself (import direction, browser bundle, examples in the documentation).
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const checks = [
  { name: 'types', command: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'types of the site', command: ['node_modules/typescript/bin/tsc', '--project', 'site'] },
  { name: 'types of its service worker', command: ['node_modules/typescript/bin/tsc', '--project', 'site/service-worker'] },
  { name: 'lint and formatting', command: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings'] },
  { name: 'the house', command: ['scripts/test.mjs', 'house/'] },
];
const failed = [];
for (const { name, command } of checks) {
  console.log(`\n--- ${name}`);
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? '\nall checks passed' : `\nfailed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
