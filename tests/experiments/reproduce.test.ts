import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { embeddedBase, type ExperimentBase, varied } from '../../src/experiments/base.js';
import { experiments } from '../../src/experiments/catalogue/index.js';
import type { Cost } from '../../src/experiments/cost.js';
import type { LaboratoryEvent } from '../../src/experiments/laboratory.js';
import { type ReproduceRequest, reproduce } from '../../src/experiments/reproduce.js';
import { nodeRuntime } from '../../src/node/runtime.js';

const options = { seeds: 2, members: 2, beam: 3, nbest: 4, timedUpdates: 20 };
const tiny = (task = 'digits:copy:4-7'): ExperimentBase => {
  const base = embeddedBase(task, 'tiny');
  const model = { hidden: 8, embedding: 8 };
  return {
    ...base,
    configuration: varied(base.configuration, { model, training: { stop: { steps: 12 }, schedule: { kind: 'constant' } } }),
  };
};
const newRuntime = () => ({ ...nodeRuntime, files: memoryFiles() });

function request(experiment: string, given: Partial<ReproduceRequest> = {}): ReproduceRequest {
  return { experiment, base: tiny(), out: 'out', devices: 1, gemm: 'webassembly', speedSeconds: 0.01, options, ...given };
}

/** What was trained, as the events tell. */
function trainings() {
  const seen: { trained: string[]; skipped: string[] } = { trained: [], skipped: [] };
  const onEvent = (event: LaboratoryEvent) => {
    if (event.kind === 'trained') seen[event.skipped ? 'skipped' : 'trained'].push(event.run.name);
  };
  return { seen, onEvent };
}

const states = (cost: Cost | undefined) => cost?.trainings.map(({ state }) => state);

describe('every experiment', () => {
  const runtime = newRuntime();
  for (const [name, experiment] of Object.entries(experiments)) {
    test(`${name} gives a table, plots and sentences, in files of their own`, async () => {
      const base = tiny(experiment.task.startsWith('intl') ? experiment.task : undefined);
      const reproduced = await reproduce(runtime, request(name, { base, command: `decade reproduce ${name}` }));
      assert.ok(reproduced !== undefined);
      const { account, files } = reproduced;
      assert.ok(
        account.rows.length >= 2 && [...account.plots, ...(account.widePlots ?? [])].length >= 1 && account.conclusions.length >= 1,
      );
      for (const row of account.rows) assert.equal(row.length, account.head.length, row.join(' | '));
      const markdown = await runtime.files.readText(files.markdown);
      assert.match(markdown, new RegExp(`^## ${experiment.title}\\n\\nThe paper \\(${experiment.where}\\)`));
      assert.equal(markdown.split('\n').filter((line) => line.startsWith('| ')).length, 1 + account.rows.length);
      assert.doesNotMatch(markdown, /NaN|undefined|Infinity/);
      const page = await runtime.files.readText(files.page);
      assert.match(page, /<svg class="plot"/);
      assert.ok(files.plots.length > 0);
      for (const plot of files.plots) {
        assert.match(await runtime.files.readText(plot), /^<svg xmlns=/);
        assert.ok(markdown.includes(`](${plot.split('/').at(-1)})`), plot);
      }
      assert.doesNotMatch(page, /https?:|NaN|undefined/);
      const { figures, runs } = JSON.parse(await runtime.files.readText(files.json)) as { figures: object; runs: object[] };
      assert.ok(Object.keys(figures).length > 0 && runs.length === account.runs.length);
    });
  }
});

