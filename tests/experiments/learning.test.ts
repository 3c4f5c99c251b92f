import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { embeddedBase, varied } from '../../src/experiments/base.js';
import { Laboratory } from '../../src/experiments/laboratory.js';
import { noVerdict, perplexityWritten } from '../../src/experiments/learning.js';
import { train, type TrainedRun } from '../../src/experiments/steps.js';
import type { ReproduceEvent } from '../../src/experiments/carry-out.js';
import { type CommonOptions, reproduce } from '../../src/experiments/reproduce.js';
import { keptThreads } from '../parallel/kept-threads.js';

/** Files in memory, and training on this thread. */
const newRuntime = () => ({ ...keptThreads, files: memoryFiles(), sharedMemory: false });
const place = { out: 'out', devices: 1, gemm: 'webassembly', speedSeconds: 0.01 };
/** Four digits are learnt a little in sixty updates: more than how often each occurs. */
const learnt = ['data.train.pairs=1000', 'model.hidden=16', 'training.stop={ steps: 60 }', 'training.optimizer.learningRate=0.03'];
const learns: Partial<CommonOptions> = {
  task: 'digits:copy:2-4',
  size: 'tiny',
  set: [...learnt, 'training.schedule={ kind: constant }'],
};
/** Updates that change nothing. */
const still = [
  'data.train.pairs=400',
  'training.stop={ steps: 2 }',
  'training.optimizer.learningRate=1e-12',
  'training.schedule={ kind: constant }',
];

