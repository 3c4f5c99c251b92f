// Builds everything that `npm start` and `npm test` need: the WebAssembly kernels (AssemblyScript), then the TypeScript.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildKernels } from './build-kernels.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
await buildKernels();
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(status ?? 1);
