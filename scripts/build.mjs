// Builds everything that `npm start` and `npm test` need: the WebAssembly kernels (AssemblyScript), the TypeScript, then the
// browser's worker, which becomes one file.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildKernels } from './build-kernels.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
await buildKernels();
removeOrphans();
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
if (status === 0) await bundleWorker();
process.exit(status ?? 1);

/** A worker sees no import map, and not every bundler splits one: so it is a file that imports nothing. */
async function bundleWorker() {
  const notice = readFileSync(join(root, 'node_modules/zod/LICENSE'), 'utf8');
  await build({
    entryPoints: [join(root, 'src/browser/worker.ts')],
    outfile: join(root, 'dist/src/browser/worker.js'),
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    banner: { js: `/*! decade's worker, with zod:\n\n${notice.trim()}\n*/` },
  });
}

/** Takes away what was compiled from sources that are gone, so that nothing of it runs or is packed. */
function removeOrphans() {
  for (const folder of ['src', 'tests', 'bench']) {
    const compiled = join(root, 'dist', folder);
    if (!existsSync(compiled)) continue;
    for (const name of readdirSync(compiled, { recursive: true, encoding: 'utf8' })) {
      const [, stem] = /^(.*?)\.(?:d\.ts|js|map)$/.exec(name) ?? [];
      if (stem !== undefined && !existsSync(join(root, folder, `${stem}.ts`))) rmSync(join(compiled, name));
    }
  }
}
