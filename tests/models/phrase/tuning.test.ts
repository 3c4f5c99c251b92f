import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomKey, uniform } from '../../../src/core/random.js';
import { bleu } from '../../../src/metrics/bleu.js';
import { AccumulatedList, type TunedHypothesis } from '../../../src/models/phrase/tuning/accumulated-lists.js';
import { tuneWeights } from '../../../src/models/phrase/tuning/tune.js';
import type { TunedMetric } from '../../../src/models/phrase/tuning/tuned-metric.js';

const planted = [2, -1, 0.5, 0];

/** Few passes over small lists. */
const quick = { iterations: 5, epochs: 6, aggressiveness: 0.1 };

/** A text is its own quality; the score of a corpus is the mean. */
const ownQuality: TunedMetric = {
  statistics: (text) => Float64Array.of(Number(text), 1),
  score: ([quality = 0, sentences = 0]) => ({ score: (100 * quality) / sentences }),
};

/** Hypotheses that are the better, the more the planted weights make of their features. */
function plantedLists(seed: number, noise: number): TunedHypothesis[][] {
  return Array.from({ length: 40 }, (_, sentence) =>
    Array.from({ length: 12 }, (_value, hypothesis) => {
      const key = randomKey(seed, 'corpus', sentence, hypothesis);
      const features = planted.map((_weight, feature) => 4 * uniform(key, feature));
      const score = features.reduce((sum, value, feature) => sum + value * (planted[feature] as number), 0);
      return { text: `${score / 20 + noise * uniform(key, 99)}`, features };
    }),
  );
}

const ranked = (lists: readonly TunedHypothesis[][], weights: ArrayLike<number>): TunedHypothesis[][] => {
  const score = ({ features }: TunedHypothesis) =>
    Array.from(features).reduce((sum, value, index) => sum + value * (weights[index] ?? 0), 0);
  return lists.map((list) => list.toSorted((a, b) => score(b) - score(a)));
};

function tuned(lists: readonly TunedHypothesis[][], start = [0, 0.1, 0, 0.1], given = {}) {
  const decode = async (weights: Float64Array) => ranked(lists, weights).map((list) => list.slice(0, 4));
  return tuneWeights(
    { weights: Float64Array.from(start), decode, references: lists.map(() => ['']), metric: ownQuality },
    { ...quick, ...given },
  );
}

const meanQuality = (lists: readonly TunedHypothesis[][]) => lists.reduce((sum, [best]) => sum + Number(best?.text), 0) / lists.length;

describe('tuning', () => {
  test('recovers the ranking of planted weights, on lists that it has not seen, too', async () => {
    const { best, iterations } = await tuned(plantedLists(1, 0.02));
    assert.ok((iterations[0]?.score ?? 0) < best.score - 5, 'it begins far away');
    const unseen = plantedLists(2, 0);
    const [found, ideal] = [meanQuality(ranked(unseen, best.weights)), meanQuality(ranked(unseen, planted))];
    const begun = meanQuality(ranked(unseen, iterations[0]?.weights ?? []));
    assert.ok(ideal - found < 0.03 * (ideal - begun), `${found} of ${ideal}, from ${begun}`);
  });

  test('is the same every time, and other with another seed', async () => {
    const lists = plantedLists(3, 0.3);
    const [once, again, other] = [await tuned(lists), await tuned(lists), await tuned(lists, undefined, { seed: 2 })];
    assert.deepEqual(again, once);
    assert.notDeepEqual(other.best.weights, once.best.weights);
  });

  test('ends when nothing is new, and gives the best iteration', async () => {
    const { best, iterations } = await tuned(plantedLists(4, 0.3), planted, { iterations: 12, leastChange: 0 });
    assert.ok(iterations.length < 12);
    assert.equal(iterations.at(-1)?.added, 0);
    assert.equal(best.score, Math.max(...iterations.map(({ score }) => score)));
  });

  test('raises BLEU where features tell better words from worse', async () => {
    const words = ['the', 'a', 'cat', 'dog', 'sat', 'ran', 'here', 'there', 'now', 'then'];
    const lists = Array.from({ length: 30 }, (_, sentence) => {
      const key = randomKey(5, 'corpus', sentence);
      const reference = Array.from({ length: 8 }, (_value, place) => words[Math.floor(10 * uniform(key, place))] as string);
      const hypotheses = Array.from({ length: 8 }, (_value, errors): TunedHypothesis => {
        const text = reference.map((word, place) => (place < errors ? 'wrong' : word)).join(' ');
        return { text, features: [uniform(key, 50 + errors), -errors / 4 + uniform(key, 70 + errors)] };
      });
      return { reference: reference.join(' '), hypotheses };
    });
    const { best, iterations } = await tuneWeights(
      {
        weights: Float64Array.of(1, 0),
        decode: async (weights) =>
          ranked(
            lists.map(({ hypotheses }) => hypotheses),
            weights,
          ),
        references: lists.map(({ reference }) => [reference]),
        metric: bleu(),
      },
      quick,
    );
    assert.ok(best.score > (iterations[0]?.score ?? 100) + 20, `${best.score}`);
    assert.ok((best.weights[1] as number) > Math.abs(best.weights[0] as number), 'the feature that tells them apart weighs more');
  });

  test('accumulates a text once for each way it was made', () => {
    const list = new AccumulatedList([''], ownQuality, 2);
    assert.equal(
      list.add([
        { text: '1', features: [1, 2] },
        { text: '1', features: [1, 3] },
        { text: '2', features: [1, 2] },
      ]),
      3,
    );
    assert.equal(
      list.add([
        { text: '1', features: [1, 3] },
        { text: '3', features: [0, 0] },
      ]),
      1,
    );
    assert.deepEqual(Array.from(list.statistics.subarray(0, 8)), [1, 1, 1, 1, 2, 1, 3, 1]);
  });

  test('can be cancelled between two sentences', async () => {
    const controller = new AbortController();
    const decode = async () => {
      controller.abort(new Error('enough'));
      return plantedLists(1, 0);
    };
    const references = plantedLists(1, 0).map(() => ['']);
    const tuning = { weights: Float64Array.from(planted), decode, references, metric: ownQuality, signal: controller.signal };
    await assert.rejects(tuneWeights(tuning), /enough/);
  });

  test('refuses a dev set without sentences', async () => {
    const tuning = { weights: Float64Array.of(1), decode: async () => [], references: [], metric: ownQuality };
    await assert.rejects(tuneWeights(tuning), /no sentences/);
  });
});
