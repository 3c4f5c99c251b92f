import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { repository, sourceFiles } from './sources.js';

const edge = ['node/', 'cli/', 'serve/', 'browser/', 'index.ts'];
const library = sourceFiles().filter((file) => !edge.some((prefix) => file.startsWith(prefix)));

test('the library bundles for a browser, and nothing of Node is in it', async () => {
  const result = await build({
    entryPoints: library.map((file) => join(repository, 'src', file)),
    absWorkingDir: repository,
    bundle: true,
    splitting: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    outdir: 'unused',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  assert.deepEqual(result.errors, []);
  const inputs = Object.keys(result.metafile.inputs);
  assert.ok(inputs.includes('src/core/errors.ts'), 'the bundle holds the library');
  const outside = inputs.filter(
    (path) => !/^(src|node_modules\/(zod|yaml|pako|d3-[a-z-]+|internmap))\//.test(path) || path.startsWith('src/node/'),
  );
  assert.deepEqual(outside, []);
  const external = Object.values(result.metafile.outputs).flatMap(({ imports }) => imports.filter((one) => one.external === true));
  assert.deepEqual(
    external.map(({ path }) => path),
    [],
  );
});
