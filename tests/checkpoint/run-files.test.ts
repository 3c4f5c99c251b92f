import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRunFile, removeRun, requireFree } from '../../src/checkpoint/run-files.js';
import { Run } from '../../src/checkpoint/run.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { modelOptions } from '../../src/models/create.js';
import { recordName, UnfinishedWork } from '../../src/core/unfinished.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { tensorsOf } from './tensors.js';

const tokenizer = await trainTokenizer(['a b c'], { kind: 'word' });
const contents = {
  configuration: 'version: 1\n',
  origin: { options: modelOptions.parse({ kind: 'lstm' }), seed: 1 },
  tokenizers: { source: tokenizer, target: tokenizer },
};
const foreign = {
  'out/removed-pairs.txt': 'mine',
  'out/removed-step-1/a': 'mine',
  'out/model.safetensors.partial': 'mine',
  'out/checkpoints/step-9.partial/a': 'mine',
  'out/checkpoints/removed-step-1/a': 'mine',
  'out/cache/notes.corpus': 'mine',
  'out.partial/model.safetensors': 'mine',
};

const save = (run: Run, step: number, keep = 10) =>
  run.checkpoints.save({ step, parameters: tensorsOf({ a: [[1]] }), optimizerState: tensorsOf({ b: [[1]] }), progress: {} }, keep);

async function write(files: Files, path: string, text: string): Promise<void> {
  const writer = await files.create(path);
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
}

async function putForeignFiles(files: Files): Promise<void> {
  for (const [path, text] of Object.entries(foreign)) {
    await files.makeDirectory(path.slice(0, path.lastIndexOf('/')));
    await write(files, path, text);
  }
}

async function foreignFilesStay(files: Files): Promise<void> {
  for (const [path, text] of Object.entries(foreign)) assert.equal(await files.readText(path), text, path);
}

test('training, resuming and removing a run leave files that decade did not make, whatever they are called', async () => {
  const files = memoryFiles({ 'out.partial/model.safetensors': 'mine' });
  const run = await Run.create(files, 'out', contents);
  await save(run, 1);
  await putForeignFiles(files);
  await (await Run.open(files, 'out')).removeLeftovers();
  await save(run, 2, 1);
  await run.saveModel(tensorsOf({ a: [[1]] }), {});
  await foreignFilesStay(files);
  await removeRun(files, 'out');
  await foreignFilesStay(files);
  assert.deepEqual(await files.list('out'), ['cache', 'checkpoints', 'model.safetensors.partial', 'removed-pairs.txt', 'removed-step-1']);
});

test("somebody else's file in a checkpoint's directory outlives the checkpoint, and makes none", async () => {
  const files = memoryFiles();
  const run = await Run.create(files, 'out', contents);
  await save(run, 1);
  await write(files, 'out/checkpoints/step-1/notes.txt', 'mine');
  await save(run, 2, 1);
  assert.equal(await files.readText('out/checkpoints/step-1/notes.txt'), 'mine');
  assert.deepEqual(await files.list('out/checkpoints/step-1'), ['notes.txt']);
  assert.deepEqual(await run.checkpoints.steps(), [2]);
});

test('what a killed process noted and left is removed; a record that reaches out of the directory is not followed', async () => {
  const files = memoryFiles({ 'mine.partial': 'mine' });
  const run = await Run.create(files, 'out', contents);
  await save(run, 1);
  const unfinished = new UnfinishedWork(files, 'out');
  await unfinished.begin('model.safetensors.ab.partial', '../mine.partial', '/mine.partial', 'checkpoints/../../mine.partial');
  await write(files, 'out/model.safetensors.ab.partial', 'half');
  await run.removeLeftovers();
  assert.equal(await files.kind('out/model.safetensors.ab.partial'), 'missing');
  assert.equal(await files.readText('mine.partial'), 'mine');
});

test('a training that was ended before its first checkpoint is in nobody’s way', async () => {
  const files = memoryFiles();
  await Run.create(files, 'out', contents);
  await requireFree(files, 'out');
  const again = await Run.create(files, 'out', { ...contents, configuration: 'version: 2\n' });
  assert.equal(await again.configuration(), 'version: 2\n');
  await save(again, 0);
  await assert.rejects(requireFree(files, 'out'), /already contains a run/);
});

test('a run that cannot be made leaves nothing, except a directory that was there', async () => {
  for (const isThere of [false, true]) {
    const files = memoryFiles();
    if (isThere) await files.makeDirectory('out');
    const failing: Files = {
      ...files,
      rename: async () => {
        throw new Error('no');
      },
    };
    await assert.rejects(Run.create(failing, 'out', contents), /no/);
    assert.equal(await files.kind('out'), isThere ? 'directory' : 'missing');
    assert.deepEqual(await files.list('out'), []);
  }
});

test('among other files a run is made when none has a name that it needs', async () => {
  const files = memoryFiles({ 'out/notes.txt': 'mine', 'taken/tokenizer.json': 'mine' });
  await assert.rejects(requireFree(files, 'out'), /a directory that contains other files/);
  await save(await Run.create(files, 'out', { ...contents, amongOthers: true }), 0);
  assert.equal(await files.readText('out/notes.txt'), 'mine');
  await assert.rejects(Run.create(files, 'taken', { ...contents, amongOthers: true }), /a directory that contains other files/);
  assert.equal(await files.readText('taken/tokenizer.json'), 'mine');
});

test('a record that was cut off as it was begun blocks nothing', async () => {
  const whole = memoryFiles();
  await whole.makeDirectory('out');
  await new UnfinishedWork(whole, 'out').begin('a.partial');
  const record = await whole.readText(`out/${recordName}`);
  const heading = record.slice(0, record.indexOf('\n'));
  for (const left of ['', heading.slice(0, 9), heading, '\0'.repeat(40)]) {
    const files = memoryFiles({ [`out/${recordName}`]: left });
    await requireFree(files, 'out');
    const unfinished = new UnfinishedWork(files, 'out');
    await unfinished.begin('a.partial');
    assert.equal(await files.readText(`out/${recordName}`), record, JSON.stringify(left));
    await unfinished.end('a.partial');
    assert.deepEqual(await files.list('out'), []);
  }
});

test("a file of the record's name that decade did not write is neither read nor written", async () => {
  const files = memoryFiles({ [`out/${recordName}`]: '+ mine.partial\n', 'out/mine.partial': 'mine' });
  assert.deepEqual(await new UnfinishedWork(files, 'out').names(), []);
  await assert.rejects(Run.create(files, 'out', { ...contents, amongOthers: true }), /a file that was not written by decade/);
  assert.equal(await files.readText(`out/${recordName}`), '+ mine.partial\n');
});

test('files that a run is made of are known by their place', async () => {
  const files = memoryFiles({ 'other/config.yaml': '' });
  await save(await Run.create(files, 'runs/out', contents), 4);
  for (const path of ['runs/out/config.yaml', 'runs/out/train.log', 'runs/out/checkpoints/step-4/model.safetensors']) {
    assert.ok(await isRunFile(files, path), path);
  }
  for (const path of ['runs/out/report.html', 'runs/out/checkpoints/notes', 'other/config.yaml', 'model.safetensors']) {
    assert.ok(!(await isRunFile(files, path)), path);
  }
});
