import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Run } from '../../src/checkpoint/run.js';
import { DecadeError } from '../../src/core/errors.js';
import { fileError } from '../../src/core/file-errors.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { modelOptions } from '../../src/models/create.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { Memory } from '../../src/tensor/memory.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { tensorsOf, valuesOf } from './tensors.js';

const anySection = { side: 'source', initial: { kind: 'constant', value: 0 } } as const;

const tokenizer = await trainTokenizer(['a b c'], { kind: 'word' });
const other = await trainTokenizer(['d e'], { kind: 'word' });
const contents = {
  configuration: 'version: 1\n',
  origin: { options: modelOptions.parse({ kind: 'lstm' }), seed: 1 },
  tokenizers: { source: tokenizer, target: tokenizer },
};

const parametersAt = (step: number) => tensorsOf({ weight: [[2], [step, -step]] });
const momentsAt = (step: number) => tensorsOf({ moment: [[1], [step / 2]] });

async function runWithCheckpoints(files: Files, ...steps: number[]): Promise<Run> {
  const run = await Run.create(files, 'out', contents);
  for (const step of steps) await save(run, step);
  return run;
}

const save = (run: Run, step: number, keep = 10) =>
  run.checkpoints.save({ step, parameters: parametersAt(step), optimizerState: momentsAt(step), progress: { at: step } }, keep);

const silent = (message: string) => assert.fail(`unexpected warning: ${message}`);

test('a run gives back its configuration, its tokenizers and its model', async () => {
  const files = memoryFiles();
  const run = await Run.create(files, 'runs/out/', { ...contents, tokenizers: { source: tokenizer, target: other } });
  await run.saveModel(parametersAt(3), { step: '3' });
  await save(run, 3);
  assert.deepEqual(await files.list('runs/out'), [
    'checkpoints',
    'config.yaml',
    'model.json',
    'model.safetensors',
    'source-tokenizer.json',
    'target-tokenizer.json',
  ]);
  const opened = await Run.open(files, 'runs/out');
  assert.equal(await opened.configuration(), contents.configuration);
  const tokenizers = await opened.tokenizers();
  assert.deepEqual(tokenizers.source.encode('a d'), tokenizer.encode('a d'));
  assert.deepEqual(tokenizers.target.encode('a d'), other.encode('a d'));
  const store = new ParameterStore();
  const weight = store.section(anySection).vector('weight', 2);
  store.allocate(new Memory({ shared: false }));
  await opened.restoreModel((parameters) => PlacedValues.of(store).fill(parameters));
  assert.deepEqual(await opened.modelMetadata(), { step: '3' });
  assert.deepEqual(weight.value.toArray(), [3, -3]);
});

test('a shared tokenizer is kept once', async () => {
  const files = memoryFiles();
  await runWithCheckpoints(files, 0);
  assert.deepEqual(await files.list('out'), ['checkpoints', 'config.yaml', 'model.json', 'tokenizer.json']);
  const { source, target } = await (await Run.open(files, 'out')).tokenizers();
  assert.equal(source, target);
});

test('a run is made in an empty directory, and never over anything', async () => {
  const files = memoryFiles({ 'notes/a.txt': 'mine', file: 'mine' });
  await files.makeDirectory('empty');
  await save(await Run.create(files, 'empty', contents), 0);
  await assert.rejects(
    Run.create(files, 'empty', contents),
    /already contains a run; expected a new directory.*--resume, or choose another --out/,
  );
  await assert.rejects(Run.create(files, 'notes', contents), /notes: a directory that contains other files/);
  await assert.rejects(Run.create(files, 'file', contents), /file: a file; expected a new directory/);
  assert.equal(await files.readText('notes/a.txt'), 'mine');
});

test('what is no run is refused with the reason', async () => {
  const files = memoryFiles({
    file: '',
    'foreign/readme': '',
    'opus mt/config.json': '{}',
    'half/config.yaml': '',
    'out/checkpoints/step-1/state.json': '',
  });
  await assert.rejects(Run.open(files, 'nowhere'), /nowhere: no such directory; expected a run directory/);
  await assert.rejects(Run.open(files, 'file'), /file: a file; expected a run directory/);
  await assert.rejects(Run.open(files, 'foreign'), /foreign: a directory without config.yaml/);
  await assert.rejects(Run.open(files, 'opus mt'), /a directory without config.yaml.*decade import 'opus mt' -o RUN/);
  await assert.rejects(Run.open(files, 'half'), /half: a directory without tokenizer.json/);
  await assert.rejects(Run.open(files, 'out/checkpoints/step-1'), /give the run directory two levels above/i);
});

