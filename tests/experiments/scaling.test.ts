import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { predictedLoss } from '../../src/analysis/scaling/law.js';
import { repeatedLoss } from '../../src/analysis/scaling/repetition.js';
import type { ScalingPoint } from '../../src/analysis/scaling/scaling.js';
import { DecadeError } from '../../src/core/errors.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { normal, randomKey } from '../../src/core/random.js';
import { accountMarkdown, accountPage, accountPlots, type Account } from '../../src/experiments/account.js';
import { type ReproduceEvent, Waiting } from '../../src/experiments/carry-out.js';
import { embeddedBase } from '../../src/experiments/base.js';
import { epochs } from '../../src/experiments/catalogue/epochs.js';
import { partsOf } from '../../src/experiments/catalogue/scaling.js';
import type { Cost } from '../../src/experiments/cost.js';
import { Laboratory } from '../../src/experiments/laboratory.js';
import { scalingFinding } from '../../src/experiments/scaling/finding.js';
import type { MeasuredRuns } from '../../src/experiments/scaling/measure.js';
import { scalingPlanOf } from '../../src/experiments/scaling/plan.js';
import { runsOf } from '../../src/experiments/scaling/runs.js';
import { scale, scaleCost, type ScalingOptions } from '../../src/experiments/scaling/scale.js';
import { shardNamed, shareOf } from '../../src/experiments/scaling/shard.js';
import { repository } from '../house/sources.js';
import { keptThreads } from '../parallel/kept-threads.js';

const plan = `version: 1
data:
  train: { text: [train.txt], documents: line }
  dev: { text: [dev.txt], documents: line }
  context: 16
  across: true
tokenizer: { kind: bytes }
training:
  optimizer: { kind: adam, beta2: 0.95 }
networks:
  lstm:
    model: { kind: lstm, layers: 1 }
    sizes: [{ hidden: 4 }, { hidden: 8 }, { hidden: 16 }]
    learningRate: { value: 0.1, parameters: 3000, exponent: -0.5 }
    batch: { sentences: 8 }
grids:
  - { examples: [80, 160, 320] }
`;
const read = (text: string, set: readonly string[] = []) => scalingPlanOf(text, 'plans/a.yaml', set, (path) => path);
const mistake = (text: string, set?: readonly string[]) => {
  try {
    read(text, set);
  } catch (error) {
    if (error instanceof DecadeError) return error.message;
    throw error;
  }
  return 'no mistake';
};

