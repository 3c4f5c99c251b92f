import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { ensemble } from '../../src/decoding/ensemble.js';
import { type DecodingOptionsInput, resolveDecodingOptions } from '../../src/decoding/options.js';
import { LocalDecodingExecutor } from '../../src/decoding/local-executor.js';
import { score } from '../../src/decoding/score.js';
import { search } from '../../src/decoding/search.js';
import type { StepModel } from '../../src/models/model.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { openTestDevice } from '../tensor/devices.js';
import {
  exhaustive,
  looksBack,
  lstmVariants,
  modelVariants,
  randomLstm,
  randomModel,
  randomSources,
  randomTable,
  TableModel,
  transformerVariants,
} from './models.js';

const device = await openTestDevice();
const sources = randomSources(8, 6);
const sourceTokenizer = await trainTokenizer(['a b c d e f g'], { kind: 'word', size: 11 });
const targetTokenizer = await trainTokenizer(['r s t u v w x y z'], { kind: 'word', size: 13 });
const mixed = [...lstmVariants.slice(0, 3), ...transformerVariants.slice(0, 4)];
const named = (model: StepModel, name = 'run') => ({ name, model, sourceTokenizer, targetTokenizer });

function find(model: StepModel, options: DecodingOptionsInput = {}) {
  return search(
    model,
    device,
    sources.map((source) => ({ source })),
    resolveDecodingOptions({ maximumLength: 9, attention: true, ...options }),
  );
}

function assertClose(actual: number | undefined, expected: number | undefined): void {
  const difference = Math.abs((actual ?? Number.NaN) - (expected ?? Number.NaN));
  assert.ok(difference <= 1e-5 * Math.max(1, Math.abs(expected ?? 0)), `${actual} is not near ${expected}`);
}

