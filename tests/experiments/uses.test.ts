import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import type { ReproduceEvent } from '../../src/experiments/carry-out.js';
import { type CommonOptions, reproduce, reproductionCost } from '../../src/experiments/reproduce.js';
import { keptThreads } from '../parallel/kept-threads.js';

/** Files in memory, and training on this thread. */
const newRuntime = () => ({ ...keptThreads, files: memoryFiles(), sharedMemory: false });
/** Two updates: what models are used for does not depend on what they learnt. */
const options: CommonOptions = {
  ...{ out: 'out', devices: 1, gemm: 'webassembly', speedSeconds: 0.01, task: 'digits:copy:2-4', size: 'tiny' },
  ...{ set: ['training.stop={ steps: 2 }', 'training.schedule={ kind: constant }'] },
};
const own = { length: { beam: 2 }, rescoring: { members: 2, nbest: 4 } };

describe('what models are used for', () => {
  test('is known before they are trained, to the last file', async () => {
    for (const name of ['length', 'rescoring'] as const) {
      const runtime = newRuntime();
      const before = await reproductionCost(runtime, name, { ...options, ...own[name] });
      assert.ok(before.uses.every(({ state, seconds }) => state === 'new' && seconds > 0));
      await reproduce(runtime, name, { ...options, ...own[name] });
      const after = await reproductionCost(runtime, name, { ...options, ...own[name] });
      assert.deepEqual([...new Set(after.uses.map(({ state }) => state))], ['done'], name);
      assert.deepEqual([after.trainingSeconds, after.usingSeconds], [0, 0]);
      const made = async (directory: string) => (await runtime.files.list(`out/${directory}`)).length;
      const planned = (kind: string) => before.uses.filter((use) => use.kind === kind).length;
      assert.deepEqual(
        [await made('translations'), await made('nbest'), await made('scores')],
        ['translate', 'list', 'score'].map(planned),
        name,
      );
    }
  });

  test('stands in the account, as it was said and as it came', async () => {
    const runtime = newRuntime();
    const { account, files } = await reproduce(runtime, 'length', { ...options, ...own.length });
    const { training, using } = account.time;
    assert.ok([training.predicted, training.taken, using.predicted, using.taken].every((seconds) => seconds > 0));
    assert.match(await runtime.files.readText(files.page), /predicted: /);
  });

  test('a rescoring that was interrupted goes on where it was', async () => {
    const runtime = newRuntime();
    const controller = new AbortController();
    const onEvent = (event: ReproduceEvent) => {
      if (event.kind === 'using' && event.label === 'rescoring') controller.abort(new Error('enough'));
    };
    await assert.rejects(reproduce(runtime, 'rescoring', { ...options, ...own.rescoring, onEvent, signal: controller.signal }), /enough/);
    const { uses } = await reproductionCost(runtime, 'rescoring', { ...options, ...own.rescoring });
    const scored = uses.filter(({ kind }) => kind === 'score').map(({ state }) => state);
    assert.equal(scored[0], 'done');
    assert.ok(scored.includes('new'));
    await reproduce(runtime, 'rescoring', { ...options, ...own.rescoring });
    // Three systems, two lists: none was scored twice under another name.
    assert.equal((await runtime.files.list('out/scores')).length, 3 * 2);
  });
});
