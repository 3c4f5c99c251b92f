import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { experimentBase } from '../../src/experiments/base.js';
import { frontierOf, inferenceCompute } from '../../src/experiments/catalogue/inference-compute.js';
import { modelOf } from '../../src/analysis/cost/estimate.js';
import { Laboratory } from '../../src/experiments/laboratory.js';
import type { Step } from '../../src/experiments/steps.js';
import { train } from '../../src/experiments/steps.js';
import { keptThreads } from '../parallel/kept-threads.js';

const runtime = { ...keptThreads, files: memoryFiles(), sharedMemory: false };
const set = ['data.train.pairs=200', 'training.stop={ steps: 2 }', 'training.schedule={ kind: constant }', 'model.hidden=16'];
const own = { beam: 2, samples: 4, sentences: 3 };

async function studyOf(options: object) {
  const base = await experimentBase(runtime, inferenceCompute, { task: 'digits:copy:2-4', size: 'tiny', set });
  const laboratory = new Laboratory(runtime, { out: 'out', devices: 1, gemm: 'webassembly' });
  const test = await laboratory.sentences(base.test, 'test');
  return { base, laboratory, test, options: { ...own, ...options } };
}

test('the frontier is what nothing cheaper is as good as', () => {
  const points = [
    { cost: 4, quality: 9 },
    { cost: 1, quality: 5 },
    { cost: 2, quality: 5 },
    { cost: 3, quality: 7 },
    { cost: 3, quality: 8 },
  ];
  const frontier = frontierOf(
    points,
    ({ cost }) => cost,
    ({ quality }) => quality,
  );
  assert.deepEqual(frontier, [points[1], points[4], points[0]]);
});

test('a small and a large network of each kind are trained, and the small one once more', async () => {
  const stage = (await inferenceCompute.stages(await studyOf({})).next()).value as { readonly steps: readonly Step[] };
  const sizes = [...new Set(stage.steps)].flatMap((step) => (step.kind === 'train' ? [modelOf(step.configuration).parameters.count] : []));
  assert.equal(sizes.length, 6);
  const [small = 0, again, large = 0] = sizes;
  assert.equal(small, again);
  assert.ok(large > 1.5 * small);
});

test('given runs are decoded in every way, once, and each has its operations', async () => {
  const first = await studyOf({});
  const { path } = await first.laboratory.perform(train(first.base.configuration));
  const conclude = async () => {
    const { laboratory, ...study } = await studyOf({ models: `${path},${path}+${path}` });
    const stages = inferenceCompute.stages({ ...study, laboratory });
    for (let done = 0; ; ) {
      const next = await stages.next();
      if (next.done) return { finding: next.value, done };
      for (const step of next.value.steps) {
        if ((await laboratory.find(step)) !== undefined) continue;
        await laboratory.perform(step);
        done++;
      }
    }
  };
  const { finding, done } = await conclude();
  const ways = ['greedy', 'beam 2', 'beam 2, MBR', '1 sample', '4 samples, MBR'];
  assert.deepEqual(
    finding.rows.map((row) => row[1]),
    [...ways, ...ways.slice(0, 3)],
  );
  const operations = finding.rows.map((row) => Number(row[4]));
  const [greedy = 0, beam = 0, both = 0] = operations;
  assert.ok(greedy > 0 && beam > greedy && both === beam);
  // An ensemble of twice the same model costs twice as much.
  assert.ok(Math.abs((operations[5] ?? 0) / greedy - 2) < 0.1);
  assert.equal(done, 8);
  const again = await conclude();
  assert.equal(again.done, 0);
  assert.deepEqual(again.finding.rows, finding.rows);
});
