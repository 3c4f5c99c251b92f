import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import type { Hypothesis } from '../../src/decoding/search-rows.js';
import { lengthPenalty } from '../../src/decoding/length-penalty.js';
import { LocalDecodingExecutor } from '../../src/decoding/local-executor.js';
import { type DecodingOptionsInput, resolveDecodingOptions } from '../../src/decoding/options.js';
import { score } from '../../src/decoding/score.js';
import { search } from '../../src/decoding/search.js';
import type { StepModel } from '../../src/models/model.js';
import { beginId, endId, padId, unknownId } from '../../src/text/tokenizer.js';
import { openTestDevice } from '../tensor/devices.js';
import { exhaustive, modelVariants, randomLstm, randomModel, randomSources, randomTable, type Table, TableModel } from './models.js';

const device = await openTestDevice();
const sources = randomSources(9, 7);

function find(model: StepModel, sentences: readonly number[][], options: DecodingOptionsInput = {}): Promise<Hypothesis[][]> {
  return search(
    model,
    device,
    sentences.map((source) => ({ source })),
    resolveDecodingOptions(options),
  );
}

function assertClose(actual: number | undefined, expected: number | undefined, message?: string): void {
  const difference = Math.abs((actual ?? Number.NaN) - (expected ?? Number.NaN));
  assert.ok(difference <= 1e-5 * Math.max(1, Math.abs(expected ?? 0)), `${message ?? ''} ${actual} is not near ${expected}`);
}

const idsOf = (hypotheses: readonly Hypothesis[] | undefined) => (hypotheses ?? []).map(({ ids }) => [...ids]);

/** Takes the most likely token again and again, one sentence at a time: what greedy search means. */
function greedy(model: StepModel, source: readonly number[], maximumLength: number): number[] {
  const session = model.decode(device, [source]);
  const ids: number[] = [];
  let previous = beginId;
  while (ids.length < maximumLength) {
    const { logits: unbiased, bias } = session.step(Int32Array.of(previous));
    const logits = Array.from(unbiased.f32, (value, id) => value + (bias?.f32[id] ?? 0));
    logits[padId] = -Infinity;
    logits[beginId] = -Infinity;
    previous = logits.indexOf(Math.max(...logits));
    if (previous === endId) break;
    ids.push(previous);
  }
  session.dispose();
  return ids;
}

/** Beam search as the paper tells it (section 3.2), to the very end, with plain arrays: what the batched one must find. */
function plainBeamSearch(vocabulary: number, table: Table, source: readonly number[], beam: number, maximumLength: number) {
  let living: { ids: number[]; logProbability: number }[] = [{ ids: [], logProbability: 0 }];
  const complete: { ids: number[]; score: number }[] = [];
  while (living.length > 0) {
    const extended = living.flatMap(({ ids, logProbability }) => {
      const logits = table(source, ids);
      const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
      const allowed = ids.length === maximumLength ? [endId] : [endId, ...Array.from({ length: vocabulary - 3 }, (_, id) => id + 3)];
      return allowed.map((id) => ({ ids: [...ids, id], logProbability: logProbability + (logits[id] ?? 0) - total }));
    });
    const best = extended.sort((a, b) => b.logProbability - a.logProbability).slice(0, beam - complete.length);
    living = best.filter(({ ids }) => ids.at(-1) !== endId);
    for (const { ids, logProbability } of best.filter((each) => !living.includes(each))) {
      complete.push({ ids: ids.slice(0, -1), score: logProbability / ids.length });
    }
  }
  return complete.sort((a, b) => b.score - a.score);
}

