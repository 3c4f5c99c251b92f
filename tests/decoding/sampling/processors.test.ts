import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomKey, uniform } from '../../../src/core/random.js';
import { Candidates } from '../../../src/decoding/sampling/candidates.js';
import { samplingOptions } from '../../../src/decoding/sampling-options.js';
import { candidateProcessors } from '../../../src/decoding/sampling/processors.js';
import { RowDistributions } from '../../../src/decoding/sampling/row-distribution.js';
import { Scope } from '../../../src/tensor/device.js';
import { Arena } from '../../../src/tensor/memory.js';
import { openTestDevice } from '../../tensor/devices.js';

const device = await openTestDevice();
type Candidate = { id: number; logit: number };

/** Logits with ties, and some tokens that may not follow. */
function randomLogits(seed: number, vocabulary = 60): Float32Array {
  const key = randomKey(seed, 'sample');
  return Float32Array.from({ length: vocabulary }, (_, id) => {
    return uniform(key, id) < 0.1 ? -Infinity : Math.round(40 * (uniform(key, vocabulary + id) - 0.4)) / 4;
  });
}

/** What is left of a row, with the probabilities from which it would be drawn. */
function drawnFrom(logits: Float32Array, options: object, ids: readonly number[] = []): { id: number; p: number }[] {
  const arena = new Arena(device.memory);
  const scope = new Scope(device, arena);
  const parsed = samplingOptions.parse(options);
  // A row of others before it.
  const rows = scope.empty([2, logits.length]).set([...new Array<number>(logits.length).fill(7), ...logits]);
  const { logProbabilities, probabilities } = new RowDistributions(scope, rows, parsed).of(1, () => Int32Array.from(ids));
  const candidates = new Candidates(logits.length);
  candidates.fill(logProbabilities, probabilities);
  for (const process of candidateProcessors(parsed)) process(candidates);
  const left = Array.from(candidates.ids, (id, index) => ({ id, p: (candidates.probabilities[index] ?? 0) / candidates.total }));
  arena.dispose();
  return left;
}

const processed = (logits: Float32Array, options: object, ids?: readonly number[]) => idsOf(drawnFrom(logits, options, ids));

const possible = (logits: Float32Array): Candidate[] =>
  Array.from(logits, (logit, id) => ({ id, logit })).filter(({ logit }) => logit > -Infinity);

/** As the papers write it: sort, then take from the front until there is enough. */
function frontOf(candidates: readonly Candidate[], rank: (p: number, candidate: Candidate) => number, mass: number): Candidate[] {
  const total = candidates.reduce((sum, { logit }) => sum + Math.exp(logit), 0);
  const ranked = candidates
    .map((candidate) => ({ candidate, p: Math.exp(candidate.logit) / total }))
    .sort((a, b) => rank(b.p, b.candidate) - rank(a.p, a.candidate) || a.candidate.id - b.candidate.id);
  const kept: Candidate[] = [];
  let sum = 0;
  for (const { candidate, p } of ranked) {
    if (sum >= mass) break;
    kept.push(candidate);
    sum += p;
  }
  return kept.sort((a, b) => a.id - b.id);
}

function entropyOf(candidates: readonly Candidate[]): number {
  const total = candidates.reduce((sum, { logit }) => sum + Math.exp(logit), 0);
  return -candidates.reduce((sum, { logit }) => sum + (Math.exp(logit) / total) * (logit - Math.log(total)), 0);
}

const seeds = Array.from({ length: 20 }, (_, seed) => seed);
const idsOf = (candidates: readonly { readonly id: number }[]) => candidates.map(({ id }) => id);

