import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { compiledSource, repository, sourceFiles } from './sources.js';

const underNode = ['node/', 'cli/', 'server/', 'agents/', 'index.ts'];
const library = sourceFiles().filter((file) => !underNode.some((prefix) => file.startsWith(prefix)));

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
    (path) => !/^(src|node_modules\/(zod|yaml|pako|eld|d3-[a-z-]+|internmap))\//.test(path) || path.startsWith('src/node/'),
  );
  assert.deepEqual(outside, []);
  const external = Object.values(result.metafile.outputs).flatMap(({ imports }) => imports.filter((one) => one.external === true));
  assert.deepEqual(
    external.map(({ path }) => path),
    [],
  );
});

/** In bytes: of all that a page loads to load a model and translate with it, with the larger build of the kernels. */
const budget = 120_000;

test('load and translate in a page take at most 120 kB (gzip), worker and kernels included', async () => {
  const page = "import { load } from './src/browser/index.ts'; const model = await load('run'); console.log(await model.translate(['a']));";
  const settings = { absWorkingDir: repository, bundle: true, minify: true, platform: 'browser', format: 'esm', target: 'es2022' } as const;
  const results = await Promise.all([
    build({ ...settings, stdin: { contents: page, resolveDir: repository }, outfile: 'page.js', write: false, metafile: true }),
    build({ ...settings, entryPoints: ['src/browser/worker.ts'], outfile: 'worker.js', write: false, metafile: true }),
  ]);
  const parts = new Map<string, number>();
  for (const { metafile } of results) {
    for (const { inputs } of Object.values(metafile.outputs)) {
      for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
        const part = path.startsWith('node_modules/') ? path.split('/').slice(0, 2).join('/') : path;
        parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
      }
    }
  }
  const largest = [...parts].sort(([, a], [, b]) => b - a).slice(0, 15);
  const told = largest.map(([part, bytes]) => `${bytes} bytes of ${part}`).join('\n');
  const zipped = (contents: Uint8Array) => gzipSync(contents, { level: 9 }).length;
  const ofPage = zipped(results[0].outputFiles[0]?.contents ?? assert.fail());
  // As they are shipped.
  const ofWorkers = ['worker', 'worker-relaxed'].map((name) => zipped(readFileSync(join(compiledSource, `browser/${name}.js`))));
  const total = ofPage + Math.max(...ofWorkers);
  const sizes = [ofPage, ...ofWorkers].join(', ');
  assert.ok(total <= budget, `${total} bytes (page and workers: ${sizes}), of at most ${budget}; before compression:\n${told}`);
  assert.ok(Math.min(...ofWorkers) > 20_000, 'each worker holds the engine');
  const foreign = [...parts.keys()].filter((part) =>
    /node_modules\/(?!zod)|src\/(training\/(configuration|train|prepare)|parallel\/(train|data|pipeline)|cli|node|analysis)/.test(part),
  );
  assert.deepEqual(foreign, [], 'no YAML, no training, no drawing');
});
