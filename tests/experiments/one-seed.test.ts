import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { experimentBase } from '../../src/experiments/base.js';
import { experiments } from '../../src/experiments/catalogue/index.js';
import type { Experiment } from '../../src/experiments/experiment.js';
import { Laboratory } from '../../src/experiments/laboratory.js';
import { keptThreads } from '../parallel/kept-threads.js';

const runtime = { ...keptThreads, files: memoryFiles(), sharedMemory: false };

/** What an experiment would conclude from its trainings if they had learnt: two updates each are enough to say it. */
async function conclusions(name: 'depth' | 'sentence-map', seeds: number): Promise<string> {
  const experiment: Experiment = experiments[name];
  const set = ['data.train.pairs=400', 'training.stop={ steps: 2 }', 'training.schedule={ kind: constant }', 'model.hidden=8'];
  const base = await experimentBase(runtime, experiment, { size: 'tiny', set });
  const laboratory = new Laboratory(runtime, { out: 'out', devices: 1, gemm: 'webassembly' });
  const test = await laboratory.sentences(base.test, 'test');
  const stages = experiment.stages({ base, options: { seeds, beam: 2 }, test, laboratory });
  for (;;) {
    const next = await stages.next();
    if (next.done) return next.value.conclusions.join(' ');
    for (const step of next.value.steps) await laboratory.perform(step);
  }
}

test('whatever rests on one training of a kind says so, and what rests on several says how many', async () => {
  for (const name of ['depth', 'sentence-map'] as const) assert.match(await conclusions(name, 1), /one seed/, name);
  const several = await conclusions('depth', 2);
  assert.match(several, /× [\d.]+ \([\d.]+ to [\d.]+\) per layer .*2 seeds each/);
  assert.doesNotMatch(several, /one seed/);
});