describe('beam search', () => {
  for (const beam of [1, 2, 3, 5, 8]) {
    test(`finds what the paper's finds, beam ${beam}`, async () => {
      for (const [seed, bias] of [
        [1, 0],
        [2, 1],
        [3, 2.5],
      ] as const) {
        const table = randomTable(9, seed, { bias });
        for (const nbest of new Set([1, beam])) {
          const found = await find(new TableModel(9, table), sources, { beam, nbest, maximumLength: 6 });
          sources.forEach((source, sentence) => {
            const expected = plainBeamSearch(9, table, source, beam, 6).slice(0, nbest);
            assert.deepEqual(
              idsOf(found[sentence]),
              expected.map(({ ids }) => ids),
            );
            found[sentence]?.forEach(({ score }, rank) => {
              assertClose(score, expected[rank]?.score);
            });
          });
        }
      }
    });
  }

  test('with a beam of 1 is greedy search', async () => {
    const table = new TableModel(9, randomTable(9, 5, { bias: 1 }));
    for (const model of [table, ...modelVariants.map((variant) => randomModel(device, variant))]) {
      const found = await find(model, sources, { beam: 1, maximumLength: 12 });
      sources.forEach((source, sentence) => {
        assert.deepEqual(idsOf(found[sentence]), [greedy(model, source, 12)]);
      });
    }
  });

  for (const alpha of [0, 0.6, 1, 2]) {
    for (const kind of ['power', 'gnmt'] as const) {
      test(`with a large beam finds what exhaustive search finds (${kind}, alpha ${alpha})`, async () => {
        const [vocabulary, maximumLength] = [6, 4];
        const penalty = lengthPenalty({ kind, alpha });
        for (let seed = 0; seed < 4; seed++) {
          const table = randomTable(vocabulary, seed, { bias: seed - 1 });
          const all = exhaustive(vocabulary, table, [5, 6], maximumLength)
            .map((hypothesis) => ({ ...hypothesis, score: hypothesis.logProbability / penalty(hypothesis.ids.length + 1) }))
            .sort((a, b) => b.score - a.score);
          const [found] = await find(new TableModel(vocabulary, table), [[5, 6]], {
            beam: 200,
            nbest: 7,
            maximumLength,
            lengthPenalty: { kind, alpha },
          });
          assert.deepEqual(
            idsOf(found),
            all.slice(0, 7).map(({ ids }) => ids),
          );
          found?.forEach((hypothesis, rank) => {
            assertClose(hypothesis.logProbability, all[rank]?.logProbability);
            assertClose(hypothesis.score, all[rank]?.score);
          });
        }
      });
    }
  }

  test('a wider beam finds better translations than a narrow one, on average', async () => {
    const many = randomSources(40, 5, 3);
    const model = new TableModel(12, randomTable(12, 2));
    const means = [];
    for (const beam of [1, 3, 10]) {
      const found = await find(model, many, { beam, maximumLength: 8 });
      means.push(found.reduce((sum, [best]) => sum + (best?.score ?? 0), 0) / many.length);
    }
    const [narrow = 0, middle = 0, wide = 0] = means;
    assert.ok(narrow < middle && middle < wide, `${means}`);
  });

  test('stopping early gives what going on to the end gives', async () => {
    // As many hypotheses as the beam is wide: only an empty beam ends that search.
    const model = new TableModel(9, randomTable(9, 8, { bias: 2.5, spread: 4 }));
    for (const alpha of [0, 1]) {
      const options = { beam: 4, maximumLength: 9, lengthPenalty: { alpha } };
      const stopped = await find(model, sources, { ...options, nbest: 1 });
      const stepsStopped = model.stepRows.splice(0).length;
      const complete = await find(model, sources, { ...options, nbest: 4 });
      const stepsComplete = model.stepRows.splice(0).length;
      assert.deepEqual(
        stopped.map((hypotheses) => idsOf(hypotheses)),
        complete.map((hypotheses) => idsOf(hypotheses).slice(0, 1)),
      );
      assert.ok(stepsStopped < stepsComplete);
    }
  });

  test('finished hypotheses and sentences leave the batch', async () => {
    // The source's first token says how long the translation is.
    const model = new TableModel(6, ([length = 0], target) => [0, 0, target.length < length ? -20 : 20, 0, 1, 0]);
    await find(model, [[3], [5], [3], [8]], { beam: 1 });
    assert.deepEqual(model.stepRows, [4, 4, 4, 4, 2, 2, 1, 1, 1]);
    model.stepRows.length = 0;
    await find(model, [[3], [5]], { beam: 2, nbest: 2 });
    assert.deepEqual(model.stepRows, [2, 4, 4, 4, 2, 2]);
  });

  test('n-best lists are sorted and have no hypothesis twice', async () => {
    for (const model of [randomLstm(device), new TableModel(9, randomTable(9, 4, { bias: 1 }))]) {
      for (const hypotheses of await find(model, sources, { beam: 6, nbest: 6, maximumLength: 8 })) {
        assert.equal(hypotheses.length, 6);
        const scores = hypotheses.map(({ score }) => score);
        assert.deepEqual(
          scores,
          scores.toSorted((a, b) => b - a),
        );
        assert.equal(new Set(idsOf(hypotheses).map(String)).size, 6);
      }
    }
  });

  test('gives all hypotheses when fewer exist than were asked for', async () => {
    const [found] = await find(new TableModel(5, randomTable(5, 1)), [[4]], { beam: 50, nbest: 50, maximumLength: 2 });
    assert.equal(found?.length, 1 + 2 + 4);
  });

  test('equal scores are taken in the order of rows and tokens', async () => {
    const [found] = await find(new TableModel(7, () => [0, 0, 0, 0, 0, 0, 0]), [[4]], {
      beam: 4,
      nbest: 4,
      maximumLength: 3,
      forbidUnknown: true,
    });
    assert.deepEqual(idsOf(found), [[], [4], [4, 4], [4, 4, 4]]);
  });
});