describe('a plan', () => {
  test('gives each run its own length, learning rate and part of the data', () => {
    const { known, predicted } = runsOf(read(plan));
    assert.deepEqual([known.length, predicted.length], [8, 1]);
    assert.deepEqual([...known, ...predicted].map(({ size, examples }) => `${size} ${examples}`).sort(), [
      '1 160',
      '1 320',
      '1 80',
      '2 160',
      '2 320',
      '2 80',
      '3 160',
      '3 320',
      '3 80',
    ]);
    const [largest] = predicted;
    assert.deepEqual([largest?.size, largest?.examples], [3, 320], 'the run of most compute is kept back');
    const { data, training, model } = largest?.training.configuration ?? assert.fail();
    assert.deepEqual(
      [data.train, data.examples, model.kind === 'lstm' && model.hidden],
      [{ text: ['plans/train.txt'], documents: 'line' }, 320, 16],
    );
    assert.deepEqual(training.schedule, { kind: 'cosine', over: { epochs: 1 }, warmup: { epochs: 0.1 } });
    const rates = known.map(({ parameters, training }) => [parameters, training.configuration.training.optimizer.learningRate] as const);
    for (const [parameters, rate] of rates) assert.equal(rate, Number((0.1 * (parameters / 3000) ** -0.5).toPrecision(3)));
    assert.ok(
      known.every(({ parameters }, place) => place === 0 || parameters > 0),
      'sizes are counted',
    );
  });

  test('repeats data only where it is asked to, once for every seed, and no run twice', () => {
    const grids = '  - { sizes: [2], examples: [80], epochs: [1, 4, 32], seeds: 2 }\n';
    const { known, predicted } = runsOf(read(plan + grids));
    const runs = [...known, ...predicted];
    assert.equal(runs.length, 9 + 6 - 1);
    const repeated = runs.filter(({ epochs }) => epochs === 32);
    assert.deepEqual(
      repeated.map(({ training }) => training.configuration.training.stop),
      [{ epochs: 32 }, { epochs: 32 }],
    );
    assert.deepEqual(repeated[0]?.training.configuration.training.validate?.every, { epochs: 4 });
    assert.ok(predicted.every(({ epochs }) => epochs === 1));
  });

  test('is changed by --set, and its mistakes name their line', () => {
    assert.equal(runsOf(read(plan, ['grids.0.seeds=3'])).known.length, 24);
    for (const [changed, expected] of [
      [plan.replace('hidden: 8', 'hiden: 8'), /a\.yaml: line 13: model\.hiden: unknown key.*[Dd]id you mean 'hidden'/],
      [plan.replace('layers: 1', 'layers: 0'), /a\.yaml: line 12: model\.layers: .*at least 1/],
      [plan.replace('examples:', 'exampels:'), /line 17: .*\n? *.*exampels: unknown key.*[Dd]id you mean 'examples'/],
      [
        plan.replace('learningRate: {', 'learnigRate: {'),
        /line \d+: networks\.lstm\.learnigRate: unknown key.*[Dd]id you mean 'learningRate'/,
      ],
      [
        plan.replace('kind: adam,', 'kind: adam, learningRate: 1,'),
        /line 9: training\.optimizer\.learningRate: .*networks\.NAME\.learningRate/,
      ],
      [plan.replace('optimizer:', 'seed: 2\n  optimizer:'), /line 9: training\.seed: .*is decided by grids: seeds/],
      [plan.replace('examples: [', 'sizes: [4], examples: ['), /line 17: grids\.0\.sizes\.0: .*1 to 3/],
      [plan.replace('examples: [', 'networks: [gru], examples: ['), /line 17: grids\.0\.networks\.0: .*one of lstm/],
      [plan.replace('batch: {', 'batch: [{').replace('8 }\ngrids', '8 }]\ngrids'), /line 15: networks\.lstm\.batch: .*1 for 3 sizes/],
      [plan.replace('  dev: { text: [dev.txt], documents: line }\n', ''), /line \d+: data: .*needs dev/],
    ] as const) {
      assert.match(mistake(changed), expected, changed);
    }
    const several = plan.replace('examples: [', 'exampels: [').replace('layers: 1', 'layers: 0').replace('beta2: 0.95', 'beta2: 2');
    assert.match(mistake(several.replace('bytes', 'byte')), /a\.yaml: 5 mistakes\n( {2}line \d+: .*\n?){5}$/, 'in one message, each once');
    assert.match(mistake(plan, ['networks.lstm.model.layers=many']), /--set networks\.lstm\.model\.layers=many: model\.layers/);
  });
});

test('the plans of recipes are two orders of magnitude of size and of data, in at least 40 runs', () => {
  const plans = readdirSync(join(repository, 'recipes', 'scaling')).map((name) => join(repository, 'recipes', 'scaling', name));
  const all = plans.map((path) => scalingPlanOf(readFileSync(path, 'utf8'), path, [], (given) => given)).map(runsOf);
  assert.ok(all.length >= 2);
  for (const { known, predicted } of all) {
    const runs = [...known, ...predicted];
    assert.ok(runs.length >= 40 && predicted.length >= 2);
    for (const network of new Set(runs.map((run) => run.network))) {
      const own = runs.filter((run) => run.network === network);
      const span = (of: (run: (typeof runs)[number]) => number) => Math.max(...own.map(of)) / Math.min(...own.map(of));
      assert.ok(span(({ parameters }) => parameters) >= 50 && span(({ examples }) => examples) >= 100, network);
    }
  }
});

test('shares together are all runs, each run is in one, and the largest are divided by themselves', () => {
  const runs = runsOf(read(plan, ['grids.0.seeds=4']));
  const shares = [1, 2, 3].map((index) => shareOf({ index, of: 3 }, runs));
  const all = [...runs.known, ...runs.predicted].map(({ training }) => training);
  for (const training of all) assert.equal(shares.filter((share) => share.has(training)).length, 1);
  assert.deepEqual(shares.map((share) => runs.predicted.filter(({ training }) => share.has(training)).length).sort(), [1, 1, 2]);
  assert.deepEqual(shardNamed('2/8'), { index: 2, of: 8 });
  for (const wrong of ['0/2', '3/2', '2', 'a/b']) assert.throws(() => shardNamed(wrong), /--shard/);
});

