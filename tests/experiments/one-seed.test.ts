import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { experimentBase } from '../../src/experiments/base.js';
import { experiments } from '../../src/experiments/catalogue/index.js';
import { experimentOptions, type Experiment, type TrainedPlan } from '../../src/experiments/experiment.js';
import { Laboratory, type TrainedRun } from '../../src/experiments/laboratory.js';
import { nodeRuntime } from '../../src/node/runtime.js';

const runtime = { ...nodeRuntime, files: memoryFiles(), sharedMemory: false };

/** What an experiment would conclude from these trainings if they had learnt: two updates each are enough to say it. */
async function conclusions(name: keyof typeof experiments, seeds: number): Promise<string> {
  const experiment: Experiment = experiments[name];
  const set = ['training.stop={ steps: 2 }', 'training.schedule={ kind: constant }', 'model.hidden=8'];
  const base = await experimentBase(runtime, experiment.task, { size: 'tiny', set });
  const setting = { base, options: { ...experimentOptions.parse({ members: 2, beam: 2, nbest: 4 }), seeds } };
  const laboratory = new Laboratory(runtime, { out: 'out', devices: 1, gemm: 'webassembly' });
  const runs: Record<string, TrainedRun[]> = {};
  for (const [group, configurations] of Object.entries(experiment.plan(setting))) {
    runs[group] = [];
    for (const configuration of configurations) runs[group].push(await laboratory.train(configuration));
  }
  const test = await laboratory.sentences(base.test, 'test');
  return (await experiment.measure({ ...setting, runs: runs as TrainedPlan<string>, laboratory, test })).conclusions.join(' ');
}

test('whatever rests on one training of a kind says so, and what rests on several says how many', async () => {
  for (const name of ['depth', 'sentence-map'] as const) assert.match(await conclusions(name, 1), /one seed/, name);
  const several = await conclusions('depth', 2);
  assert.match(several, /× [\d.]+ \([\d.]+ to [\d.]+\) a layer, .*2 seeds each/);
  assert.doesNotMatch(several, /one seed/);
});
