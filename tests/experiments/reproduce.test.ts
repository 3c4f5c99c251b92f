import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { type ExperimentName, experiments } from '../../src/experiments/catalogue/index.js';
import type { Cost } from '../../src/experiments/cost.js';
import type { Experiment } from '../../src/experiments/experiment.js';
import { Laboratory } from '../../src/experiments/laboratory.js';
import type { LaboratoryEvent } from '../../src/experiments/laboratory-options.js';
import type { ReproduceEvent } from '../../src/experiments/carry-out.js';
import { type CommonOptions, reproduce, reproductionCost } from '../../src/experiments/reproduce.js';
import { train } from '../../src/experiments/steps.js';
import { keptThreads } from '../parallel/kept-threads.js';
import { type ConfigurationInput, configurationOf } from '../../src/training/configuration.js';

/** Files in memory, training on this thread, and one thread for all that is measured: starting one takes longer than a training. */
const newRuntime = (files = memoryFiles()) => ({ ...keptThreads, files, sharedMemory: false });
/** Experiments whose trainings have to learn before there is anything to draw, and many ways to decode: they have tests of their own. */
const slow = ['scaling', 'epochs', 'inference-compute'] as const;
type Quick = Exclude<ExperimentName, (typeof slow)[number]>;

const smaller: Readonly<Partial<Record<Quick, readonly string[]>>> = {
  pretraining: ['model.width=8', 'model.heads=2', 'model.feedForward=16'],
  noise: ['model.width=8', 'model.heads=2', 'model.feedForward=16'],
};
const shorter = (name: Quick) => [
  ...(smaller[name] ?? ['model.hidden=8', 'model.embedding=8']),
  // It judges even networks that have learnt nothing.
  `training.stop={ steps: ${name === 'noise' ? 3 : 12} }`,
  'training.schedule={ kind: constant }',
];

/** What keeps an experiment short, of its own options. */
const own: Readonly<Record<Quick, object>> = {
  reversal: { seeds: 2, beam: 3 },
  depth: { seeds: 2, beam: 3 },
  decoding: { seeds: 2, members: 2, beam: 3 },
  rescoring: { members: 2, nbest: 4 },
  bucketing: { seeds: 2, timedUpdates: 20 },
  length: { beam: 3 },
  rarity: { beam: 3 },
  'sentence-map': {},
  pretraining: { seeds: 1, sizes: 2, updates: 10, beam: 2 },
  compression: { orders: 1, sizes: 1, updates: 10 },
  noise: { beam: 1 },
};

/** An experiment that is over in a second. */
function options(name: Quick, given: object = {}): CommonOptions {
  return {
    task: 'digits:copy:4-7',
    size: 'tiny',
    set: ['data.train.pairs=400', ...shorter(name)],
    out: 'out',
    devices: 1,
    gemm: 'webassembly',
    speedSeconds: 0.01,
    ...own[name],
    ...given,
  };
}

/** What was trained, as the events tell. */
function trainings() {
  const seen: { trained: string[]; skipped: string[]; cost: Cost | undefined } = { trained: [], skipped: [], cost: undefined };
  const onEvent = (event: ReproduceEvent) => {
    if (event.kind === 'cost') seen.cost = event.cost;
    if (event.kind === 'trained') seen[event.skipped ? 'skipped' : 'trained'].push(event.run.name);
  };
  return { seen, onEvent };
}

const states = (cost: Cost | undefined) => cost?.trainings.map(({ state }) => state);

describe('every experiment', () => {
  const runtime = newRuntime();
  for (const name of Object.keys(own) as Quick[]) {
    const experiment: Experiment = experiments[name];
    test(`${name} gives a table, plots and sentences, in files of their own`, async () => {
      // Neither pre-training nor compression needs words, and digits are over sooner.
      const task = experiment.task.startsWith('intl') && name !== 'pretraining' && name !== 'compression' ? { task: experiment.task } : {};
      const { account, files } = await reproduce(runtime, name, options(name, { ...task, command: `decade reproduce ${name}` }));
      assert.ok(
        account.rows.length >= 2 && [...account.plots, ...(account.widePlots ?? [])].length >= 1 && account.conclusions.length >= 1,
      );
      for (const row of account.rows) assert.equal(row.length, account.head.length, row.join(' | '));
      const markdown = await runtime.files.readText(files.markdown);
      assert.match(
        markdown,
        new RegExp(`^## ${experiment.title}\\n\\nThe paper \\(${experiment.source.paper}, ${experiment.source.where}\\)`),
      );
      assert.equal(markdown.split('\n').filter((line) => line.startsWith('| ')).length, 1 + account.rows.length);
      assert.doesNotMatch(markdown, /NaN|undefined|Infinity/);
      const page = await runtime.files.readText(files.page);
      assert.match(page, /<svg class="plot"/);
      assert.ok(files.plots.length > 0);
      for (const plot of files.plots) {
        assert.match(await runtime.files.readText(plot), /^<svg xmlns=/);
        assert.ok(markdown.includes(`](${plot.split('/').at(-1)})`), plot);
      }
      assert.doesNotMatch(page.replace(/<script>.*<\/script>/s, ''), /NaN|undefined/);
      assert.doesNotMatch(page, /https?:/);
      const { figures, runs } = JSON.parse(await runtime.files.readText(files.json)) as { figures: object; runs: object[] };
      assert.ok(Object.keys(figures).length > 0 && runs.length === account.runs.length);
      // Models that were selected by BLEU have a perplexity, too.
      if (name === 'pretraining') for (const { perplexity } of account.runs) assert.ok(perplexity > 1 && perplexity < 1e6);
      const { uses } = await reproductionCost(runtime, name, options(name, task));
      assert.ok(uses.every(({ state }) => state === 'done'));
    });
  }
});