describe('a training that did not learn', () => {
  test('gets no verdict, but is told beside what a unigram model reaches', async () => {
    const { account } = await reproduce(newRuntime(), 'reversal', {
      ...place,
      task: 'digits:copy:2-4',
      size: 'tiny',
      seeds: 2,
      set: still,
    });
    assert.equal(account.conclusions.length, 1);
    assert.match(account.conclusions[0] ?? '', /^No verdict: 4 of 4 trainings did not learn: forward-\S+ \(dev perplexity \d/);
    assert.ok(account.runs.every(({ perplexity }) => perplexity >= (account.unigramPerplexity ?? Number.POSITIVE_INFINITY)));
    assert.ok(account.rows.length === 3, 'what was measured is shown');
  });

  test('does not pass for one on the map of sentences: it is its own control', async () => {
    const { account } = await reproduce(newRuntime(), 'sentence-map', { ...place, size: 'tiny', set: still });
    const { comparisons } = account.figures as { comparisons: { effect: { value: number; low: number; high: number } }[] };
    assert.ok(comparisons.every(({ effect }) => Math.abs(effect.value - 1) < 1e-3 && Math.abs(effect.high - effect.low) < 1e-3));
    assert.match(account.conclusions.join(' '), /did not learn/);
  });

  test('ends with a verdict on itself when it diverges, and is not tried again', async () => {
    const runtime = newRuntime();
    const set = [
      'data.train.pairs=400',
      'training.stop={ steps: 30 }',
      'training.optimizer.learningRate=1e30',
      'training.schedule={ kind: constant }',
    ];
    const options = { ...place, task: 'digits:copy:2-4', size: 'tiny', seeds: 1, set } as const;
    const { account, files } = await reproduce(runtime, 'reversal', options);
    assert.match(account.conclusions.join(' '), /^No verdict: 2 of 2 trainings did not learn: .*update \d+: a loss of/);
    assert.deepEqual(
      account.rows.map((row) => row.at(-1)),
      ['diverged', 'diverged'],
    );
    assert.doesNotMatch(await runtime.files.readText(files.markdown), /Infinity|undefined|null/);
    const skipped: boolean[] = [];
    const onEvent = (event: ReproduceEvent) => {
      if (event.kind === 'trained') skipped.push(event.skipped);
    };
    await reproduce(runtime, 'reversal', { ...options, onEvent });
    assert.deepEqual(skipped, [true, true]);
  });
});

test('perplexity judges models that it selected, and is not missed where there is none', () => {
  const { configuration } = embeddedBase('digits:copy:2-4', 'tiny');
  const byBleu = varied(configuration, { training: { validate: { every: { epochs: 1 }, metrics: ['bleu', 'perplexity'], beam: 1 } } });
  const run = (perplexity: number, own = configuration): TrainedRun => ({
    ...{ name: 'run', path: 'run', configuration: own, perplexity, parameters: 1, steps: 1, epochs: 1, seconds: 1, wordsPerSecond: 1 },
  });
  assert.match(noVerdict([run(50), run(5)], [20, 20]) ?? '', /1 of 2 trainings did not learn: run \(dev perplexity 50\.0\)/);
  assert.equal(noVerdict([run(50, byBleu), run(Number.POSITIVE_INFINITY)], [20, 20]), undefined);
  assert.match(noVerdict([{ ...run(Number.POSITIVE_INFINITY, byBleu), diverged: 'a loss of NaN' }], [20]) ?? '', /a loss of NaN/);
  assert.deepEqual(
    [run(5), run(Number.POSITIVE_INFINITY), { ...run(5), diverged: 'yes' }].map((one) => perplexityWritten(one)),
    ['5.000', '–', 'diverged'],
  );
});

describe('a training that learnt', () => {
  const runtime = newRuntime();

  test('is judged, and one seed says that it is one', async () => {
    const own = { reversal: { seeds: 1, beam: 3 }, decoding: { seeds: 1, members: 2, beam: 3 }, length: { beam: 3 } };
    for (const [name, options] of Object.entries(own)) {
      const { account } = await reproduce(runtime, name, { ...place, ...learns, ...options });
      const said = account.conclusions.join(' ');
      assert.doesNotMatch(said, /did not learn/, name);
      assert.match(said, /one seed/, name);
    }
  });

  test('of several seeds has effects with an interval over them, beside those of the paper', async () => {
    const options = { ...place, ...learns, seeds: 3, beam: 3 };
    const { account } = await reproduce(runtime, 'reversal', options);
    assert.match(account.rows.at(-1)?.join(' ') ?? '', /^effect of reversing {2}× [\d.]+ \([\d.]+ to [\d.]+\) .* × 0\.81 · \+4\.7$/);
    assert.match(account.conclusions.join(' '), /3 seeds each/);
    assert.doesNotMatch(account.conclusions.join(' '), /one seed/);
    const table1 = (await reproduce(runtime, 'decoding', { ...options, members: 2 })).account;
    assert.deepEqual(
      table1.rows.map(([name, beam, trainings]) => `${name} ${beam}: ${trainings}`),
      [
        'single forward 3: 3 × 1',
        'single reversed 1: 3 × 1',
        'single reversed 2: 3 × 1',
        'single reversed 3: 3 × 1',
        // Of three trainings there is one pair that shares no member with another.
        '2 reversed 1: 1 × 2',
        '2 reversed 2: 1 × 2',
        '2 reversed 3: 1 × 2',
      ],
    );
    assert.match(table1.rows[0]?.[4] ?? '', /^[+−][\d.]+ \([+−][\d.]+ to [+−][\d.]+\)$/);
    assert.match(table1.conclusions.at(-1) ?? '', /Single models: 3 seeds\. Ensembles: 1 of 2 models/);
  });

  test('is told from the same network before its training', async () => {
    const base = embeddedBase('digits:copy:2-4', 'tiny').configuration;
    const { schedule: _, ...training } = base.training;
    const configuration = varied(base, {
      training: { ...training, schedule: { kind: 'constant' }, stop: { steps: 60 } },
    });
    const laboratory = new Laboratory(newRuntime(), place);
    const run = await laboratory.perform(train(configuration));
    const pairs = [{ source: '1 2 3', target: '1 2 3' }];
    const perToken = async (untrained: boolean) => {
      const model = await laboratory.outputs.open([run], { untrained });
      const [score] = await model.score(pairs);
      await model.dispose();
      return (score?.logProbability ?? Number.NaN) / (score?.tokenLogProbabilities.length ?? 0);
    };
    const [before, after] = [await perToken(true), await perToken(false)];
    // Ten digits and four symbols, about as likely as each other.
    assert.ok(Math.abs(before + Math.log(14)) < 0.3, String(before));
    assert.ok(after > before + 0.1, `${before} to ${after}`);
  });
});

test('bins of fewer than 20 sentences have no interval and no verdict', async () => {
  const set = ['data.train.pairs=1000', ...learnt.slice(1), 'training.schedule={ kind: constant }'];
  const { account } = await reproduce(newRuntime(), 'length', { ...place, task: 'digits:copy:2-9', size: 'tiny', set, beam: 2 });
  const parts = account.rows.map(([, sentences]) => Number(sentences));
  assert.ok(parts.every((sentences) => sentences < 20));
  for (const [, , ...cells] of account.rows) assert.doesNotMatch(cells.join(' '), / to /);
  assert.match(account.conclusions[0] ?? '', /^No verdict: there are no two bins of 20/);
});
