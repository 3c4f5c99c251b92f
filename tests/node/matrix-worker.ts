import { parentPort, workerData } from 'node:worker_threads';
import type { ProviderChoice } from '../../src/node/native/libraries.js';
import { openMatrixProvider } from '../../src/node/native/providers.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Memory } from '../../src/tensor/memory.js';
import { place, relativeError, type Shape } from './matrix-products.js';

/** Two of these multiply at the same time, by each library that they are told; each answers with its largest error. */
export interface Work {
  readonly choice: ProviderChoice;
  readonly seed: number;
  /** Int32: how many workers are ready. */
  readonly ready: SharedArrayBuffer;
}

const memory = new Memory({ shared: true, existing: workerData as WebAssembly.Memory });
const webAssembly = webAssemblyProvider(memory, await loadKernels(memory));
const block = memory.allocate(4_000_000);

parentPort?.on('message', async ({ choice, seed, ready }: Work) => {
  const provider = await openMatrixProvider(memory, webAssembly, choice);
  const waiting = new Int32Array(ready);
  Atomics.add(waiting, 0, 1);
  while (Atomics.load(waiting, 0) < 2) Atomics.wait(waiting, 1, 0, 1);

  let largest = 0;
  for (let repeat = 0; repeat < 6; repeat++) {
    for (const transposeB of [false, true]) {
      const shape: Shape = { m: 33 + repeat, n: 200, k: 65, transposeA: false, transposeB, accumulate: repeat % 2 === 0 };
      const product = place(memory, block.offset, shape, seed + repeat);
      const packed = provider.pack(product);
      largest = Math.max(
        largest,
        relativeError(memory, product, () => provider.multiply(product)),
        relativeError(memory, product, () => packed.multiply(product)),
      );
      packed.release();
    }
  }
  provider.dispose();
  parentPort?.postMessage(largest);
});
