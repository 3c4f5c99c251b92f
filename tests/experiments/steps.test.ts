import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import type { ReproduceEvent } from '../../src/experiments/carry-out.js';
import { type CommonOptions, reproduce, reproductionCost } from '../../src/experiments/reproduce.js';
import { keptThreads } from '../parallel/kept-threads.js';
import { backTranslation } from './back-translation.js';

const newRuntime = () => ({ ...keptThreads, files: memoryFiles(), sharedMemory: false });
const place: CommonOptions = {
  ...{ out: 'out', devices: 1, gemm: 'webassembly', speedSeconds: 0.01, size: 'tiny' },
  set: [
    'data.train.pairs=400',
    'model.hidden=8',
    'model.embedding=8',
    'training.stop={ steps: 12 }',
    'training.schedule={ kind: constant }',
  ],
};

/** The experiment on files of its own, and what it did. */
function laboratory(runtime = newRuntime()) {
  const made: string[] = [];
  const catalogue = { 'back-translation': backTranslation((name) => made.push(name)) };
  return {
    runtime,
    made,
    async run(options: object = {}) {
      const trained: string[] = [];
      const onEvent = (event: ReproduceEvent) => {
        if (event.kind === 'trained' && !event.skipped) trained.push(event.run.name);
      };
      made.length = 0;
      const { account } = await reproduce(runtime, 'back-translation', { ...place, onEvent, ...options }, catalogue);
      return { account, trained };
    },
    cost: (options: object = {}) => reproductionCost(runtime, 'back-translation', { ...place, ...options }, catalogue),
  };
}

/** Interrupts when so many updates of the second training are done. */
function interruption(afterUpdates: number) {
  const controller = new AbortController();
  const updates = new Map<string, number>();
  const onEvent = (event: ReproduceEvent) => {
    if (event.kind !== 'training' || event.event.kind !== 'update') return;
    updates.set(event.run, (updates.get(event.run) ?? 0) + 1);
    if (updates.size === 2 && updates.get(event.run) === afterUpdates) controller.abort(new Error('enough'));
  };
  return { signal: controller.signal, onEvent };
}

describe('a training on what an earlier model translated', () => {
  test('is told beforehand as far as it is known', async () => {
    const { cost, run } = laboratory();
    const before = await cost();
    assert.deepEqual(
      [before.trainings.map(({ state }) => state), before.uses.map(({ label, state }) => `${label}: ${state}`)],
      [['new'], ['monolingual set, beam 1: new']],
    );
    assert.deepEqual(
      before.unknown.map(({ what, why }) => `${what.replace(/-[0-9a-f]{10}$/, '')}: ${why}`),
      [
        'back-translated pairs: its duration depends on its input',
        'training reversed-1x8-seed1: its corpus is not made yet',
        'translating the test set, beam 2: a corpus that its model is trained on is not made yet',
        'different sources: its duration depends on its input',
      ],
    );
    assert.ok(before.seconds > 0);
    await run();
    const after = await cost();
    assert.deepEqual([after.seconds, after.unknown, after.trainings.length, after.uses.length], [0, [], 2, 2]);
  });

  test('goes on where it was interrupted, and ends as if it had not been', async () => {
    const whole = await laboratory().run();
    const { cost, run, made } = laboratory();
    await assert.rejects(run(interruption(5)), /enough/);
    assert.deepEqual(made, ['pairs']);
    const { trainings, uses, unknown } = await cost();
    assert.deepEqual(
      [trainings.map(({ state, seconds }) => `${state} ${seconds > 0}`), uses.map(({ state }) => state)],
      [
        ['done false', 'begun true'],
        ['done', 'new'],
      ],
    );
    assert.deepEqual(
      unknown.map(({ what }) => what),
      ['different sources'],
    );
    const resumed = await run();
    assert.equal(resumed.trained.length, 1);
    assert.deepEqual(made, ['variety']);
    assert.deepEqual(resumed.account.figures, whole.account.figures);
    assert.deepEqual(
      resumed.account.runs.map(({ name }) => name),
      whole.account.runs.map(({ name }) => name),
    );
  });

  test('shares every step that is the same, and does again what rests on one that is not', async () => {
    const { run, made } = laboratory();
    const first = await run();
    const names = first.account.runs.map(({ name }) => name);
    assert.deepEqual([first.trained, made], [names, ['pairs', 'variety']]);
    assert.deepEqual([(await run()).trained, made], [[], []]);
    const other = await run({ version: 2 });
    assert.equal(other.trained.length, 1);
    assert.ok(!names.includes(other.trained[0] ?? ''), 'the same pairs under another version are another corpus');
    assert.deepEqual(made, ['pairs', 'variety']);
  });

  test('takes its texts as they were made: one that was cut is made again, and the same', async () => {
    const { run, made, runtime } = laboratory();
    const first = await run();
    const texts = (await runtime.files.list('out/transforms')).filter((name) => name.endsWith('.txt'));
    assert.equal(texts.length, 2);
    for (const name of texts) await runtime.files.truncate(`out/transforms/${name}`, 3);
    const again = await run();
    assert.deepEqual([again.trained, made], [[], ['pairs']]);
    assert.deepEqual(again.account.figures, first.account.figures);
  });

  test('may be followed by steps that only results decide, which the cost says', async () => {
    const { cost, run } = laboratory();
    const further = { further: 20 };
    const decided = 'a longer training when the pairs differ';
    assert.equal((await cost(further)).unknown.at(-1)?.what, decided);
    await run();
    // Everything before is there: now the longer training is known, and begins as any other.
    const known = await cost(further);
    assert.deepEqual([known.unknown, known.trainings.map(({ state }) => state)], [[], ['done', 'done', 'new']]);
    assert.ok(known.trainingSeconds > 0);
    const costs: string[][] = [];
    const onEvent = (event: ReproduceEvent) => {
      if (event.kind === 'cost') costs.push(event.cost.trainings.map(({ state }) => state));
    };
    const { account } = await run({ ...further, onEvent });
    assert.deepEqual(costs, [['done', 'done'], ['new']]);
    assert.equal(account.runs.at(-1)?.steps, 20);
  });

  test('belongs to the paper that it is from', async () => {
    const { run, runtime } = laboratory();
    const { account } = await run();
    assert.equal(account.paper, 'Sennrich, Haddow and Birch, 2016');
    assert.match(await runtime.files.readText('out/back-translation.md'), /The paper \(Sennrich, Haddow and Birch, 2016, section 3\.1\): /);
    assert.doesNotMatch(await runtime.files.readText('out/back-translation.html'), /Sutskever/);
  });
});

describe('an option', () => {
  test('of another experiment is refused by name, and one that is none with the nearest', async () => {
    const refused = (name: string, options: object) => reproduce(newRuntime(), name, { ...place, ...options });
    await assert.rejects(
      refused('reversal', { members: 3 }),
      /members: an option of decoding, rescoring; expected for reversal: seeds, beam/,
    );
    await assert.rejects(
      refused('sentence-map', { beam: 3 }),
      /beam: an option of .*; expected none: sentence-map has no options of its own/,
    );
    await assert.rejects(refused('reversal', { sedds: 3 }), /unknown option "sedds".*Did you mean seeds/);
    await assert.rejects(refused('bucketing', { timedUpdates: 3 }), /timedUpdates: 3; expected a number of at least 20/);
  });
});
