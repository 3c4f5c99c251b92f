import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProductBench } from '../../src/node/native/bench-products.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Memory } from '../../src/tensor/memory.js';

const memory = new Memory({ shared: true });
const webAssembly = webAssemblyProvider(memory, await loadKernels(memory));

test('each shape and the whole update have a rate by every library, and the whole lies between its shapes', async () => {
  const bench = await ProductBench.open(memory, webAssembly);
  const { shapes, gflops, fractionOfLimit } = bench.measure('lm-micro', 0.01);
  const names = Object.keys(gflops);
  assert.equal(names.at(-1), 'webassembly');
  assert.ok(Math.abs(shapes.reduce((sum, { fraction }) => sum + fraction, 0) - 1) < 1e-9);
  for (const name of names) {
    const whole = gflops[name] as number;
    const rates = shapes.map((shape) => shape.gflops[name] as number);
    assert.ok(whole > 0 && whole >= Math.min(...rates) - 0.1 && whole <= Math.max(...rates) + 0.1, `${name}: ${whole} of ${rates}`);
    if (bench.limit !== undefined) assert.ok(Math.abs((fractionOfLimit?.[name] ?? 0) - whole / bench.limit) < 0.01);
  }
  bench.dispose();
});

test('one library can be measured alone, and one that is not here is refused', async () => {
  const bench = await ProductBench.open(memory, webAssembly, 'webassembly');
  assert.deepEqual(Object.keys(bench.measure('lm-micro', 0.01).gflops), ['webassembly']);
  await assert.rejects(ProductBench.open(memory, webAssembly, 'nothing'), /unknown matrix library/);
  const elsewhere = process.platform === 'darwin' ? 'mkl' : 'accelerate';
  await assert.rejects(ProductBench.open(memory, webAssembly, elsewhere), /cannot be used here/);
});