test('a run without a model, or with a truncated one, is refused with the reason', async () => {
  const files = memoryFiles();
  const run = await Run.create(files, 'out', contents);
  const restored = () => run.restoreModel((parameters) => tensorsOf({ weight: [[2]] }).fill(parameters));
  await assert.rejects(restored(), /out: no model.safetensors.*--resume/);
  await run.saveModel(parametersAt(1), {});
  await files.truncate('out/model.safetensors', (await files.size('out/model.safetensors')) - 1);
  await assert.rejects(restored(), /out\/model.safetensors: a file of \d+ bytes whose header describes \d+/);
});

test('the last checkpoint comes back, and only the last ones are kept', async () => {
  const files = memoryFiles();
  const run = await runWithCheckpoints(files, 9, 10);
  await save(run, 100, 2);
  assert.deepEqual(await run.checkpoints.steps(), [10, 100]);
  assert.deepEqual(await files.list('out/checkpoints'), ['step-10', 'step-100']);
  const checkpoint = await run.checkpoints.latest(silent);
  assert.deepEqual([checkpoint?.step, checkpoint?.progress], [100, { at: 100 }]);
  const [parameters, moments] = [tensorsOf({ weight: [[2]] }), tensorsOf({ moment: [[1]] })];
  await checkpoint?.restore(async (values) => {
    await parameters.fill(values.parameters);
    await moments.fill(values.optimizerState);
  });
  assert.deepEqual([await valuesOf(parameters), await valuesOf(moments)], [{ weight: [100, -100] }, { moment: [50] }]);
});

test('a run that has no checkpoint yet says so', async () => {
  const run = await Run.create(memoryFiles(), 'out', contents);
  assert.equal(await run.checkpoints.latest(silent), undefined);
});

const damages: Record<string, (files: Files) => Promise<void>> = {
  'cut parameters': (files) => files.truncate('out/checkpoints/step-3/model.safetensors', 50),
  'no optimizer state': (files) => files.remove('out/checkpoints/step-3/optimizer.safetensors'),
  'a cut state': (files) => files.truncate('out/checkpoints/step-3/state.json', 20),
  'no state': (files) => files.remove('out/checkpoints/step-3/state.json'),
  'one other byte': async (files) => {
    const bytes = await files.readBytes('out/checkpoints/step-3/model.safetensors');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const writer = await files.create('out/checkpoints/step-3/model.safetensors');
    await writer.write(bytes);
    await writer.close();
  },
};

for (const [name, damage] of Object.entries(damages)) {
  test(`a checkpoint with ${name} is left out for the one before, with a warning`, async () => {
    const files = memoryFiles();
    const run = await runWithCheckpoints(files, 2, 3);
    await damage(files);
    const warnings: string[] = [];
    assert.equal((await run.checkpoints.latest((message) => warnings.push(message)))?.step, 2);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^checkpoint 3 is damaged and was skipped \(out\/checkpoints\/step-3/);
    await save(run, 3);
    assert.equal((await run.checkpoints.latest(silent))?.step, 3, 'it can be written again');
  });
}

test('a damaged checkpoint takes no place from those that are whole', async () => {
  const files = memoryFiles();
  const run = await runWithCheckpoints(files, 1, 4, 5);
  await files.remove('out/checkpoints/step-4/state.json');
  await files.remove('out/checkpoints/step-5/state.json');
  await save(run, 3, 1);
  assert.deepEqual(await run.checkpoints.steps(), [3]);
});

test('when every checkpoint is damaged, nothing is guessed', async () => {
  const files = memoryFiles();
  const run = await runWithCheckpoints(files, 1);
  await files.remove('out/checkpoints/step-1/state.json');
  await assert.rejects(
    run.checkpoints.latest(() => undefined),
    /1 checkpoint, all damaged/,
  );
});

