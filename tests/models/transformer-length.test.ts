import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { resolveDecodingOptions } from '../../src/decoding/options.js';
import { scoreBatch } from '../../src/decoding/score-batch.js';
import { search } from '../../src/decoding/search.js';
import { configurationOf } from '../../src/training/configuration.js';
import { train } from '../../src/training/train.js';
import { randomModel } from '../decoding/models.js';
import { openTestDevice } from '../tensor/devices.js';
import { digitFiles, localContext } from '../training/tiny-run.js';

const device = await openTestDevice();
after(() => device.matrix.dispose());

const learned = { kind: 'transformer', positions: 'learned', maximumLength: 8 };

for (const [name, encoderLayers, longest] of [
  ['encoder and decoder', 1, [7, 7]],
  ['one network', 0, [5, 3]],
] as const) {
  test(`a translation ends where learned positions do: ${name}`, async () => {
    const model = randomModel(device, { ...learned, encoderLayers });
    const options = resolveDecodingOptions({ beam: 2, minimumLength: 100, maximumLength: 100 });
    const found = await search(model, device, [{ source: [4] }, { source: [4, 5, 6] }], options);
    assert.deepEqual(
      found.map(([best]) => best?.ids.length),
      longest,
    );
    const { source = 0 } = model.lengthLimits ?? {};
    const [scored] = scoreBatch(model, device, [{ source: new Array<number>(source).fill(4), target: [5] }]);
    assert.ok((scored?.logProbability ?? 0) < 0);
    model.parameters.dispose();
  });
}

test('what is longer than the learned positions is refused with what would help', () => {
  const model = randomModel(device, { ...learned, encoderLayers: 1 });
  assert.throws(
    () => scoreBatch(model, device, [{ source: [4], target: new Array<number>(8).fill(5) }]),
    /positions: a sequence of 9 tokens; expected at most 8.*model\.maximumLength/,
  );
  model.parameters.dispose();
});

test('training refuses sentences without positions before it begins', async () => {
  const configuration = configurationOf({
    version: 1,
    data: { train: { tsv: 'data/train.tsv' } },
    tokenizer: { kind: 'word', split: 'spaces' },
    model: { kind: 'transformer', positions: 'learned', maximumLength: 5, width: 8, heads: 2 },
    training: { stop: { steps: 1 } },
  });
  await assert.rejects(
    train(localContext(digitFiles()), configuration, { out: 'out' }),
    /model\.maximumLength: too few positions for the longest pair of data\.train; expected at least 7\. Set model\.maximumLength=7/,
  );
});