describe('a translation is the same', () => {
  for (const variant of modelVariants) {
    for (const beam of [1, 4]) {
      test(`alone and in any batch, with products of words kept or not: ${JSON.stringify(variant)}, beam ${beam}`, async () => {
        const model = randomModel(device, variant);
        const options = { beam, nbest: beam, maximumLength: 10, attention: true };
        const together = await find(model, sources, options);
        const backwards = (await find(model, sources.toReversed(), options)).toReversed();
        const executor = LocalDecodingExecutor.of(device, [model]);
        for (const [sentence, source] of sources.entries()) {
          const [alone] = await executor.search([{ source }], resolveDecodingOptions(options));
          assert.deepEqual(idsOf(together[sentence]), idsOf(alone));
          assert.deepEqual(idsOf(backwards[sentence]), idsOf(alone));
          together[sentence]?.forEach((hypothesis, rank) => {
            assertClose(hypothesis.logProbability, alone?.[rank]?.logProbability);
            hypothesis.attention?.forEach((weights, position) => {
              weights.forEach((weight, token) => {
                assertClose(weight, alone?.[rank]?.attention?.[position]?.[token]);
              });
            });
          });
        }
        await executor.dispose();
      });
    }
  }
});

describe('constraints', () => {
  const model = new TableModel(9, randomTable(9, 6, { bias: 1 }));

  test('a prefix is kept, and its log-probabilities count', async () => {
    const lstm = randomLstm(device);
    const options = resolveDecodingOptions({ beam: 3, minimumLength: 4, maximumLength: 10, forbidUnknown: true });
    const [[free] = []] = await search(lstm, device, [{ source: [4, 5, 6] }], options);
    assert.ok(free !== undefined && free.ids.length > 2);
    // A prefix of what the search chose changes nothing; another prefix is followed.
    const kept = free.ids.slice(0, 2);
    const other = [unknownId, 9, 9];
    const found = await search(
      lstm,
      device,
      [{ source: [4, 5, 6], prefix: kept }, { source: [4, 5, 6] }, { source: [4, 5, 6], prefix: other }],
      options,
    );
    assert.deepEqual(
      found.map(([best]) => [...(best?.ids.slice(0, 2) ?? [])]),
      [[...kept], [...kept], other.slice(0, 2)],
    );
    assert.equal(found[2]?.[0]?.ids[2], 9);
    assert.ok(found.every(([best]) => best?.tokenLogProbabilities.length === (best?.ids.length ?? 0) + 1));
    const [best] = found[0] ?? [];
    assertClose(
      best?.logProbability,
      best?.tokenLogProbabilities.reduce((sum, value) => sum + value, 0),
    );
  });

  test('a prefix is read at once, and is as probable as scoring finds it', async () => {
    const table = new TableModel(9, randomTable(9, 6, { bias: 1 }));
    const prefix = [4, 5, 6, 7];
    const options = resolveDecodingOptions({ beam: 2, maximumLength: 6 });
    const [[longest] = []] = await search(table, device, [{ source: [4], prefix }], options);
    assert.deepEqual([...(longest?.ids.slice(0, 4) ?? [])], prefix);
    // After it there is room for two more tokens and the end.
    assert.ok(table.stepRows.length <= 3, `${table.stepRows}`);
    for (const variant of modelVariants) {
      const random = randomModel(device, variant);
      const [[best] = []] = await search(random, device, [{ source: [4, 5, 6], prefix }], options);
      const [scored] = await score(LocalDecodingExecutor.of(device, [random]), [{ source: [4, 5, 6], target: best?.ids ?? [] }]);
      best?.tokenLogProbabilities.forEach((value, token) => {
        assertClose(value, scored?.tokenLogProbabilities[token]);
      });
    }
  });

  test('a whole translation as a prefix, longer than the maximum, is ended at once', async () => {
    const prefix = [4, 5, 6, 7, 8];
    const [hypotheses] = await search(model, device, [{ source: [4], prefix }], resolveDecodingOptions({ beam: 2, maximumLength: 3 }));
    assert.deepEqual(idsOf(hypotheses), [prefix]);
  });

  test('nothing is longer than the maximum or shorter than the minimum', async () => {
    for (const [minimumLength, maximumLength] of [
      [0, 1],
      [3, 3],
      [2, 6],
    ] as const) {
      const found = await find(model, sources, { beam: 4, nbest: 4, minimumLength, maximumLength });
      for (const { ids } of found.flat()) assert.ok(ids.length >= minimumLength && ids.length <= maximumLength, `${ids}`);
    }
  });

  test('the maximum length follows the source by default', async () => {
    const endless = new TableModel(6, () => [0, 0, -50, 0, 1, 2]);
    const found = await find(endless, [[4], [4, 5, 6]], { beam: 1 });
    assert.deepEqual(
      found.map(([best]) => best?.ids.length),
      [12, 16],
    );
  });

  test('padding and the start are never chosen, the unknown word only if allowed', async () => {
    const tempting = new TableModel(7, (_, target) => [30, 20, target.length, 10, 2, 1, 0]);
    const [[allowed] = []] = await find(tempting, [[4]], { beam: 1, maximumLength: 3 });
    assert.deepEqual([...(allowed?.ids ?? [])], [unknownId, unknownId, unknownId]);
    const [forbidden] = await find(tempting, [[4]], { beam: 3, nbest: 3, maximumLength: 5, forbidUnknown: true });
    for (const { ids } of forbidden ?? []) assert.ok(ids.every((id) => id > unknownId));
    // What is forbidden keeps its share: the score is the model's own.
    assert.ok((forbidden?.[0]?.logProbability ?? 0) < -28);
  });

  test('no run of tokens occurs twice when that is forbidden', async () => {
    const repeating = new TableModel(8, (_, target) => [0, 0, target.length - 6, 0, 5, target.length % 2 === 0 ? 0 : 9, 0, 0]);
    const runs = (ids: Int32Array, size: number) =>
      Array.from({ length: ids.length - size + 1 }, (_, at) => String(ids.slice(at, at + size)));
    const repeats = (ids: Int32Array, size: number) => runs(ids, size).length - new Set(runs(ids, size)).size;
    const [[free] = []] = await find(repeating, [[4]], { beam: 2, maximumLength: 9, minimumLength: 9 });
    assert.ok(free !== undefined && repeats(free.ids, 2) > 0);
    for (const forbidRepeats of [1, 2, 3]) {
      const [hypotheses] = await find(repeating, [[4]], { beam: 3, nbest: 3, maximumLength: 9, forbidRepeats });
      for (const { ids } of hypotheses ?? []) assert.equal(repeats(ids, forbidRepeats), 0, `${ids}`);
    }
  });
});

