import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { matrixProviders } from '../../src/node/native/providers.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Memory } from '../../src/tensor/memory.js';

const program = fileURLToPath(new URL('./signalled-products.js', import.meta.url));

for (const gemm of ['onednn', 'openblas']) {
  test(`signals do not disturb products by ${gemm}`, async (context) => {
    if (process.platform === 'win32') return context.skip('Windows has no such signals');
    const memory = new Memory({ shared: true });
    const webAssembly = webAssemblyProvider(memory, await loadKernels(memory));
    try {
      (await matrixProviders(memory, webAssembly, { gemm })).provider.dispose();
    } catch (error) {
      return context.skip(error instanceof Error ? error.message : 'not here');
    }
    const child = spawn(process.execPath, [program, gemm], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    const sending = setInterval(() => child.kill('SIGUSR2'), 1);
    const [code, signal] = await ended;
    clearInterval(sending);
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
  });
}
