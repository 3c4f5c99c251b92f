import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelElsewhere } from '../../src/decoding/model-elsewhere.js';
import { beforePrefix } from '../../src/decoding/search.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { openTestDevice } from '../tensor/devices.js';

const device = await openTestDevice();

for (const beginPrompts of [true, false]) {
  test(`a model in another memory reads ${beginPrompts ? '`<s>`' : 'nothing'} before a prompt, as it does in its own`, () => {
    const options = { kind: 'transformer', encoderLayers: 0, decoderLayers: 1, width: 16, heads: 2, beginPrompts };
    const model = createModel(modelOptions.parse(options), { target: 20 });
    const prompt = [17];
    assert.equal(beforePrefix(model, prompt).length, beginPrompts ? 1 : 0);
    assert.deepEqual(beforePrefix(new ModelElsewhere(model, device), prompt), beforePrefix(model, prompt));
  });
}
