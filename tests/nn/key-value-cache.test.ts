import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyValueCache } from '../../src/nn/key-value-cache.js';
import { Scope } from '../../src/tensor/device.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Arena, Memory } from '../../src/tensor/memory.js';

test('a cache for which there is no room gives everything back', async () => {
  const memory = new Memory({ shared: false, maximumBytes: 512 * 1024 });
  const kernels = await loadKernels(memory);
  const device = { memory, kernels, matrix: webAssemblyProvider(memory, kernels) };
  const before = memory.allocatedBytes;
  // 64 rows of 4 KiB per table: there is room for one of two.
  const cache = new KeyValueCache(device, { layers: 2, columns: 1024, hypotheses: 1 });
  assert.throws(() => cache.extend(new Scope(device, new Arena(memory)), [1]), /memory/);
  cache.dispose();
  assert.equal(memory.allocatedBytes, before);
});