describe('a search', () => {
  test('of no sentences gives none', async () => {
    assert.deepEqual(await find(randomLstm(device), []), []);
  });

  test('gives all device memory back, also when it ends by an abort', async () => {
    const model = randomLstm(device, { attention: 'additive', inputFeeding: true });
    await find(model, sources, { beam: 3 });
    const before = device.memory.allocatedBytes;
    await find(model, sources, { beam: 3 });
    assert.equal(device.memory.allocatedBytes, before);
    const reason = new Error('enough');
    let checks = 0;
    const signal = {
      throwIfAborted() {
        if (++checks === 4) throw reason;
      },
    };
    const options = resolveDecodingOptions({ minimumLength: 9 });
    await assert.rejects(search(model, device, [{ source: [4] }], options, { signal }), reason);
    assert.equal(device.memory.allocatedBytes, before);
  });

  test('leaves the event loop its turns', async () => {
    const slow = new TableModel(6, () => {
      const until = performance.now() + 10;
      while (performance.now() < until);
      return [0, 0, -50, 0, 1, 2];
    });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    const options = resolveDecodingOptions({ beam: 1, maximumLength: 1_000 });
    await assert.rejects(search(slow, device, [{ source: [4] }], options, { signal: controller.signal }), { name: 'AbortError' });
    assert.ok(slow.stepRows.length < 100);
    assert.equal(slow.openSessions, 0);
  });

  test('names ids that are outside the vocabulary', async () => {
    const model = randomLstm(device);
    const received = (expected: RegExp) => (error: unknown) => error instanceof DecadeError && expected.test(error.message);
    await assert.rejects(find(model, [[4, 11]]), received(/source.*token id 11 at position 1.*from 3 to 10/));
    const options = resolveDecodingOptions();
    await assert.rejects(search(model, device, [{ source: [4], prefix: [endId] }], options), received(/prefix.*token id 2/));
  });

  test('says so when the model gives no numbers', async () => {
    const broken = new TableModel(6, () => [0, 0, Number.NaN, 0, 0, 0]);
    await assert.rejects(find(broken, [[4]]), (error) => error instanceof DecadeError && error.kind === 'numeric');
  });
});
