import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uniformInteger, randomKey } from '../../../src/core/random.js';
import type { CandidateList } from '../../../src/decoding/selection/criterion.js';
import { minimumBayesRisk, type MinimumBayesRiskOptions } from '../../../src/decoding/selection/minimum-bayes-risk.js';
import { selectionOf } from '../../../src/decoding/selection/options.js';
import { bleu } from '../../../src/metrics/bleu.js';
import { chrf } from '../../../src/metrics/chrf.js';
import type { Metric } from '../../../src/metrics/metric.js';

const words = ['the', 'a', 'dog', 'dogs', 'run', 'runs', 'on', 'beach', 'été', '𝒳', '.', '!'];

/** Texts of 0 to 7 words, some of them several times. */
function samples(count: number, seed: number): CandidateList {
  const key = randomKey(seed, 'sample');
  let drawn = 0;
  const draw = (limit: number) => uniformInteger(key, drawn++, limit);
  const candidates = Array.from({ length: count }, () => ({
    text: Array.from({ length: draw(8) }, () => words[draw(words.length)] as string).join(' '),
    score: -draw(5),
    logProbability: -draw(1000) / 100,
  }));
  return { source: 'source', candidates: [...candidates, ...candidates.slice(0, 3)], areSamples: true };
}

/** The definition: the mean of the metric's scores with every candidate as the reference. */
function expected(metric: Metric, { candidates }: CandidateList, weights: readonly number[]): number[] {
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return candidates.map(({ text }) =>
    candidates.reduce(
      (sum, reference, index) => sum + ((weights[index] as number) / all) * metric.score(metric.statistics(text, [reference.text])).score,
      0,
    ),
  );
}

async function values(options: MinimumBayesRiskOptions, list: CandidateList): Promise<number[]> {
  const [valuation] = await minimumBayesRisk(options).valuations([list], {});
  return Array.from(valuation?.values ?? []);
}

function assertClose(found: readonly number[], wanted: readonly number[]): void {
  assert.equal(found.length, wanted.length);
  for (const [index, value] of found.entries()) assert.ok(Math.abs(value - (wanted[index] as number)) < 1e-9, `${value} at ${index}`);
}

const metrics = { chrf: chrf(), 'chrf++': chrf({ wordOrder: 2 }), bleu: bleu({ effectiveOrder: true }) } as const;

for (const utility of ['chrf', 'chrf++', 'bleu'] as const) {
  test(`expected ${utility} is the mean of its scores with every candidate as reference`, async () => {
    const list = samples(20, 7);
    assertClose(
      await values({ utility }, list),
      expected(
        metrics[utility],
        list,
        list.candidates.map(() => 1),
      ),
    );
  });
}

test('pseudo-references of a beam count by their probability', async () => {
  const list = { ...samples(12, 3), areSamples: false };
  const weights = list.candidates.map(({ logProbability = 0 }) => Math.exp(logProbability));
  assertClose(await values({ utility: 'chrf' }, list), expected(chrf(), list, weights));
  assertClose(
    await values({ utility: 'chrf', weights: 'uniform' }, list),
    expected(
      chrf(),
      list,
      list.candidates.map(() => 1),
    ),
  );
});

test('coarse to fine with every text kept is exact, and with few it keeps the best of the coarse utility', async () => {
  const list = samples(30, 11);
  const exact = await values({ utility: 'chrf' }, list);
  assert.deepEqual(await values({ utility: 'chrf', coarse: { utility: 'unigram', keep: 1000 } }, list), exact);
  const coarse = await values({ utility: 'chrf', coarse: { utility: 'bleu', keep: 4 } }, list);
  const kept = new Set(list.candidates.filter((_, index) => coarse[index] !== 0).map(({ text }) => text));
  assert.equal(kept.size, 4);
  const byBleu = await values({ utility: 'bleu' }, list);
  const worstKept = Math.min(...byBleu.filter((_, index) => coarse[index] !== 0));
  assert.ok(byBleu.every((value, index) => coarse[index] !== 0 || value <= worstKept));
  for (const [index, value] of coarse.entries()) assert.ok(value === 0 || value === exact[index]);
});

test('few pseudo-references of the coarse utility are the first texts', async () => {
  const list = samples(30, 12);
  const firsts = [...new Set(list.candidates.map(({ text }) => text))].slice(0, 3);
  const coarse = await values({ utility: 'bleu', coarse: { utility: 'chrf', references: 3, keep: 1 } }, list);
  const metric = chrf();
  const counts = firsts.map((text) => list.candidates.filter((candidate) => candidate.text === text).length);
  const means = list.candidates.map(({ text }) =>
    firsts.reduce((sum, reference, index) => sum + (counts[index] as number) * metric.score(metric.statistics(text, [reference])).score, 0),
  );
  const best = means.indexOf(Math.max(...means));
  assert.ok((coarse[best] as number) > 0);
  assert.equal(new Set(list.candidates.filter((_, index) => coarse[index] !== 0).map(({ text }) => text)).size, 1);
});

test('what a text is worth depends neither on the order of the candidates nor on whether copies stand together', async () => {
  const list = samples(15, 5);
  const reversed = { ...list, candidates: list.candidates.toReversed() };
  assertClose((await values({ utility: 'chrf' }, reversed)).toReversed(), await values({ utility: 'chrf' }, list));
});

test('lists that come together are valued as each by itself', async () => {
  const lists = [samples(9, 1), samples(4, 2), { source: '', candidates: [], areSamples: true }];
  const together = await minimumBayesRisk({ utility: 'bleu' }).valuations(lists, {});
  for (const [index, list] of lists.entries()) {
    assert.deepEqual(Array.from(together[index]?.values ?? []), await values({ utility: 'bleu' }, list));
  }
});

test('an aborted selection rejects with the reason', async () => {
  const reason = new Error('enough');
  await assert.rejects(selectionOf({ by: 'mbr' }).select([samples(5, 1)], { signal: AbortSignal.abort(reason) }), reason);
});

test('comparisons are counted: of different texts, and of all by the coarse utility', async () => {
  const list = { source: '', candidates: ['a b', 'a b', 'a c', 'd'].map((text) => ({ text, score: 0 })), areSamples: true };
  const [exact] = await minimumBayesRisk({ utility: 'chrf' }).valuations([list], {});
  assert.equal(exact?.cost.evaluations, 9);
  const [coarse] = await minimumBayesRisk({ utility: 'chrf', coarse: { utility: 'unigram', references: 2, keep: 1 } }).valuations(
    [list],
    {},
  );
  assert.equal(coarse?.cost.evaluations, 3 * 2 + 1 * 3);
});
