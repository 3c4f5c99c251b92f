import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { attentionWeights } from '../../src/decoding/attention-weights.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import type { AttentionWeights, Model } from '../../src/models/model.js';
import { looksBack, modelVariants, randomModel } from './models.js';
import { openTestDevice } from '../tensor/devices.js';

const device = await openTestDevice();
after(() => device.matrix.dispose());

const pair = { source: [6, 7, 8, 9], target: [5, 6, 12] };

function read(model: Model, { source, target }: { source: number[]; target: number[] } = pair): AttentionWeights[] {
  return attentionWeights(model, device, { source, target });
}

/** The mean over heads of a layer of a view, row by row. */
function meanOfHeads({ keys, layers }: AttentionWeights, layer = layers.length - 1): number[][] {
  const heads = layers[layer] ?? [];
  const mean = Array.from(heads[0] ?? [], (_, place) => heads.reduce((sum, head) => sum + (head[place] ?? 0), 0) / heads.length);
  return Array.from({ length: mean.length / keys.length }, (_, row) => mean.slice(row * keys.length, (row + 1) * keys.length));
}

describe('every row of every layer and head is a distribution over what may be looked at', () => {
  for (const variant of modelVariants) {
    test(JSON.stringify(variant), () => {
      const views = read(randomModel(device, variant));
      assert.equal(views.length > 0, variant.kind === 'transformer' || looksBack(variant));
      for (const view of views) {
        assert.ok(view.layers.length > 0 && view.layers.every(({ length }) => length > 0), view.name);
        for (const head of view.layers.flat()) {
          assert.equal(head.length, view.queries.length * view.keys.length, view.name);
          for (let row = 0; row < view.queries.length; row++) {
            const weights = head.subarray(row * view.keys.length, (row + 1) * view.keys.length);
            assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-5, `${view.name}, row ${row}`);
          }
        }
      }
    });
  }
});

describe('what is read of a translation is what the search looked at', () => {
  for (const variant of modelVariants.filter(looksBack)) {
    test(JSON.stringify(variant), () => {
      const model = randomModel(device, variant);
      const session = model.decode(device, [pair.source]);
      const output = session.read([[1, ...pair.target]]);
      const steps = [...(output.given(0).attention ?? []), output.attention?.(0) ?? []];
      const [first] = read(model);
      assert.ok(first !== undefined);
      assert.deepEqual([first.queries.length, steps.length], [4, 4]);
      meanOfHeads(first).forEach((row, token) => {
        // What the search says leaves out the end of the source.
        Array.from(steps[token] ?? []).forEach((weight, place) => {
          assert.ok(Math.abs(weight - (row[place] ?? Number.NaN)) < 1e-5, `token ${token}, source token ${place}`);
        });
      });
      session.dispose();
    });
  }
});

test('a language model looks at what it has written before and at nothing else', () => {
  const options = modelOptions.parse({ kind: 'transformer', decoderLayers: 2, width: 8, heads: 2 });
  const model = createModel(options, { target: 13 });
  model.parameters.allocate(device.memory);
  model.parameters.initialise(1);
  const [view, ...others] = read(model, { source: [], target: pair.target });
  assert.ok(view !== undefined && others.length === 0);
  assert.deepEqual(
    [view.queries.map(({ id }) => id), view.keys.map(({ id }) => id)],
    [
      [5, 6, 12, 2],
      [1, 5, 6, 12],
    ],
  );
  for (const rows of [meanOfHeads(view, 0), meanOfHeads(view, 1)]) {
    for (const [token, row] of rows.entries()) assert.ok(row.slice(token + 1).every((weight) => weight === 0));
  }
});

test('one network that reads both shows the target both, and the source itself', () => {
  const model = randomModel(device, { kind: 'transformer', encoderLayers: 0 });
  const [target, source] = read(model);
  assert.deepEqual([target?.queries.length, target?.keys.length, source?.queries.length, source?.keys.length], [4, 9, 5, 5]);
  // The first token that is written cannot look at those after it.
  assert.deepEqual(meanOfHeads(target as AttentionWeights)[0]?.slice(6), [0, 0, 0]);
});