describe('processors of sampling', () => {
  test('none by default: every token that may follow, as probable as the model finds it', () => {
    for (const seed of seeds) {
      const all = possible(randomLogits(seed));
      const total = all.reduce((sum, { logit }) => sum + Math.exp(logit), 0);
      assertDistribution(
        drawnFrom(randomLogits(seed), {}),
        all.map(({ id, logit }) => ({ id, p: Math.exp(logit) / total })),
      );
    }
  });

  for (const topK of [1, 2, 7, 59, 1_000]) {
    test(`top-k ${topK} keeps the likeliest, equal ones by id`, () => {
      for (const seed of seeds) {
        const logits = randomLogits(seed);
        const sorted = possible(logits).sort((a, b) => b.logit - a.logit || a.id - b.id);
        assert.deepEqual(processed(logits, { topK }), idsOf(sorted.slice(0, topK).sort((a, b) => a.id - b.id)));
      }
    });
  }

  for (const topP of [0.05, 0.5, 0.9, 0.999]) {
    test(`top-p ${topP} keeps the nucleus`, () => {
      for (const seed of seeds) {
        const logits = randomLogits(seed);
        assert.deepEqual(processed(logits, { topP }), idsOf(frontOf(possible(logits), (p) => p, topP)));
      }
    });
  }

  for (const minP of [0.01, 0.3, 1]) {
    test(`min-p ${minP} keeps what is at least this fraction as probable as the likeliest`, () => {
      for (const seed of seeds) {
        const logits = randomLogits(seed);
        const most = Math.max(...logits);
        assert.deepEqual(processed(logits, { minP }), idsOf(possible(logits).filter(({ logit }) => Math.exp(logit - most) >= minP)));
      }
    });
  }

  for (const typical of [0.1, 0.5, 0.95]) {
    test(`typical ${typical} keeps what is nearest to the entropy, not what is likeliest`, () => {
      let [differs, likeliestLeftOut] = [0, 0];
      for (const seed of seeds) {
        const logits = Float32Array.from(randomLogits(seed), (logit) => logit / 4);
        const all = possible(logits);
        const entropy = entropyOf(all);
        const expected = frontOf(all, (p) => -Math.abs(-Math.log(p) - entropy), typical);
        assert.deepEqual(processed(logits, { typical }), idsOf(expected));
        if (String(idsOf(expected)) !== String(idsOf(frontOf(all, (p) => p, typical)))) differs++;
        if (!idsOf(expected).includes(logits.indexOf(Math.max(...logits)))) likeliestLeftOut++;
      }
      if (typical < 0.9) assert.ok(differs > 0 && likeliestLeftOut > 0, 'a nucleus would have been the same');
    });
  }

  test('the temperature divides logits, and the least one overflows nothing', () => {
    const logits = randomLogits(1);
    for (const temperature of [0.3, 2, 100]) {
      const total = possible(logits).reduce((sum, { logit }) => sum + Math.exp(logit / temperature), 0);
      assertDistribution(
        drawnFrom(logits, { temperature }),
        possible(logits).map(({ id, logit }) => ({ id, p: Math.exp(logit / temperature) / total })),
      );
    }
    for (const temperature of [0, 1e-300, 1e-7, 1e-5]) {
      assert.deepEqual(
        drawnFrom(Float32Array.of(900, -900, 899), { temperature }).filter(({ p }) => p > 0),
        [{ id: 0, p: 1 }],
      );
    }
  });

  test('the repetition penalty divides positive logits of what was written, and multiplies negative ones', () => {
    const expected = [2 / 2, -2 * 2, 3, -3].map(Math.exp);
    const total = expected.reduce((sum, each) => sum + each, 0);
    assertDistribution(
      drawnFrom(Float32Array.of(2, -2, 3, -3), { repetitionPenalty: 2 }, [0, 1, 1]),
      expected.map((each, id) => ({ id, p: each / total })),
    );
  });

  test('each sees what the one before left, in the order of the record', () => {
    // Of 3, 2, 1, 0: top-k leaves 3 and 2, of which the first alone has more than 0.7.
    const logits = Float32Array.of(0, 3, 1, 2);
    assert.deepEqual(processed(logits, { topP: 0.7 }), [1, 3]);
    assert.deepEqual(processed(logits, { topK: 2, topP: 0.7 }), [1]);
    // Hotter, it has less.
    assert.deepEqual(processed(logits, { topK: 2, topP: 0.7, temperature: 2 }), [1, 3]);
    assert.deepEqual(processed(logits, { topK: 2, topP: 0.7, temperature: 2, repetitionPenalty: 5 }, [1]), [2, 3]);
    assert.deepEqual(processed(logits, { topK: 1, repetitionPenalty: 5 }, [1]), [3]);
  });

  test('select from a large vocabulary with many equal logits, and far ones', () => {
    const key = randomKey(1, 'sample');
    const logits = Float32Array.from({ length: 5_000 }, (_, id) =>
      id % 2 === 0 ? -100 * uniform(key, id) : Math.floor(8 * uniform(key, id)),
    );
    const sorted = possible(logits).sort((a, b) => b.logit - a.logit || a.id - b.id);
    for (const topK of [10, 2_400, 3_000, 4_999]) {
      assert.deepEqual(processed(logits, { topK }), idsOf(sorted.slice(0, topK).sort((a, b) => a.id - b.id)));
    }
  });
});

function assertDistribution(actual: readonly { id: number; p: number }[], expected: readonly { id: number; p: number }[]): void {
  assert.deepEqual(idsOf(actual), idsOf(expected));
  for (const [index, { p }] of expected.entries()) assert.ok(Math.abs((actual[index]?.p ?? 0) - p) < 1e-5 * p + 1e-9);
}
