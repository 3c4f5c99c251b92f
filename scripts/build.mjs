// Builds everything that `npm start` and `npm test` need: the WebAssembly kernels (AssemblyScript), the TypeScript with the
// documentation of what the entry exports, then the workers, each one file.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
if (status === 0) {
  documentEntry();
  await bundleWorkers();
}
process.exit(status ?? 1);

/**
 * Editors show what is written at a declaration, and do not follow the type of a constant: so each function of the entry gets, in
 * its declarations, the documentation of the member of `Decade` that it is.
 */
function documentEntry() {
  const members = readFileSync(join(root, 'dist/src/decade.d.ts'), 'utf8');
  const documentation = new Map();
  for (const [, comment, name] of members.matchAll(/^ {4}(\/\*\*(?:(?!\*\/).)*\*\/)\n {4}(\w+)[<(]/gms)) {
    documentation.set(name, comment.replace(/^ {4}/gm, ''));
  }
  const entry = join(root, 'dist/src/index.d.ts');
  const declarations = readFileSync(entry, 'utf8').replace(/^export declare const (\w+): Decade\['\1'\];$/gm, (declaration, name) => {
    const comment = documentation.get(name);
    return comment === undefined ? declaration : `${comment}\n${declaration}`;
  });
  writeFileSync(entry, declarations);
}

/** Makes each worker one file, with its dependencies in it. */
async function bundleWorkers() {
  const notice = readFileSync(join(root, 'node_modules/zod/LICENSE'), 'utf8');
  const bundled = { bundle: true, format: 'esm', banner: { js: `/*! decade's worker, with zod:\n\n${notice.trim()}\n*/` } };
  // A browser's worker sees no import map, and not every bundler splits one.
  await build({
    ...bundled,
    entryPoints: ['worker', 'worker-relaxed'].map((name) => join(root, `src/browser/${name}.ts`)),
    outdir: join(root, 'dist/src/browser'),
    minify: true,
    platform: 'browser',
    target: 'es2022',
  });
  // A thread of Node starts three times as fast from one file as from two hundred modules.
  await build({
    ...bundled,
    entryPoints: [join(root, 'src/node/device-thread.ts')],
    outdir: join(root, 'dist/src/node'),
    platform: 'node',
    target: 'node20',
    external: ['koffi'],
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
