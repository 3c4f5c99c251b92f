import { matrixProviders } from '../../src/node/native/providers.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Memory } from '../../src/tensor/memory.js';
import { place, relativeError } from './matrix-products.js';

/** Multiplies with the library that the argument names for a second and a half, while its parent sends signals. */
process.on('SIGUSR2', () => {});
const memory = new Memory({ shared: true });
const { provider } = await matrixProviders(memory, webAssemblyProvider(memory, await loadKernels(memory)), { gemm: process.argv[2] });
const block = memory.allocate(16_000_000);
process.stdout.write('ready\n');
const end = performance.now() + 1_500;
let largest = 0;
while (performance.now() < end) {
  for (const transposeB of [false, true]) {
    const product = place(memory, block.offset, { m: 427, n: 256, k: 2000, transposeA: false, transposeB, accumulate: false }, 1);
    for (let repeat = 0; repeat < 10; repeat++) provider.multiply(product);
    largest = Math.max(
      largest,
      relativeError(memory, product, () => provider.multiply(product)),
    );
  }
  await new Promise((resolve) => setImmediate(resolve));
}
process.exit(largest < 1e-5 ? 0 : 1);