describe('an ensemble', () => {
  for (const variant of modelVariants) {
    test(`of one model twice or three times is the model: ${JSON.stringify(variant)}`, async () => {
      const model = randomModel(device, variant);
      for (const copies of [2, 3]) {
        const together = ensemble(new Array(copies).fill(named(model)));
        for (const beam of [1, 4]) {
          const expected = await find(model, { beam, nbest: beam });
          const found = await find(together.model, { beam, nbest: beam });
          found.flat().forEach((hypothesis, index) => {
            const single = expected.flat()[index];
            assert.deepEqual(hypothesis.ids, single?.ids);
            assertClose(hypothesis.logProbability, single?.logProbability);
            assert.equal(hypothesis.attention === undefined, !looksBack(variant));
            hypothesis.attention?.forEach((weights, position) => {
              weights.forEach((weight, token) => {
                assertClose(weight, single?.attention?.[position]?.[token]);
              });
            });
          });
        }
      }
    });
  }

  test('of different models averages their probabilities', async () => {
    const tables = [1, 2, 3].map((seed) => randomTable(6, seed));
    const members = tables.map((table) => new TableModel(6, table));
    const average = (source: readonly number[], target: readonly number[]) => {
      const distributions = tables.map((table) => {
        const exponentials = table(source, target).map(Math.exp);
        const total = exponentials.reduce((sum, each) => sum + each, 0);
        return exponentials.map((each) => each / total);
      });
      return (distributions[0] ?? []).map((_, id) =>
        Math.log(distributions.reduce((sum, distribution) => sum + (distribution[id] ?? 0), 0) / tables.length),
      );
    };
    const { model } = ensemble(members.map((member) => named(member)));
    const options = resolveDecodingOptions({ beam: 100, nbest: 5, maximumLength: 3 });
    const [found = []] = await search(model, device, [{ source: [4, 5] }], options);
    const all = exhaustive(6, average, [4, 5], 3).sort(
      (a, b) => b.logProbability / (b.ids.length + 1) - a.logProbability / (a.ids.length + 1),
    );
    found.forEach((hypothesis, rank) => {
      assert.deepEqual([...hypothesis.ids], all[rank]?.ids);
      assertClose(hypothesis.logProbability, all[rank]?.logProbability);
    });
    assert.deepEqual(
      members.map(({ openSessions }) => openSessions),
      [0, 0, 0],
    );
  });

  test('may join LSTMs that read in different directions and Transformers', async () => {
    const members = mixed.map((variant, seed) => randomModel(device, variant, { seed }));
    const found = await find(ensemble(members.map((member) => named(member))).model, { beam: 3 });
    // By Jensen's inequality the log of a mean is at least the mean of the logs, token by token.
    for (const [sentence, [best]] of found.entries()) {
      const pair = { source: sources[sentence] ?? [], target: best?.ids ?? [] };
      const scores = await Promise.all(members.map((member) => score(LocalDecodingExecutor.of(device, [member]), [pair])));
      best?.tokenLogProbabilities.forEach((value, position) => {
        const logs = scores.map(([scored]) => scored?.tokenLogProbabilities[position] ?? Number.NaN);
        const mean = Math.log(logs.reduce((sum, log) => sum + Math.exp(log), 0) / logs.length);
        assertClose(value, mean);
      });
    }
  });

  test('scores a translation as the search that found it, token by token', async () => {
    const members = mixed.map((variant, seed) => randomModel(device, variant, { seed }));
    const found = await find(ensemble(members.map((member) => named(member))).model, { beam: 3, nbest: 3 });
    const pairs = found.flatMap((hypotheses, sentence) =>
      hypotheses.map((hypothesis) => ({ source: sources[sentence] ?? [], target: hypothesis.ids, hypothesis })),
    );
    const scores = await score(LocalDecodingExecutor.of(device, members), pairs, { batch: { sentences: 5 } });
    pairs.forEach(({ hypothesis }, index) => {
      assertClose(scores[index]?.logProbability, hypothesis.logProbability);
      hypothesis.tokenLogProbabilities.forEach((value, position) => {
        assertClose(scores[index]?.tokenLogProbabilities[position], value);
      });
    });
    assert.ok(pairs.length >= sources.length);
  });

  test('follows a prefix whose probability an average rounds to 0', async () => {
    const certain = new TableModel(6, () => [0, 0, 0, 0, 200, 0]);
    const { model } = ensemble([named(certain), named(certain)]);
    const [[best] = []] = await search(model, device, [{ source: [4], prefix: [5] }], resolveDecodingOptions({ maximumLength: 2 }));
    assert.deepEqual([...(best?.ids ?? [])], [5, 4]);
  });

  test('gives all device memory back', async () => {
    const { model } = ensemble([named(randomLstm(device)), named(randomLstm(device, { attention: 'dot' }))]);
    await find(model);
    const before = device.memory.allocatedBytes;
    await find(model);
    assert.equal(device.memory.allocatedBytes, before);
  });

  test('of one model is that model', () => {
    const only = named(randomLstm(device));
    assert.equal(ensemble([only]), only);
  });

  test('refuses no models, and models with different vocabularies, by name', async () => {
    const refused = (pattern: RegExp) => (error: unknown) =>
      error instanceof DecadeError && error.kind === 'usage' && pattern.test(error.message);
    const first = named(randomLstm(device), 'runs/a');
    const otherTokens = await trainTokenizer(['r s t u v w x y !'], { kind: 'word', size: 13 });
    const smaller = await trainTokenizer(['a b c'], { kind: 'word', size: 11 });
    assert.throws(() => ensemble([]), refused(/no model/));
    assert.throws(
      () => ensemble([first, { ...first, name: 'runs/b', targetTokenizer: otherTokens }]),
      refused(/runs\/a and runs\/b: another word vocabulary of 13 with other tokens on the target side/),
    );
    assert.throws(() => ensemble([first, { ...first, name: 'runs/b', sourceTokenizer: smaller }]), refused(/on the source side/));
    const wider = named(randomLstm(device, {}, { vocabulary: 14 }), 'runs/c');
    assert.throws(() => ensemble([first, wider]), refused(/a word vocabulary of 14 on the target side.*first: word vocabulary of 13/));
    // The same vocabulary, loaded twice, is no difference.
    const again = await trainTokenizer(['r s t u v w x y z'], { kind: 'word', size: 13 });
    assert.doesNotThrow(() => ensemble([first, { ...first, targetTokenizer: again }]));
  });
});
