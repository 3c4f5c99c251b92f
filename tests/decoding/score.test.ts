import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LocalDecodingExecutor } from '../../src/decoding/local-executor.js';
import { resolveDecodingOptions } from '../../src/decoding/options.js';
import { score, scoreLines } from '../../src/decoding/score.js';
import { search } from '../../src/decoding/search.js';
import type { Model } from '../../src/models/model.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { openTestDevice } from '../tensor/devices.js';
import { modelVariants, randomLstm, randomModel, randomSources } from './models.js';

const device = await openTestDevice();
const sources = randomSources(12, 7);
const on = (model: Model) => LocalDecodingExecutor.of(device, [model]);

function assertClose(actual: number | undefined, expected: number | undefined): void {
  const difference = Math.abs((actual ?? Number.NaN) - (expected ?? Number.NaN));
  assert.ok(difference <= 1e-5 * Math.max(1, Math.abs(expected ?? 0)), `${actual} is not near ${expected}`);
}

describe('the score of a pair', () => {
  for (const variant of modelVariants) {
    test(`is what the search reported, token by token: ${JSON.stringify(variant)}`, async () => {
      const model = randomModel(device, variant);
      const options = resolveDecodingOptions({ beam: 4, nbest: 4, maximumLength: 9 });
      const found = await search(
        model,
        device,
        sources.map((source) => ({ source })),
        options,
      );
      const pairs = found.flatMap((hypotheses, sentence) =>
        hypotheses.map((hypothesis) => ({ source: sources[sentence] ?? [], target: hypothesis.ids, hypothesis })),
      );
      assert.equal(pairs.length, 48);
      const scores = await score(on(model), pairs, { batch: { sentences: 7 } });
      pairs.forEach(({ hypothesis }, index) => {
        const scored = scores[index];
        assertClose(scored?.logProbability, hypothesis.logProbability);
        assert.equal(scored?.tokenLogProbabilities.length, hypothesis.tokenLogProbabilities.length);
        hypothesis.tokenLogProbabilities.forEach((value, position) => {
          assertClose(scored?.tokenLogProbabilities[position], value);
        });
      });
    });
  }

  test('is the same in any batch, and stands in the place of its pair', async () => {
    const model = randomLstm(device, { attention: 'dot' });
    const targets = randomSources(12, 9, 21);
    const pairs = sources.map((source, index) => ({ source, target: index === 3 ? [] : (targets[index] ?? []) }));
    const together = await score(on(model), pairs);
    for (const batch of [{ sentences: 1 }, { sentences: 5 }, { tokens: 10 }]) {
      const scores = await score(on(model), pairs, { batch });
      scores.forEach(({ logProbability }, index) => {
        assertClose(logProbability, together[index]?.logProbability);
      });
    }
    assert.equal(together[3]?.tokenLogProbabilities.length, 1);
    assert.ok(together.every(({ logProbability }) => logProbability < 0));
  });

  test('is a distribution: the probabilities of all continuations sum to 1', async () => {
    const model = randomLstm(device, {}, { vocabulary: 7 });
    const source = [4, 9, 3];
    const all = [0, 1, 3, 4, 5, 6].map((id) => ({ source, target: [5, id] }));
    const scores = await score(on(model), [...all, { source, target: [5] }]);
    const probability = (index: number) => Math.exp(scores[index]?.tokenLogProbabilities[1] ?? Number.NaN);
    assertClose(
      scores.reduce((sum, _, index) => sum + probability(index), 0),
      1,
    );
  });

  test('ends with the signal', async () => {
    const model = randomLstm(device);
    const pairs = sources.map((source) => ({ source, target: source }));
    const progress: number[] = [];
    const controller = new AbortController();
    const onProgress = ({ done, total }: { done: number; total: number }) => {
      progress.push(done);
      assert.equal(total, 12);
      if (done === 8) controller.abort();
    };
    const before = device.memory.allocatedBytes;
    const executor = on(model);
    await assert.rejects(score(executor, pairs, { batch: { sentences: 4 }, signal: controller.signal, onProgress }), {
      name: 'AbortError',
    });
    await executor.dispose();
    assert.deepEqual(progress, [4, 8]);
    assert.ok(device.memory.allocatedBytes <= before);
  });
});

describe('the score of lines', () => {
  test('is that of their tokens; empty and long lines do not stop the others', async () => {
    const tokenizer = await trainTokenizer(['a b c d e f g'], { kind: 'word', size: 11 });
    const model = randomLstm(device, {}, { vocabulary: 11 });
    const pairs = [
      { source: 'a b', target: 'c' },
      { source: '', target: '' },
      { source: ' ', target: 'c' },
      { source: 'a b c d e f', target: 'a' },
      { source: 'g', target: '' },
    ];
    const lines = await scoreLines({ sourceTokenizer: tokenizer, targetTokenizer: tokenizer }, on(model), pairs, { maximumLength: 4 });
    const expected = await score(on(model), [
      { source: tokenizer.encode('a b'), target: tokenizer.encode('c') },
      { source: tokenizer.encode('a b c d'), target: tokenizer.encode('a') },
      { source: tokenizer.encode('g'), target: [] },
    ]);
    assert.deepEqual(
      lines.map(({ line }) => line),
      [1, 2, 3, 4, 5],
    );
    assert.deepEqual([lines[1]?.logProbability, lines[2]?.logProbability], [0, -Infinity]);
    [0, 3, 4].forEach((index, place) => {
      assertClose(lines[index]?.logProbability, expected[place]?.logProbability);
    });
    assert.match(lines[3]?.warning?.message ?? '', /source, line 4: 6 tokens.*first 4/);
    const lengthLimits = { source: 4, target: () => 2, positions: () => 4 };
    const limited = { sourceTokenizer: tokenizer, targetTokenizer: tokenizer, model: { lengthLimits } };
    const cut = await scoreLines(limited, on(model), [{ source: 'a b c d e f', target: 'a b' }]);
    assertClose(cut[0]?.logProbability, expected[1]?.logProbability);
    assert.match(cut[0]?.warning?.message ?? '', /first 4 were used.*split the line into sentences\.?$/i);
    assert.deepEqual(
      lines.map(({ warning }) => warning === undefined),
      [true, true, true, false, true],
    );
  });
});
