import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchProducts } from '../../src/node/native/bench-products.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Memory } from '../../src/tensor/memory.js';

const memory = new Memory({ shared: true });
const webAssembly = webAssemblyProvider(memory, await loadKernels(memory));

test('each shape and the whole update have a rate by every library, and the whole lies between its shapes', async () => {
  const { limit, networks } = await benchProducts(memory, webAssembly, { configs: ['lm-micro'], seconds: 0.01 });
  const [micro] = networks;
  assert.ok(micro !== undefined);
  const names = Object.keys(micro.gflops);
  assert.equal(names.at(-1), 'webassembly');
  assert.ok(Math.abs(micro.shapes.reduce((sum, { fraction }) => sum + fraction, 0) - 1) < 1e-9);
  for (const name of names) {
    const whole = micro.gflops[name] as number;
    const rates = micro.shapes.map(({ gflops }) => gflops[name] as number);
    assert.ok(whole > 0 && whole >= Math.min(...rates) - 0.1 && whole <= Math.max(...rates) + 0.1, `${name}: ${whole} of ${rates}`);
    if (limit !== undefined) assert.ok(Math.abs((micro.fractionOfLimit?.[name] ?? 0) - whole / limit) < 0.01);
  }
});

test('one library can be measured alone, and one that is not here is refused', async () => {
  const { networks } = await benchProducts(memory, webAssembly, { configs: ['lm-micro'], gemm: 'webassembly', seconds: 0.01 });
  assert.deepEqual(Object.keys(networks[0]?.gflops ?? {}), ['webassembly']);
  await assert.rejects(
    benchProducts(memory, webAssembly, { configs: ['lm-micro'], gemm: 'nothing', seconds: 0.01 }),
    /unknown matrix library/,
  );
  const elsewhere = process.platform === 'darwin' ? 'mkl' : 'accelerate';
  await assert.rejects(
    benchProducts(memory, webAssembly, { configs: ['lm-micro'], gemm: elsewhere, seconds: 0.01 }),
    /cannot be used here/,
  );
});
