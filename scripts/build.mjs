// Builds everything that `npm start` and `npm test` need: the WebAssembly kernels (AssemblyScript), then the TypeScript.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildKernels } from './build-kernels.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
await buildKernels();
removeOrphans();
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(status ?? 1);

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
