import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import type { Files } from '../../src/core/files.js';
import { type ReproduceEvent, Waiting } from '../../src/experiments/carry-out.js';
import type { MeasuredRuns } from '../../src/experiments/scaling/measure.js';
import { scale, type ScalingOptions } from '../../src/experiments/scaling/scale.js';
import { experimentTasks } from '../../src/experiments/trainers.js';
import { dismissRanks, introduceRanks } from '../../src/parallel/ranks/claims.js';
import { lendDevices } from '../../src/parallel/ranks/lend.js';
import type { RankClaims } from '../../src/parallel/ranks/messages.js';
import type { Runtime } from '../../src/parallel/runtime.js';
import { keptThreads } from '../parallel/kept-threads.js';
import { networksInMemory } from '../parallel/ranks/networks-in-memory.js';

const plan = `version: 1
data:
  train: { text: [train.txt], documents: line }
  dev: { text: [dev.txt], documents: line }
  context: 16
tokenizer: { kind: bytes }
training: { optimizer: { kind: adam } }
predict: 0
networks:
  lstm:
    model: { kind: lstm, layers: 1 }
    sizes: [{ hidden: 4 }, { hidden: 8 }]
    learningRate: { value: 0.1, parameters: 3000, exponent: -0.5 }
    batch: { sentences: 8 }
grids: [{ examples: [40, 80] }]
`;
const filesOf = () =>
  memoryFiles({ 'plan.yaml': plan, 'train.txt': 'abcdefghijklmnop\n'.repeat(100), 'dev.txt': 'abcdefghijklmnop\n'.repeat(4) });
const claims = (host: string) => async (): Promise<RankClaims> => ({ host, devices: 1, same: {} });

/** A plan on two ranks, each with a view of files. `began`: what the other trains. */
async function scaleOnRanks(
  files: readonly [Files, Files],
  options: Partial<ScalingOptions> = {},
  began: (run: string) => void = () => {},
) {
  const { networks, end } = networksInMemory(2);
  const [first, other] = networks;
  assert.ok(first && other);
  const here: Runtime = { ...keptThreads, files: files[0], sharedMemory: false };
  const there: Runtime = { ...here, files: files[1] };
  const tasks = experimentTasks(there);
  const lending = lendDevices(there, other, claims('there'), (task, signal) => {
    const { name } = task as { name?: string };
    if (name !== undefined) began(name);
    return tasks(task, signal);
  });
  try {
    return await scale({ ...here, ranks: await introduceRanks(first, await claims('here')()) }, 'plan.yaml', {
      ...{ out: 'out', devices: 1, gemm: 'webassembly', speedSeconds: 0.001 },
      ...options,
    });
  } finally {
    await dismissRanks(first);
    await lending;
    end();
  }
}

test('ranks divide the runs of a plan, which come to the same; rank 0 writes the page', async () => {
  const files = filesOf();
  const there: string[] = [];
  const trained: string[] = [];
  const onEvent = (event: ReproduceEvent) => {
    if (event.kind === 'trained' && !event.skipped) trained.push(event.run.name);
  };
  const together = await scaleOnRanks([files, files], { onEvent }, (run) => there.push(run));
  const aloneFiles = filesOf();
  const alone = await scale({ ...keptThreads, files: aloneFiles, sharedMemory: false }, 'plan.yaml', {
    ...{ out: 'out', devices: 1, gemm: 'webassembly', speedSeconds: 0.001 },
  });
  assert.ok(!(together instanceof Waiting) && !(alone instanceof Waiting));
  assert.equal(new Set(trained).size, 4);
  assert.ok(there.length > 0 && there.length < 4, `${there.length} of 4 runs`);
  const { points } = together.account.figures as MeasuredRuns;
  assert.deepEqual(points, (alone.account.figures as MeasuredRuns).points);
  assert.deepEqual(
    together.account.runs.map(({ name }) => name),
    alone.account.runs.map(({ name }) => name),
  );
  assert.ok((await files.list('out')).includes('plan.html'));
  assert.deepEqual(
    (await files.list('out')).filter((name) => name.endsWith('.partial')),
    [],
  );
});

test('ranks that do not see the same directory, or data, are told by name before anything is trained there', async () => {
  await assert.rejects(scaleOnRanks([filesOf(), filesOf()]), /^DecadeError: out: a directory that rank 1 \(there\) does not see/);
  const files = filesOf();
  const changed = filesOf();
  await (await changed.append('train.txt')).write(new TextEncoder().encode('other\n'));
  const view: Files = { ...files, stream: (path) => (path === 'train.txt' ? changed : files).stream(path) };
  await assert.rejects(scaleOnRanks([files, view]), /rank 1: data\.train: files of other contents than rank 0 has/);
});

test('a signal on rank 0 has the others save, and the same command continues', async () => {
  const files = filesOf();
  const controller = new AbortController();
  const began: string[] = [];
  const stopping = scaleOnRanks([files, files], { signal: controller.signal, set: ['grids.0.epochs=[200]'] }, (run) => {
    began.push(run);
    setTimeout(() => controller.abort(new Error('stopped')), 300);
  });
  await assert.rejects(stopping, /stopped/);
  const [run = ''] = began;
  const names = await files.list(`out/runs/${run}`);
  assert.ok(names.includes('config.yaml') && !names.includes('result.json'), names.join());
  assert.ok((await files.list(`out/runs/${run}/checkpoints`)).length > 0);
});
