import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printDescription } from '../../src/checkpoint/model-files.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { writeTextFile } from '../../src/checkpoint/whole-files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { decade } from '../../src/decade.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { InitialValues } from '../../src/nn/parameters.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { gemm } from './packed-run.js';

test('a language model that has nothing but its model is packed, and scores and writes as before', async () => {
  const files = memoryFiles({});
  const tokenizer = await trainTokenizer(['one two three'], { kind: 'character', size: 40 });
  const model = modelOptions.parse({ kind: 'transformer', decoderLayers: 1, encoderLayers: 0, width: 16, heads: 2 });
  const vocabularies = { target: tokenizer.size };
  await files.makeDirectory('run');
  await writeTextFile(files, 'run/tokenizer.json', tokenizer.toJson());
  const description = {
    model,
    vocabularies,
    tokenizers: { target: 'tokenizer.json' },
    context: 64,
    weights: 'weights.safetensors',
    seed: 1,
  };
  await writeTextFile(files, 'run/model.json', printDescription(description));
  await writeSafetensors(files, 'run/weights.safetensors', new InitialValues(createModel(model, vocabularies).parameters, 1));

  const library = decade({ ...nodeRuntime, files, sharedMemory: false });
  await assert.rejects(library.pack('run', { out: 'run/weights.safetensors' }), /a file that belongs to a run/);
  await library.pack('run', { out: 'model.decade' });
  const totals = await Promise.all(['run', 'model.decade'].map(async (run) => (await library.scoreText(run, ['one two'], { gemm })).total));
  assert.deepEqual(totals[1], totals[0]);
  const written = async (run: string): Promise<string> => {
    const loaded = await library.load(run, { gemm });
    let text = '';
    for await (const piece of loaded.generate('one', { seed: 1, maximumLength: 20 })) text += piece;
    await loaded.dispose();
    return text;
  };
  assert.equal(await written('model.decade'), await written('run'));
});