describe('what was done', () => {
  test('is not done again, by this experiment or by another', async () => {
    const runtime = newRuntime();
    const first = trainings();
    const once = await reproduce(runtime, 'reversal', options('reversal', { onEvent: first.onEvent }));
    assert.equal(first.seen.trained.length, 4);
    const second = trainings();
    const again = await reproduce(runtime, 'reversal', options('reversal', { onEvent: second.onEvent }));
    assert.deepEqual([second.seen.trained, second.seen.skipped.length], [[], 4]);
    assert.deepEqual(states(second.seen.cost), ['done', 'done', 'done', 'done']);
    assert.deepEqual([second.seen.cost?.trainingSeconds, second.seen.cost?.usingSeconds], [0, 0]);
    assert.deepEqual(again.account.figures, once.account.figures);
    // Two forward and two reversed models: all there.
    const other = trainings();
    await reproduce(runtime, 'decoding', options('decoding', { onEvent: other.onEvent }));
    assert.deepEqual([other.seen.trained, other.seen.skipped.length], [[], 4]);
    // What is damaged is made again.
    for (const path of ['translations', ...first.seen.trained.slice(0, 1).map((name) => `runs/${name}`)]) {
      const directory = `out/${path}`;
      const kept = (await runtime.files.list(directory)).filter((file) => path === 'translations' || file === 'result.json');
      assert.ok(kept.length > 0);
      for (const name of kept) await runtime.files.truncate(`${directory}/${name}`, 5);
    }
    const repaired = await reproduce(runtime, 'reversal', options('reversal'));
    assert.deepEqual(repaired.account.figures, once.account.figures);
  });

  test('goes on where it was interrupted, and ends as if it had not been', async () => {
    const whole = await reproduce(newRuntime(), 'reversal', options('reversal'));
    const runtime = newRuntime();
    const controller = new AbortController();
    let updates = 0;
    const onEvent = (event: ReproduceEvent) => {
      if (event.kind === 'training' && event.event.kind === 'update' && ++updates === 18) controller.abort(new Error('enough'));
    };
    await assert.rejects(reproduce(runtime, 'reversal', options('reversal', { onEvent, signal: controller.signal })), /enough/);
    const { seen, onEvent: watch } = trainings();
    const resumed = await reproduce(runtime, 'reversal', options('reversal', { onEvent: watch }));
    assert.deepEqual(states(seen.cost), ['done', 'begun', 'new', 'new']);
    assert.deepEqual(resumed.account.figures, whole.account.figures);
  });

  test('is trained by one at a time, to its very end', async () => {
    const runtime = newRuntime();
    const configuration = configurationOf({
      version: 1,
      data: { train: { generator: 'digits:copy:4-7', pairs: 200 }, dev: { generator: 'digits:copy:4-7', split: 'dev', pairs: 40 } },
      tokenizer: { kind: 'word', split: 'spaces' },
      model: { kind: 'lstm', layers: 1, hidden: 8 },
      training: { optimizer: { kind: 'adam', learningRate: 0.003 }, batch: { sentences: 64 }, stop: { steps: 4 } },
    });
    const outcomes: Promise<string>[] = [];
    const laboratory = (onEvent?: (event: LaboratoryEvent) => void) =>
      new Laboratory(runtime, { out: 'out', devices: 1, gemm: 'webassembly', onEvent });
    const tryToo = async () => {
      let outcome = '';
      const other = laboratory((event) => {
        outcome = event.kind === 'trained' && event.skipped ? 'found' : 'trained';
      });
      await other.perform(train(configuration)).catch((error: Error) => {
        outcome = error.message;
      });
      return outcome;
    };
    const first = laboratory((event) => {
      if (event.kind === 'training') outcomes.push(tryToo());
    });
    await first.perform(train(configuration));
    const refused = /^out\/runs\/\S+: already in use by a training \(/;
    const others = await Promise.all(outcomes);
    assert.ok(others.some((outcome) => refused.test(outcome)));
    assert.deepEqual(
      others.filter((outcome) => outcome !== 'found' && !refused.test(outcome)),
      [],
    );
    assert.equal(await tryToo(), 'found');
  });

  test('is named by the contents of the corpora, not by where they lie', async () => {
    const pairs = (digits: string) =>
      Array.from({ length: 40 }, (_, index) => `${digits} ${index % 10}\t${digits} ${index % 10}\n`).join('');
    const runtime = newRuntime(
      memoryFiles({
        '/a/t': pairs('1'),
        '/a/d': pairs('2'),
        '/b/t': pairs('1'),
        '/b/d': pairs('2'),
        '/c/t': pairs('3'),
        '/c/d': pairs('2'),
      }),
    );
    const trained = async (directory: string) => {
      const configuration: ConfigurationInput = {
        version: 1,
        data: { train: { tsv: `/${directory}/t` }, dev: { tsv: `/${directory}/d` } },
        tokenizer: { kind: 'word', split: 'spaces' },
        model: { kind: 'lstm', layers: 1 },
        training: { optimizer: { kind: 'adam', learningRate: 0.003 }, batch: { sentences: 64 } },
      };
      const { seen, onEvent } = trainings();
      const { account } = await reproduce(
        runtime,
        'length',
        options('length', { task: undefined, size: undefined, set: shorter('length'), configuration, onEvent }),
      );
      assert.match(account.data, /^a configuration, model\.hidden=8.*, tested on the dev corpus$/);
      return seen.trained.length;
    };
    assert.deepEqual([await trained('a'), await trained('b'), await trained('c')], [2, 0, 2]);
  });
});

describe('before anything is trained', () => {
  test('the cost is told', async () => {
    const runtime = newRuntime();
    const cost = await reproductionCost(runtime, 'reversal', options('reversal'));
    assert.deepEqual(states(cost), ['new', 'new', 'new', 'new']);
    assert.ok(cost.trainingSeconds > 0 && cost.usingSeconds > 0 && cost.wordsPerSecond.length === 1);
    // 12 updates of 64 sentences of 5.5 digits, and </s> on the target side.
    for (const { tokens, parameters } of cost.trainings) {
      assert.ok(Math.abs(tokens / (12 * 64 * 12) - 1) < 0.05, String(tokens));
      assert.ok(parameters > 1_000);
    }
    assert.deepEqual(await runtime.files.list('out'), []);
  });

  test('an experiment or a task that is none, options beyond their range, and choices that do not go together, are told', async () => {
    await assert.rejects(reproduce(newRuntime(), 'reversl', options('reversal')), /did you mean reversal/i);
    await assert.rejects(reproduce(newRuntime(), 'reversal', options('reversal', { seeds: 0 })), /seeds/);
    await assert.rejects(reproduce(newRuntime(), 'reversal', options('reversal', { task: 'digits:add' })), /digits:copy, digits:reverse/);
    await assert.rejects(reproduce(newRuntime(), 'reversal', options('reversal', { configuration: 'my.yaml' })), /one or the other/);
    await assert.rejects(
      reproduce(newRuntime(), 'reversal', options('reversal', { test: { tsv: 'test' } })),
      /a test set without a configuration/,
    );
  });
});

test("somebody else's files of the names of an account are kept, and found before the work", async () => {
  for (const file of ['length.md', 'length.json', 'length.html', 'length-1.svg']) {
    const files = memoryFiles({ [`out/${file}`]: 'mine' });
    const { seen, onEvent } = trainings();
    const again = reproduce(newRuntime(files), 'length', options('length', { onEvent }));
    await assert.rejects(again, new RegExp(`out/${file.replaceAll('.', '\\.')}: a file that was not written by decade`));
    assert.deepEqual([await files.readText(`out/${file}`), seen.cost], ['mine', undefined]);
  }
});

test('a file in the place of the directory is found before the work', async () => {
  const again = reproduce(newRuntime(memoryFiles({ out: 'mine' })), 'length', options('length'));
  await assert.rejects(again, /^DecadeError: out: a file; expected a directory/);
});

test('an account replaces an earlier one, and what has other names stays', async () => {
  const files = memoryFiles({ 'out/length.txt': 'mine', 'out/length-notes.md': 'mine' });
  for (let time = 0; time < 2; time++) await reproduce(newRuntime(files), 'length', options('length'));
  assert.deepEqual([await files.readText('out/length.txt'), await files.readText('out/length-notes.md')], ['mine', 'mine']);
});
