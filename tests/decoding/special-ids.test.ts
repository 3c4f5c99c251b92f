import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { resolveDecodingOptions } from '../../src/decoding/options.js';
import { score } from '../../src/decoding/score.js';
import { search } from '../../src/decoding/search.js';
import { LocalDecodingExecutor } from '../../src/decoding/local-executor.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { ownSpecialIds, type SpecialIds } from '../../src/text/tokenizer.js';
import { openTestDevice } from '../tensor/devices.js';

/*
 * A model whose tokens stand in another order, its special ones too, must say what the model in decade's own order says.
 */

const device = await openTestDevice();
const size = 12;
const moved = (id: number) => size - 1 - id;
const special: SpecialIds = {
  begin: moved(ownSpecialIds.begin),
  end: moved(ownSpecialIds.end),
  unknown: moved(3),
  forbidden: ownSpecialIds.forbidden.map(moved),
};

for (const kind of ['lstm', 'transformer'] as const) {
  test(`${kind}: special tokens are where the vocabulary has them`, async () => {
    const options = modelOptions.parse(
      kind === 'lstm'
        ? { kind, layers: 1, hidden: 8, embedding: 8 }
        : { kind, width: 8, heads: 2, feedForward: 16, encoderLayers: 1, decoderLayers: 1, sourceEnd: true },
    );
    const [own, other] = [{}, { special: { source: special, target: special } }].map((given) => {
      const model = createModel(options, { source: size, target: size, ...given });
      model.parameters.allocate(device.memory);
      model.parameters.initialise(3);
      return model;
    });
    assert.ok(own !== undefined && other !== undefined);
    for (const parameter of other.parameters) {
      const { value } = parameter;
      if (value.shape[0] !== size) continue;
      const width = value.f32.length / size;
      const rows = Float32Array.from(value.f32);
      for (let id = 0; id < size; id++) value.f32.set(rows.subarray(id * width, (id + 1) * width), moved(id) * width);
    }
    const sources = [[4, 7, 5], [9], [11, 10, 8, 6]];
    const decoding = resolveDecodingOptions({ beam: 3, nbest: 3, forbidUnknown: true, maximumLength: 9 });
    const found = await search(
      own,
      device,
      sources.map((source) => ({ source })),
      decoding,
    );
    const foundMoved = await search(
      other,
      device,
      sources.map((source) => ({ source: source.map(moved) })),
      decoding,
    );
    assert.deepEqual(
      foundMoved.map((hypotheses) => hypotheses.map(({ ids }) => Array.from(ids))),
      found.map((hypotheses) => hypotheses.map(({ ids }) => Array.from(ids, moved))),
    );
    const pair = { source: [4, 7], target: [5, 6] };
    const [before] = await score(LocalDecodingExecutor.of(device, [own]), [pair], {});
    const [after] = await score(LocalDecodingExecutor.of(device, [other]), [{ source: [4, 7].map(moved), target: [5, 6].map(moved) }], {});
    assert.ok(before !== undefined && after !== undefined);
    assert.ok(Math.abs(before.logProbability - after.logProbability) < 1e-5);
    await assert.rejects(
      search(other, device, [{ source: [special.end] }], decoding),
      (error) => error instanceof DecadeError && /token id 9 .*from 0 to 11, but not 11, 10, 9/.test(error.message),
    );
  });
}