describe('what was done', () => {
  test('is not done again, by this experiment or by another', async () => {
    const runtime = newRuntime();
    const first = trainings();
    const once = await reproduce(runtime, request('reversal', { onEvent: first.onEvent }));
    assert.equal(first.seen.trained.length, 4);
    const second = trainings();
    let cost: Cost | undefined;
    const onCost = (found: Cost) => {
      cost = found;
      return true;
    };
    const again = await reproduce(runtime, request('reversal', { onEvent: second.onEvent, onCost }));
    assert.deepEqual([second.seen.trained, second.seen.skipped.length], [[], 4]);
    assert.deepEqual(states(cost), ['done', 'done', 'done', 'done']);
    assert.equal(cost?.seconds, 0);
    assert.deepEqual(again?.account.figures, once?.account.figures);
    // One forward and two reversed models: all there.
    const other = trainings();
    await reproduce(runtime, request('decoding', { onEvent: other.onEvent }));
    assert.deepEqual([other.seen.trained, other.seen.skipped.length], [[], 3]);
    // What is damaged is made again.
    for (const path of ['translations', ...first.seen.trained.slice(0, 1).map((name) => `runs/${name}`)]) {
      const directory = `out/${path}`;
      const kept = (await runtime.files.list(directory)).filter((file) => path === 'translations' || file === 'result.json');
      assert.ok(kept.length > 0);
      for (const name of kept) await runtime.files.truncate(`${directory}/${name}`, 5);
    }
    const repaired = await reproduce(runtime, request('reversal'));
    assert.deepEqual(repaired?.account.figures, once?.account.figures);
  });

  test('goes on where it was interrupted, and ends as if it had not been', async () => {
    const whole = await reproduce(newRuntime(), request('reversal'));
    const runtime = newRuntime();
    const controller = new AbortController();
    let updates = 0;
    const onEvent = (event: LaboratoryEvent) => {
      if (event.kind === 'training' && event.event.kind === 'update' && ++updates === 18) controller.abort(new Error('enough'));
    };
    await assert.rejects(reproduce(runtime, request('reversal', { onEvent, signal: controller.signal })), /enough/);
    let cost: Cost | undefined;
    const resumed = await reproduce(
      runtime,
      request('reversal', {
        onCost: (found) => {
          cost = found;
          return true;
        },
      }),
    );
    assert.deepEqual(states(cost), ['done', 'begun', 'new', 'new']);
    assert.deepEqual(resumed?.account.figures, whole?.account.figures);
  });

  test('is named by the contents of the corpora, not by where they lie', async () => {
    const pairs = (digits: string) =>
      Array.from({ length: 40 }, (_, index) => `${digits} ${index % 10}\t${digits} ${index % 10}\n`).join('');
    const runtime = {
      ...nodeRuntime,
      files: memoryFiles({
        '/a/t': pairs('1'),
        '/a/d': pairs('2'),
        '/b/t': pairs('1'),
        '/b/d': pairs('2'),
        '/c/t': pairs('3'),
        '/c/d': pairs('2'),
      }),
    };
    const base = (directory: string): ExperimentBase => {
      const { configuration, ...rest } = tiny();
      const data = { ...configuration.data, train: { tsv: `/${directory}/t` }, dev: { tsv: `/${directory}/d` } };
      return { ...rest, test: { tsv: `/${directory}/d` }, configuration: { ...configuration, data } };
    };
    const trained = async (directory: string) => {
      const { seen, onEvent } = trainings();
      await reproduce(runtime, request('length', { base: base(directory), onEvent }));
      return seen.trained.length;
    };
    assert.deepEqual([await trained('a'), await trained('b'), await trained('c')], [2, 0, 2]);
  });
});

describe('before anything is trained', () => {
  test('the cost is told, and may be too much', async () => {
    const runtime = newRuntime();
    let cost: Cost | undefined;
    const result = await reproduce(
      runtime,
      request('reversal', {
        onCost: (found) => {
          cost = found;
          return false;
        },
      }),
    );
    assert.equal(result, undefined);
    assert.deepEqual(states(cost), ['new', 'new', 'new', 'new']);
    assert.ok(cost !== undefined && cost.seconds > 0 && cost.wordsPerSecond.length === 1);
    // 12 updates of 64 sentences of 5.5 digits, and </s> on the target side.
    for (const { words, parameters } of cost.trainings) {
      assert.ok(Math.abs(words / (12 * 64 * 12) - 1) < 0.05, String(words));
      assert.ok(parameters > 1_000);
    }
    assert.deepEqual(await runtime.files.list('out'), []);
  });

  test('an experiment or a task that is none, and options beyond their range, are told', async () => {
    await assert.rejects(reproduce(newRuntime(), request('reversl')), /did you mean reversal/i);
    await assert.rejects(reproduce(newRuntime(), request('reversal', { options: { seeds: 0 } })), /seeds/);
    assert.throws(() => embeddedBase('digits:add', 'tiny'), /digits:copy, digits:reverse/);
  });
});
