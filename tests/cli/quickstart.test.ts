import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Run } from '../../src/checkpoint/run.js';
import { intlCorpus } from '../../src/data/generators/intl.js';
import { modelOptions } from '../../src/models/create.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { type QuickstartModel, quickstartRecipe } from '../../src/quickstart-recipe.js';
import { quickstart, quickstartConfiguration } from '../../src/quickstart.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { configurationOf, printConfiguration } from '../../src/training/configuration.js';

/** What a second quickstart removes, and what it does not. It is aborted before it learns anything. */
const root = await mkdtemp(join(tmpdir(), 'decade-quickstart-'));
after(() => rm(root, { recursive: true, force: true }));
const { files } = nodeRuntime;
const { test: heldOut } = intlCorpus({ from: 'en', to: 'fr', ...quickstartRecipe.corpus });
const none = new PlacedValues([]);
const tokenizer = await trainTokenizer(['a b'], { kind: 'word' });

/** A directory as an earlier quickstart left it, with files of a person's. */
async function earlier(name: string, change: (text: string) => string = (text) => text, model: QuickstartModel = 'lstm'): Promise<string> {
  const out = join(root, name);
  const configuration = change(printConfiguration(configurationOf(quickstartConfiguration('en', 'fr', model))));
  const origin = { options: modelOptions.parse({ kind: 'lstm' }), seed: 1 };
  const run = await Run.create(files, out, { configuration, origin, tokenizers: { source: tokenizer, target: tokenizer } });
  await run.checkpoints.save({ step: 1, parameters: none, optimizerState: none, progress: {} }, 1);
  await writeFile(join(out, 'test.en'), heldOut.map(({ source }) => `${source}\n`).join(''));
  await writeFile(join(out, 'test.fr'), heldOut.map(({ target }) => `${target}\n`).join(''));
  await writeFile(join(out, 'notes.txt'), 'mine');
  await writeFile(join(out, 'model.safetensors.partial'), 'mine');
  return out;
}

const again = (out: string, gemm = 'webassembly') => quickstart(nodeRuntime, { out, gemm, signal: AbortSignal.abort(new Error('stop')) });
const mine = ['model.safetensors.partial', 'notes.txt'];

test('a second quickstart removes what the first one made, and keeps other files', async () => {
  const out = await earlier('again');
  assert.equal(await again(out), undefined);
  assert.deepEqual(await readdir(out), mine);
  assert.equal(await again(out), undefined, 'they are in nobody’s way');
  assert.deepEqual(await readdir(out), mine);
});

test('a quickstart of one network makes way for that of another', async () => {
  const out = await earlier('transformer', undefined, 'transformer');
  assert.equal(await again(out), undefined);
  assert.deepEqual(await readdir(out), mine);
});

test('a run that is no quickstart stays whole', async () => {
  const out = await earlier('other', (text) => text.replace('hidden: 256', 'hidden: 512'));
  const before = await readdir(out);
  await assert.rejects(again(out), /other: a directory that already contains a run; .*Choose another --out/);
  assert.deepEqual(await readdir(out), before);
});

test('test sentences that somebody changed stay, and the run with them', async () => {
  const out = await earlier('changed');
  await writeFile(join(out, 'test.en'), 'mine\n');
  const before = await readdir(out);
  await assert.rejects(again(out), /test\.en: sentences that were not written by a quickstart/);
  assert.deepEqual([await readdir(out), await readFile(join(out, 'test.en'), 'utf8')], [before, 'mine\n']);
});

test('a quickstart that cannot begin removes nothing', async () => {
  const out = await earlier('kept');
  const before = await readdir(out);
  await assert.rejects(again(out, 'nothing'), /nothing/);
  assert.deepEqual(await readdir(out), before);
});
