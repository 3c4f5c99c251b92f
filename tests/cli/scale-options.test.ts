import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pagePath } from '../../src/cli/output.js';
import { program } from '../../src/cli/program.js';

test('options behind scale fit are those of fit, not of scale', async () => {
  const root = await program('scale');
  const fit = root.commands.find((command) => command.name() === 'scale')?.commands.find((command) => command.name() === 'fit');
  let given: object = {};
  fit?.action((_path: string, options: object) => {
    given = options;
  });
  await root.parseAsync(['node', 'decade', 'scale', 'fit', 't.csv', '--x', 'a', '--y', 'b', '--out', 'page.html', '--json']);
  assert.deepEqual(given, { x: 'a', y: 'b', out: 'page.html', json: true });
});

test('a page is no standard output', async () => {
  await assert.rejects(pagePath('-', 'fit.html'), /--out: -; expected the name of a file/);
});
