import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LocalDecodingExecutor } from '../../src/decoding/local-executor.js';
import { resolveDecodingOptions } from '../../src/decoding/options.js';
import { score } from '../../src/decoding/score.js';
import type { Device } from '../../src/tensor/device.js';
import { loadKernels, loadKernelsOf } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Memory } from '../../src/tensor/memory.js';
import { modelVariants, randomModel, randomSources } from './models.js';

const decodingOnly = { plain: () => import('../../src/tensor/kernels/generated/decoding-plain.js') };

async function deviceWith(kernelsFor: (memory: Memory) => ReturnType<typeof loadKernels>): Promise<Device> {
  const memory = new Memory({ shared: false });
  const kernels = await kernelsFor(memory);
  return { memory, kernels, matrix: webAssemblyProvider(memory, kernels) };
}

const sources = randomSources(5, 6);
const options = resolveDecodingOptions({ beam: 3, nbest: 3, maximumLength: 6, attention: true });
const sampled = resolveDecodingOptions({ sample: { samples: 2, seed: 1, temperature: 0.7, topP: 0.9 }, maximumLength: 4 });

/** All that is computed with a model that is used and not trained. */
async function used(device: Device, variant: (typeof modelVariants)[number]): Promise<unknown> {
  const model = randomModel(device, variant);
  const executor = LocalDecodingExecutor.of(device, [model, model]);
  const sentences = sources.map((source) => ({ source }));
  const found = await executor.search(sentences, options);
  const samples = await executor.search(sentences, sampled);
  const pairs = found.map(([best], sentence) => ({ source: sources[sentence] ?? [], target: best?.ids ?? [] }));
  const scores = await score(executor, pairs);
  const vectors = model.sentenceEncoder?.encode(device, sources);
  await executor.dispose();
  return { found, samples, scores, vectors };
}

describe('the kernels that a page loads', () => {
  for (const variant of modelVariants) {
    test(`give a model all that it needs, with the same bits as all kernels: ${JSON.stringify(variant)}`, async () => {
      const few = await deviceWith((memory) => loadKernelsOf(decodingOnly, memory, { relaxed: false }));
      const all = await deviceWith((memory) => loadKernels(memory, { relaxed: false }));
      assert.ok(Object.keys(few.kernels).length < Object.keys(all.kernels).length);
      assert.deepEqual(await used(few, variant), await used(all, variant));
    });
  }
});