/** A text in which a letter says the next one, and now and then does not: learnt within a few updates. */
const text = (seed: number, lines: number) =>
  Array.from({ length: lines }, (_, line) =>
    Array.from(
      { length: 60 },
      (_, place) => 'abcdefgh'[Math.floor(place + (normal(randomKey(seed, 'corpus', line), place) > 1.5 ? 3 : 0)) % 8],
    ).join(''),
  ).join('\n');

test('the largest runs are predicted before they are trained, and shares wait for each other', { timeout: 120_000 }, async () => {
  const files = memoryFiles({ 'plan.yaml': plan.replace('80, 160, 320', '160, 320'), 'train.txt': text(1, 100), 'dev.txt': text(2, 8) });
  const runtime = { ...keptThreads, files, sharedMemory: false };
  const seen: string[] = [];
  const costs: Cost[] = [];
  const options = (given: Partial<ScalingOptions> = {}): ScalingOptions => ({
    ...{ out: 'out', devices: 1, gemm: 'webassembly', speedSeconds: 0.001 },
    onEvent: (event: ReproduceEvent) => {
      if (event.kind === 'trained' && !event.skipped) seen.push(event.run.name);
      if (event.kind === 'cost') costs.push(event.cost);
    },
    ...given,
  });
  await assert.rejects(
    scaleCost(runtime, 'plan.yaml', options({ set: ['grids.0.examples=[9000]'] })),
    /plan\.yaml: --set grids\.0\.examples=\[9000\]: grids\.0\.examples\.0: 9,000; expected at most 3\d\d, as many as train\.txt has/,
  );
  await assert.rejects(
    scaleCost(runtime, 'plan.yaml', options({ set: ['predict=3'] })),
    /plan\.yaml: predict: 3, which leaves too few runs of lstm for a law \(.*\); expected a smaller number, or more runs/,
  );

  const first = await scale(runtime, 'plan.yaml', options({ shard: { index: 1, of: 2 } }));
  assert.ok(first instanceof Waiting && first.trainings === 6);
  assert.equal(seen.length, 6 - first.missing);
  assert.equal(costs[0]?.trainings.length, 6, 'the largest are part of the cost that is stated first');
  assert.equal(Math.round((costs[0]?.trainings.at(-1)?.tokens ?? 0) / 100), Math.round((320 * 16) / 100));
  assert.equal(await files.kind('out/transforms'), 'missing', 'nothing is predicted from a part');
  await scale(runtime, 'plan.yaml', options({ shard: { index: 2, of: 2 } }));
  const [record = ''] = (await files.list('out/transforms')).map((name) => `out/transforms/${name}`);
  const written = await files.readText(record);
  assert.match(written, /"trainedBefore":0,"predictions":\[\{"run":"lstm 3, 320, seed 1",/);

  const done = await scale(runtime, 'plan.yaml', options());
  assert.ok(!(done instanceof Waiting));
  assert.equal(new Set(seen).size, seen.length, 'nothing is trained twice');
  assert.equal(await files.readText(record), written, 'what was predicted stays as it was');
  const { points, failed, checked } = done.account.figures as MeasuredRuns;
  assert.deepEqual([points.length + failed.length, checked.length, checked[0]?.measured], [6, 1, points.at(-1)?.loss]);
  // The last context of a text is shorter.
  assert.ok(points.every(({ tokens }) => tokens <= 320 * 16) && (points.at(-1)?.tokens ?? 0) > 5000);
  assert.match(done.account.conclusions.join('\n'), /Losses predicted before training that lie in their interval: [01] of 1\./);
  assert.equal(done.files.page, 'out/plan.html');
});

/** What runs would have come to that follow laws. */
function measuredRuns(): MeasuredRuns {
  const laws = {
    LSTM: { irreducible: 1.2, size: { factor: 30, exponent: 0.4 }, data: { factor: 60, exponent: 0.3 } },
    Transformer: { irreducible: 1.1, size: { factor: 30, exponent: 0.4 }, data: { factor: 60, exponent: 0.4 } },
  };
  const key = randomKey(7, 'corpus');
  let draws = 0;
  const points = Object.entries(laws).flatMap(([network, law]) =>
    [3e3, 1e4, 3e4, 1e5].flatMap((parameters) =>
      [1, 4, 16, 64, 4.0001, 16.0001].map((times): ScalingPoint => {
        const isFresh = Number.isInteger(times);
        const tokens = 1e4 * Math.floor(times);
        const point = {
          name: `${network} ${parameters} ${times}`,
          network,
          parameters,
          tokens,
          uniqueTokens: isFresh ? tokens : 1e4,
          loss: 0,
        };
        const loss = isFresh ? predictedLoss(law, point) : repeatedLoss(law, { data: 15 }, point);
        return { ...point, loss: loss * Math.exp(0.003 * normal(key, draws++)) };
      }),
    ),
  );
  const predicted = { value: 2, low: 1.9, high: 2.1 };
  const checked = [
    { run: 'LSTM 5', parameters: 3e5, tokens: 1e6, predicted, measured: 2.05, held: true },
    { run: 'Transformer 5', parameters: 3e5, tokens: 1e6, predicted, measured: 2.2, held: false },
  ];
  const forecast = { trainedBefore: 1, predictions: [], impossible: [{ network: 'GRU', reason: 'no runs' }] };
  return { points, failed: [{ run: 'LSTM 0', reason: 'dev perplexity 90, no better than 80' }], forecast, checked };
}

test('a finding says what the figures say, in the page and in Markdown', async () => {
  const finding = scalingFinding(measuredRuns(), 39);
  const said = finding.conclusions.join('\n');
  assert.match(said, /Losses predicted before training that lie in their interval: 1 of 2\./);
  assert.match(said, /exponent β, of data differs between LSTM and Transformer/);
  assert.match(said, /exponent α, of size is not shown to differ/);
  assert.match(said, /Ten times the compute is best spent on × \d\.\d the size and × \d\.\d the data/);
  assert.match(said, /R\*_D [\d.]+ \(.*not told apart from the published 15\.39/);
  assert.match(said, /1 runs did not learn and are in no fit: LSTM 0/);
  for (const { head, rows } of [finding, ...(finding.tables ?? [])])
    for (const row of rows) assert.equal(row.length, head.length, row.join(' | '));
  assert.equal(finding.tables?.length, 6);
  const account: Account = {
    ...finding,
    ...{ experiment: 'text', title: 'Laws of scale', paper: 'p', where: 'w', claim: 'c', data: 'text.yaml', testSentences: 0, options: {} },
    ...{ command: undefined, runs: [], trainingSeconds: 0, unigramPerplexity: undefined },
    time: { training: { predicted: 0, taken: 0 }, using: { predicted: 0, taken: 0 } },
  };
  const markdown = accountMarkdown(account, accountPlots(account));
  const page = await accountPage(account);
  assert.equal(account.plots.length, 2 + 3 + 1 + 2 + 1);
  for (const text of [markdown, page.replace(/<script>.*<\/script>/s, '')]) assert.doesNotMatch(text, /NaN|undefined|Infinity/);
  assert.match(markdown, /### Predicted before they were trained\n\n.* 1 of these runs had been trained before/);
});

test('repeated epochs are compared with as much fresh text', async () => {
  assert.deepEqual(partsOf(1000, 3), [105, 316, 950]);
  const laboratory = new Laboratory({ ...keptThreads, files: memoryFiles() }, { out: 'out' });
  const base = embeddedBase('digits:copy:4-7', 'tiny');
  const test = { name: 'test', sources: [], references: [] };
  const stage = await epochs.stages({ base, test, laboratory, options: { seeds: 1, width: 8, doublings: 3 } }).next();
  const trainings = stage.done ? [] : stage.value.steps.filter((step) => step.kind === 'train');
  const read = trainings.map(({ configuration: { data, training } }) => [data.examples ?? 0, training.stop.epochs ?? 0] as const);
  const [least = 0] = read[0] ?? [];
  assert.deepEqual(
    read.map(([examples, epochs]) => [Math.round(examples / least), epochs]),
    [...[1, 2, 4, 8].map((times) => [times, 1]), ...[2, 4, 8].map((epochs) => [1, epochs]), [4, 2]],
  );
});
