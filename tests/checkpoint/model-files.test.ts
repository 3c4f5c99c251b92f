import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { descriptionFile, readDescription } from '../../src/checkpoint/model-files.js';
import { removeRun } from '../../src/checkpoint/run-files.js';
import { type Files, joinPath, type ReadableFiles } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { load } from '../../src/load.js';
import { openModels } from '../../src/open-models.js';
import { allowRelaxedSimd } from '../../src/node/open-kernels.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { train } from '../../src/training/train.js';
import { digitFiles, localContext, tinyConfiguration } from '../training/tiny-run.js';

allowRelaxedSimd();
const files = digitFiles();
const configuration = tinyConfiguration({ stop: { steps: 4 } }, { model: { hidden: 16 } });
const options = { gemm: 'webassembly', devices: 1 };

before(async () => {
  await train(localContext(files), configuration, { out: 'run' });
});

/** The run's files, with others in their places; undefined: it is not there. */
async function runWith(changes: Readonly<Record<string, string | undefined>>): Promise<Files> {
  const copy = memoryFiles({
    'data/train.tsv': await files.readText('data/train.tsv'),
    'data/dev.tsv': await files.readText('data/dev.tsv'),
  });
  const put = async (path: string, contents: string | Uint8Array) => {
    await copy.makeDirectory(path.slice(0, path.lastIndexOf('/')));
    const writer = await copy.create(path);
    await writer.write(typeof contents === 'string' ? new TextEncoder().encode(contents) : contents);
    await writer.close();
  };
  const [step = ''] = (await files.list('run/checkpoints')).slice(-1);
  const checkpoint = (await files.list(`run/checkpoints/${step}`)).map((name) => `checkpoints/${step}/${name}`);
  for (const name of [...(await files.list('run')), ...checkpoint]) {
    const path = joinPath('run', name);
    if ((await files.kind(path)) === 'file' && !(name in changes)) await put(path, await files.readBytes(path));
  }
  for (const [name, contents] of Object.entries(changes)) if (contents !== undefined) await put(joinPath('run', name), contents);
  return copy;
}

async function translationBy(runFiles: Files): Promise<unknown> {
  const model = await load({ ...nodeRuntime, files: runFiles }, 'run', options);
  try {
    return (await model.translate(['1 2 3'])).map(({ text, score }) => ({ text, score }));
  } finally {
    await model.dispose();
  }
}

test('a model is loaded from its description with three file operations, neither its configuration nor a listing', async () => {
  const read: string[] = [];
  const { kind, stream, open } = await runWith({ 'config.yaml': undefined, 'metrics.jsonl': undefined, 'train.log': undefined });
  const noted =
    <Result>(operation: (path: string) => Result) =>
    (path: string) => {
      read.push(path);
      return operation(path);
    };
  const readable: ReadableFiles = { kind, stream: noted(stream), open: noted(open) };
  const describe = async (path: string) => (await readDescription(readable, path)) ?? assert.fail('no description');
  const model = await openModels({ ...nodeRuntime, files: readable }, 'run', options, describe);
  const [result] = await model.translate(['1 2 3']);
  await model.dispose();
  assert.deepEqual([{ text: result?.text, score: result?.score }], await translationBy(files));
  assert.deepEqual(new Set(read.map((path) => path.slice('run/'.length))), new Set([descriptionFile, ...(await filesOfModel())]));
});

async function filesOfModel(): Promise<string[]> {
  const named = await readDescription(files, 'run');
  return named === undefined ? [] : [named.tokenizers.source ?? '', named.tokenizers.target, named.sourceWords ?? '', named.weights];
}

test('a description says what initialises the model and how large its vocabularies are', async () => {
  const described = await readDescription(files, 'run');
  assert.deepEqual([described?.model, described?.seed], [configuration.model, configuration.training.seed]);
  assert.deepEqual(described?.vocabularies, { source: 14, target: 14 });
});

test('a run of an older decade, without a description, is loaded by its configuration, and resuming it writes one', async () => {
  const older = await runWith({ [descriptionFile]: undefined });
  assert.deepEqual(await translationBy(older), await translationBy(files));
  assert.equal(await older.kind(`run/${descriptionFile}`), 'missing', 'reading writes nothing');
  await train(localContext(older), configuration, { out: 'run', resume: true });
  assert.deepEqual(await readDescription(older, 'run'), await readDescription(files, 'run'));
});

test("somebody else's model.json in an older run is neither read, nor replaced, nor removed", async () => {
  const mine = '{ "format": "something of mine" }';
  const older = await runWith({ [descriptionFile]: mine });
  assert.deepEqual(await translationBy(older), await translationBy(files));
  const warnings: string[] = [];
  const onEvent = (event: { kind: string; message?: string }) => event.kind === 'warning' && warnings.push(event.message ?? '');
  await train(localContext(older), configuration, { out: 'run', resume: true, onEvent });
  assert.match(warnings.join(), /run\/model\.json is not decade's and stays/);
  await removeRun(older, 'run');
  assert.deepEqual(await older.list('run'), [descriptionFile]);
  assert.equal(await older.readText(`run/${descriptionFile}`), mine);
});

const text = async (changes: object) => JSON.stringify({ ...JSON.parse(await files.readText(`run/${descriptionFile}`)), ...changes });
const damages: Readonly<Record<string, { readonly contents: () => Promise<string>; readonly refusal: RegExp }>> = {
  'cut short': {
    contents: async () => (await files.readText(`run/${descriptionFile}`)).slice(0, 90),
    refusal: /run\/model\.json: not JSON, or cut short/,
  },
  'of a newer decade': { contents: () => text({ version: 3 }), refusal: /format version 3; expected at most 2. Use the newer decade/ },
  'of an unknown architecture': { contents: () => text({ model: { kind: 'gru' } }), refusal: /model\.json: model\.kind: 'gru'/ },
  'with a path in the place of a name': {
    contents: () => text({ weights: '../other/model.safetensors' }),
    refusal: /weights: '\.\.\/other\/model\.safetensors'.*the name of a file beside it/,
  },
  'for other tokenizers': {
    contents: () => text({ vocabularies: { source: 14, target: 99 } }),
    refusal: /target-tokenizer\.json: 14 tokens; expected the 99 of model\.json/,
  },
};

for (const [name, { contents, refusal }] of Object.entries(damages)) {
  test(`a description ${name} is refused with the reason`, async () => {
    await assert.rejects(translationBy(await runWith({ [descriptionFile]: await contents() })), refusal);
  });
}

test('untrained models begin with the seed of their description', async () => {
  const untrained = async (runFiles: Files) => {
    const model = await load({ ...nodeRuntime, files: runFiles }, 'run', { ...options, untrained: true });
    const [score] = await model.score([{ source: '1 2', target: '2 1' }]);
    await model.dispose();
    return score?.logProbability;
  };
  const [described, older] = [await untrained(files), await untrained(await runWith({ [descriptionFile]: undefined }))];
  assert.equal(described, older);
  assert.notEqual(await untrained(await runWith({ [descriptionFile]: await text({ seed: 99 }) })), described);
});
