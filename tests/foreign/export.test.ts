import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { architectureOf, huggingFaceFolder } from '../../src/foreign/hugging-face-folder.js';
import { writeFolder } from '../../src/foreign/written-folder.js';
import { writtenModel } from '../../src/foreign/written-model.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { openGolden } from './opened.js';

const folder = '../shared/goldens/hf';
const skip = existsSync(folder) ? false : `${folder} is not here`;

for (const name of ['marian-shared', 'marian-separate', 'm2m100', 'gpt2', 'llama', 't5-v1.0', 't5-v1.1']) {
  test(`what is imported of ${name} is exported with the same tensors and names`, { skip }, async () => {
    const { model, form, foreign } = await openGolden(`${folder}/${name}`);
    const files = memoryFiles();
    const written = writtenModel(form.options, form.vocabularies, foreign.decoding, foreign.positions);
    await writeFolder(files, 'out', huggingFaceFolder(written, architectureOf(written, name), PlacedValues.of(model.parameters)));
    const [theirs, ours] = [
      await SafetensorsFile.open(nodeRuntime.files, `${folder}/${name}/model.safetensors`),
      await SafetensorsFile.open(files, 'out/model.safetensors'),
    ];
    ours.requireSame(theirs.shapes);
    for (const [tensor, shape] of theirs.shapes) {
      const size = shape.reduce((product, dimension) => product * dimension, 1);
      const [expected, found] = [new Float32Array(size), new Float32Array(size)];
      await theirs.read(tensor, 0, expected);
      await ours.read(tensor, 0, found);
      assert.deepEqual(found, expected, tensor);
    }
    await theirs.close();
    const [before, after] = [
      JSON.parse(readFileSync(`${folder}/${name}/config.json`, 'utf8')),
      JSON.parse(await files.readText('out/config.json')),
    ];
    for (const key of Object.keys(after))
      if (key in before && key !== 'max_position_embeddings' && key !== 'bos_token_id') assert.deepEqual(after[key], before[key], key);
    model.parameters.dispose();
  });
}