test('a checkpoint of a newer format asks for a newer decade', async () => {
  const files = memoryFiles();
  const run = await runWithCheckpoints(files, 1);
  const path = 'out/checkpoints/step-1/state.json';
  const newer = (await files.readText(path)).replace('"formatVersion": 1', '"formatVersion": 2');
  const writer = await files.create(path);
  await writer.write(new TextEncoder().encode(newer));
  await writer.close();
  await assert.rejects(run.checkpoints.latest(silent), /format version 2; expected at most 1. Use the newer decade/);
});

test('the mean of checkpoints', async () => {
  const run = await runWithCheckpoints(memoryFiles(), 1, 4, 8);
  const targets = tensorsOf({ weight: [[2]] });
  await run.checkpoints.average([4, 8], (mean) => targets.fill(mean));
  assert.deepEqual(await valuesOf(targets), { weight: [6, -6] });
});

/** A disk on which the `failing`-th operation that changes something, and all after it, fail: power off, or full. */
function failingAfter(files: Files, operations: number): Files {
  let left = operations;
  const guarded = async <Result>(path: string, action: () => Promise<Result>): Promise<Result> => {
    if (left-- <= 0) throw fileError('full', path);
    return action();
  };
  return {
    ...files,
    create: (path) =>
      guarded(path, async () => {
        const writer = await files.create(path);
        return {
          write: (bytes) => guarded(path, () => writer.write(bytes)),
          sync: () => guarded(path, () => writer.sync()),
          close: () => writer.close(),
        };
      }),
    makeDirectory: (path) => guarded(path, () => files.makeDirectory(path)),
    rename: (from, to) => guarded(to, () => files.rename(from, to)),
    remove: (path) => guarded(path, () => files.remove(path)),
    syncDirectory: (path) => guarded(path, () => files.syncDirectory(path)),
  };
}

test('whichever operation of a checkpoint fails, the run opens with a whole checkpoint and model, and goes on', async () => {
  let failures = 0;
  for (let operations = 0; ; operations++) {
    const files = memoryFiles();
    await (await runWithCheckpoints(files, 1, 2)).saveModel(parametersAt(2), { step: '2' });
    const failing = await Run.open(failingAfter(files, operations), 'out');
    let failed = false;
    try {
      await failing.saveModel(parametersAt(3), { step: '3' });
      await save(failing, 3, 2);
    } catch (error) {
      failed = true;
      failures++;
      assert.ok(error instanceof DecadeError && error.kind === 'resource');
      assert.match(error.message, /disk full/);
    }
    const run = await Run.open(files, 'out');
    await run.removeLeftovers();
    const checkpoint = await run.checkpoints.latest(silent);
    const parameters = tensorsOf({ weight: [[2]] });
    await checkpoint?.restore((values) => parameters.fill(values.parameters));
    assert.equal((await valuesOf(parameters)).weight?.[0], checkpoint?.step);
    await run.restoreModel((values) => parameters.fill(values));
    assert.equal((await run.modelMetadata())?.step, String((await valuesOf(parameters)).weight?.[0]));
    await save(run, 4, 2);
    assert.equal((await run.checkpoints.latest(silent))?.step, 4);
    const leftovers = [...(await files.list('out')), ...(await files.list('out/checkpoints'))].filter((name) =>
      /partial|unfinished/.test(name),
    );
    assert.deepEqual(leftovers, []);
    if (!failed) break;
  }
  assert.ok(failures > 15, `${failures} places to fail`);
});

test('a full disk says which checkpoint stands', async () => {
  const files = memoryFiles();
  await runWithCheckpoints(files, 7);
  const failing = await Run.open(failingAfter(files, 4), 'out');
  await assert.rejects(
    save(failing, 9),
    /step-9\.\w+\.partial\/model\.safetensors: disk full\. Checkpoint 7 is intact; free some space .* --resume/,
  );
});

test('a journal is cut to the length that a checkpoint noted, and grows from there', async () => {
  const files = memoryFiles();
  const run = await Run.create(files, 'out', contents);
  const first = await run.journal('metrics.jsonl', 0);
  await first.writeLine('{"é":1}');
  const { length } = first;
  await first.writeLine('{"lost":true}');
  await first.close();
  const second = await run.journal('metrics.jsonl', length);
  await second.writeLine('{"b":2}');
  assert.equal(second.length, await files.size('out/metrics.jsonl'));
  await second.close();
  assert.equal(await files.readText('out/metrics.jsonl'), '{"é":1}\n{"b":2}\n');
});
