import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RescoredSentence } from '../../../src/analysis/rescoring/rescoring.js';
import { type TunedWeight, WeightSearch } from '../../../src/analysis/rescoring/weight-search.js';
import { randomKey, uniform } from '../../../src/core/random.js';
import { bleu } from '../../../src/metrics/bleu.js';
import { bleuAt, hypothesis, randomSentences } from './sentences.js';

async function tuned(sentences: readonly RescoredSentence[], resamples = 200): Promise<TunedWeight> {
  const search = new WeightSearch(bleu());
  for (const { hypotheses, references } of sentences) search.add(hypotheses, references);
  const found = await search.best({ resamples });
  assert.ok(found !== undefined);
  return found;
}

describe('a tuned weight', () => {
  test('has the score of the choice it makes, near the best, which is as good as any on a fine grid', async () => {
    const sentences = randomSentences(12, 8, 5);
    const { weight, score, low, high, best } = await tuned(sentences);
    assert.ok(low <= weight && weight <= high && score <= best.score);
    assert.ok(Math.abs(bleuAt(sentences, weight) - score) < 1e-9);
    assert.ok(Math.abs(bleuAt(sentences, best.weight) - best.score) < 1e-9);
    const grid = Array.from({ length: 501 }, (_, step) => bleuAt(sentences, step / 500));
    assert.ok(best.score >= Math.max(...grid) - 1e-9);
  });

  test('is certain where one side alone knows better', async () => {
    const knows = (own: [number, number], model: [number, number]) =>
      ['right right right right', 'wrong'].map((text, index) => hypothesis(text, own[index] as number, model[index] as number));
    const cases = [
      { hypotheses: knows([-1, -2], [-9, -1]), expected: [0, 1 / 9] },
      { hypotheses: knows([-2, -1], [-1, -9]), expected: [1 / 9, 1] },
    ];
    for (const { hypotheses, expected } of cases) {
      const { low, high, score } = await tuned([{ sentence: 0, source: '', references: ['right right right right'], hypotheses }]);
      assert.deepEqual(
        [low.toFixed(9), high.toFixed(9)],
        expected.map((bound) => bound.toFixed(9)),
      );
      assert.ok(score > 99.9);
    }
  });

  test('is undefined for no sentence; a list that says nothing has the even average', async () => {
    assert.equal(await new WeightSearch(bleu()).best(), undefined);
    const { weight, low, high, score } = await tuned([{ sentence: 0, source: '', references: ['something'], hypotheses: [] }]);
    assert.deepEqual({ weight, low, high, score }, { weight: 0.5, low: 0, high: 1, score: 0 });
  });

  test('can be interrupted', async () => {
    const search = new WeightSearch(bleu());
    for (const { hypotheses, references } of randomSentences(50, 8, 5)) search.add(hypotheses, references);
    await assert.rejects(search.best({ resamples: 1e7, signal: AbortSignal.timeout(50) }), /timeout|aborted/i);
  });
});

/** Scores are `knowledge` times the share of right words, and noise. */
function sample(seed: number, count: number, knowledge: { own: number; model: number }): RescoredSentence[] {
  return randomSentences(count, 10, seed).map(({ hypotheses, references, ...rest }) => {
    const key = randomKey(seed, 'sample', 1_000_000 + rest.sentence);
    const right = (text: string) => text.split(' ').filter((word) => word !== 'x').length / 6;
    return {
      ...rest,
      references,
      hypotheses: hypotheses.map(({ text }, rank) =>
        hypothesis(text, knowledge.own * right(text) + uniform(key, rank), knowledge.model * right(text) + uniform(key, 100 + rank)),
      ),
    };
  });
}

/** BLEU on second samples of the weight of a first, and of the one with its highest BLEU, less that of the even average. */
async function gains(knowledge: { own: number; model: number }) {
  const [chosen, highest]: [number[], number[]] = [[], []];
  for (let seed = 0; seed < 24; seed++) {
    const first = await tuned(sample(2 * seed, 40, knowledge), 100);
    const second = sample(2 * seed + 1, 150, knowledge);
    const even = bleuAt(second, 0.5);
    chosen.push(bleuAt(second, first.weight) - even);
    highest.push(bleuAt(second, first.best.weight) - even);
  }
  return { chosen: meanAndError(chosen), highest: meanAndError(highest) };
}

function meanAndError(gains: readonly number[]): { mean: number; error: number } {
  const mean = gains.reduce((sum, value) => sum + value, 0) / gains.length;
  const variance = gains.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (gains.length - 1);
  return { mean, error: Math.sqrt(variance / gains.length) };
}

describe('on a second sample a tuned weight', () => {
  test('does no worse than the even average where both know as much, where the highest BLEU of the first sample does', async () => {
    const { chosen, highest } = await gains({ own: 1, model: 1 });
    assert.ok(chosen.mean > -2 * chosen.error, JSON.stringify(chosen));
    assert.ok(highest.mean < -2 * highest.error && highest.mean < chosen.mean - 0.3, JSON.stringify({ chosen, highest }));
  });

  test('does no worse where neither knows anything', async () => {
    const { chosen } = await gains({ own: 0, model: 0 });
    assert.ok(chosen.mean > -2 * chosen.error, JSON.stringify(chosen));
  });

  test('does better where one of them knows nothing', async () => {
    const { chosen } = await gains({ own: 2, model: 0 });
    assert.ok(chosen.mean > 2 * chosen.error && chosen.mean > 1, JSON.stringify(chosen));
  });
});

test('the interval of the weight nearly always has the best weight of a large sample in it', async () => {
  const knowledge = { own: 1.5, model: 1 };
  const all = sample(1_000, 2_000, knowledge);
  const truth = (await tuned(all, 20)).best.weight;
  let inside = 0;
  for (let seed = 0; seed < 20; seed++) {
    const { low, high } = await tuned(sample(seed, 60, knowledge), 200);
    if (low <= truth && truth <= high) inside++;
  }
  assert.ok(inside >= 18, `${inside} of 20, around ${truth}`);
});

test('of more weights than are compared the best is still scored by its choices', async () => {
  const sentences = randomSentences(200, 12, 8);
  const { best } = await tuned(sentences, 10);
  assert.ok(Math.abs(bleuAt(sentences, best.weight) - best.score) < 1e-9);
});
