import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecadeError } from '../../../src/core/errors.js';
import { ensembleModel } from '../../../src/decoding/ensemble.js';
import { LocalDecodingExecutor } from '../../../src/decoding/local-executor.js';
import { type DecodingOptionsInput, resolveDecodingOptions } from '../../../src/decoding/options.js';
import { score } from '../../../src/decoding/score.js';
import { type SearchOptions, type SearchSentence, search } from '../../../src/decoding/search.js';
import type { Hypothesis } from '../../../src/decoding/search-rows.js';
import type { StepModel } from '../../../src/models/model.js';
import { beginId, endId, padId, unknownId } from '../../../src/text/tokenizer.js';
import { openTestDevice } from '../../tensor/devices.js';
import { lstmVariants, randomLstm, randomSources, randomTable, type Table, TableModel } from '../models.js';

const device = await openTestDevice();
const vocabulary = 7;
type SampleOptions = NonNullable<DecodingOptionsInput['sample']>;

function draw(
  model: StepModel,
  sentences: readonly SearchSentence[],
  sample: SampleOptions,
  options: DecodingOptionsInput & Pick<SearchOptions, 'continuation'> = {},
): Promise<Hypothesis[][]> {
  const { continuation, ...others } = options;
  return search(model, device, sentences, { ...resolveDecodingOptions({ ...others, sample }), continuation });
}

const texts = (hypotheses: readonly Hypothesis[] | undefined) => (hypotheses ?? []).map(({ ids }) => [...ids].join(' '));

/** Every text of at most two tokens with its probability when each step is drawn with `temperature`. */
function exactly(table: Table, source: readonly number[], temperature: number): Map<string, number> {
  const allowed = [endId, unknownId, 4, 5, 6];
  const step = (target: readonly number[]): Map<number, number> => {
    if (target.length === 2) return new Map([[endId, 1]]);
    const weights = allowed.map((id) => Math.exp((table(source, target)[id] ?? 0) / temperature));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return new Map(allowed.map((id, index) => [id, (weights[index] ?? 0) / total]));
  };
  const found = new Map<string, number>();
  const extend = (target: readonly number[], probability: number): void => {
    for (const [id, next] of step(target)) {
      if (id === endId) found.set(target.join(' '), probability * next);
      else extend([...target, id], probability * next);
    }
  };
  extend([], 1);
  return found;
}

/** Pearson's statistic of what was drawn against what is expected. */
function chiSquare(drawn: readonly string[], expected: ReadonlyMap<string, number>): number {
  const counts = new Map<string, number>();
  for (const text of drawn) counts.set(text, (counts.get(text) ?? 0) + 1);
  let statistic = 0;
  for (const [text, probability] of expected) {
    const mean = probability * drawn.length;
    statistic += ((counts.get(text) ?? 0) - mean) ** 2 / mean;
  }
  return statistic;
}

/** Of 21 texts: one in a thousand right samplers gives a statistic above this with 20 degrees of freedom. */
const unlikely = 45.31;

describe('sampling', () => {
  const table = randomTable(vocabulary, 5);
  const source = [4, 5];
  const many = (temperature: number, seed = 1) =>
    draw(
      new TableModel(vocabulary, table),
      Array.from({ length: 8 }, (_, index) => ({ source, line: index + 1 })),
      { samples: 1_000, temperature, seed },
      { maximumLength: 2 },
    ).then((found) => found.flatMap(texts));

  test('draws texts as often as they are probable', async () => {
    assert.equal(exactly(table, source, 1).size, 21);
    for (const temperature of [0.7, 1, 1.6]) {
      for (const seed of [1, 2, 3]) {
        const statistic = chiSquare(await many(temperature, seed), exactly(table, source, temperature));
        assert.ok(statistic < unlikely, `${statistic} at temperature ${temperature}, seed ${seed}`);
      }
    }
  });

  test('and the test of that notices a temperature that is off by a tenth', async () => {
    const drawn = await many(1);
    for (const temperature of [0.9, 1.1]) assert.ok(chiSquare(drawn, exactly(table, source, temperature)) > unlikely);
  });

  for (const options of lstmVariants.slice(0, 7)) {
    test(`without a choice it is greedy search: ${JSON.stringify(options)}`, async () => {
      const model = randomLstm(device, options);
      const sentences = randomSources(9, 7).map((source) => ({ source }));
      const greedy = await search(model, device, sentences, resolveDecodingOptions({ beam: 1, maximumLength: 12 }));
      for (const sample of [{ temperature: 0 }, { topK: 1 }, { temperature: 1e-9 }, { topP: 1e-9 }, { minP: 1 }]) {
        const drawn = await draw(model, sentences, sample, { maximumLength: 12 });
        assert.deepEqual(drawn.map(texts), greedy.map(texts), JSON.stringify(sample));
        for (const [index, [hypothesis]] of drawn.entries()) {
          const expected = greedy[index]?.[0];
          assert.ok(Math.abs((hypothesis?.logProbability ?? 0) - (expected?.logProbability ?? 1)) < 1e-4);
          assert.ok(Math.abs((hypothesis?.score ?? 0) - (expected?.score ?? 1)) < 1e-4);
        }
      }
    });
  }

  test('a line and a sample draw the same alone and in any batch, prefixes and ensembles included', async () => {
    const [first, second] = [randomLstm(device, { attention: 'dot' }), randomLstm(device, { layers: 1 }, { seed: 2 })];
    const sentences = randomSources(20, 7).map((source, index) => ({
      source,
      line: index + 1,
      ...(index % 3 === 0 && { prefix: [5, 6] }),
    }));
    for (const model of [first, ensembleModel([first, second])]) {
      const together = await draw(model, sentences, { samples: 4, topP: 0.9 }, { maximumLength: 9 });
      for (const size of [1, 7]) {
        for (let start = 0; start < sentences.length; start += size) {
          const found = await draw(model, sentences.slice(start, start + size), { samples: 4, topP: 0.9 }, { maximumLength: 9 });
          assert.deepEqual(found.map(texts), together.slice(start, start + size).map(texts));
        }
      }
      const fewer = await draw(model, sentences, { samples: 2, topP: 0.9 }, { maximumLength: 9 });
      assert.deepEqual(
        fewer.map(texts),
        together.map((samples) => texts(samples).slice(0, 2)),
      );
      const other = await draw(model, sentences, { samples: 4, topP: 0.9, seed: 2 }, { maximumLength: 9 });
      assert.notDeepEqual(other.map(texts), together.map(texts));
      assert.equal(new Set(together.flatMap(texts)).size > sentences.length, true, 'samples differ');
    }
  });

  test('reports the log-probabilities that scoring gives, whatever was made of them', async () => {
    const model = randomLstm(device, { attention: 'additive' });
    const sentences = randomSources(6, 7).map((source) => ({ source, prefix: [4] }));
    const found = await draw(model, sentences, { samples: 3, temperature: 2, topK: 4, repetitionPenalty: 1.3 }, { maximumLength: 8 });
    const pairs = found.flatMap((samples, index) => samples.map(({ ids }) => ({ source: sentences[index]?.source ?? [], target: ids })));
    const scores = await score(LocalDecodingExecutor.of(device, [model]), pairs);
    for (const [index, { tokenLogProbabilities, logProbability }] of found.flat().entries()) {
      const expected = scores[index];
      assert.equal(tokenLogProbabilities.length, expected?.tokenLogProbabilities.length);
      assert.ok(Math.abs(logProbability - (expected?.logProbability ?? 0)) < 1e-4);
    }
  });

  test('never draws what is forbidden, and repeats no n-gram', async () => {
    const flat = new TableModel(vocabulary, () => new Array<number>(vocabulary).fill(0));
    const options = { maximumLength: 20, minimumLength: 3, forbidUnknown: true, forbidRepeats: 2 };
    const [found = []] = await draw(flat, [{ source: [4] }], { samples: 300 }, options);
    for (const { ids } of found) {
      assert.ok(ids.length >= 3 && ids.every((id) => ![padId, beginId, endId, unknownId].includes(id)));
      const pairs = Array.from({ length: ids.length - 1 }, (_, at) => `${ids[at]} ${ids[at + 1]}`);
      assert.equal(new Set(pairs).size, pairs.length);
    }
  });

  test('reads a source once for all of its samples, and drops those that have ended', async () => {
    const model = new TableModel(vocabulary, (_, target) => {
      return Array.from({ length: vocabulary }, (_, id) => (target.length === 0 ? (id === 4 || id === 5 ? 9 : -9) : id === endId ? 20 : 0));
    });
    await draw(model, [{ source: [4] }, { source: [5] }], { samples: 10 }, { maximumLength: 5 });
    assert.deepEqual(model.stepRows, [2, 20]);
    assert.equal(model.openSessions, 0);
  });

  test('a row that nothing may follow is an error that names its sentence', async () => {
    const broken = new TableModel(vocabulary, () => new Array<number>(vocabulary).fill(Number.NaN));
    await assert.rejects(
      draw(broken, [{ source: [4], line: 17 }], {}),
      (error) => error instanceof DecadeError && error.kind === 'numeric' && /line 17, after 0 tokens/.test(error.message),
    );
    assert.equal(broken.openSessions, 0);
  });
});

describe('a continuation', () => {
  /** Tokens 4, 5 and 6, over and over. */
  const cycle = new TableModel(vocabulary, (_, target) => {
    return Array.from({ length: vocabulary }, (_, id) => (id === 4 + (target.length % 3) ? 50 : 0));
  });
  const plain = ['', '', '', '?', 'ab', 'cd', 'e'];
  const continued = async (strings: readonly string[], maximumLength = 9, prefix: readonly number[] = [], spellings = plain) => {
    const continuation = { stop: strings.length === 0 ? undefined : { strings, spellings, dropsFirstSpace: true } };
    const [[found] = []] = await draw(cycle, [{ source: [4], prefix }], {}, { maximumLength, continuation });
    assert.equal(found?.tokenLogProbabilities.length, found?.ids.length, '`</s>` was never drawn');
    return texts(found && [found])[0];
  };

  test('is cut at its maximum length, which does not count what it begins with', async () => {
    assert.equal(await continued([], 4), '4 5 6 4');
    assert.equal(await continued([], 2, [4, 5]), '4 5 6 4');
  });

  test('ends with the token that completes a stop string, across tokens and within them', async () => {
    assert.equal(await continued(['b']), '4');
    assert.equal(await continued(['bc']), '4 5');
    assert.equal(await continued(['bcdea']), '4 5 6 4');
    assert.equal(await continued(['zz', 'eab', 'dea']), '4 5 6 4');
    assert.equal(await continued(['ba']), '4 5 6 4 5 6 4 5 6');
  });

  test('has no space before its first word, unless it goes on from another', async () => {
    const spaced = plain.map((spelling) => ` ${spelling}`);
    assert.equal(await continued([' '], 9, [], spaced), '4 5');
    assert.equal(await continued([' ab'], 9, [], spaced), '4 5 6 4');
    assert.equal(await continued([' '], 9, [4], spaced), '4 5');
  });

  test('looks for stop strings in what follows its beginning only', async () => {
    assert.equal(await continued(['ab'], 9, [4]), '4 5 6 4');
    assert.equal(await continued(['bc'], 9, [4]), '4 5 6 4 5');
  });

  test('ends where the model ends it', async () => {
    const ends = new TableModel(vocabulary, (_, target) =>
      Array.from({ length: vocabulary }, (_, id) => (id === (target.length < 2 ? 4 : endId) ? 50 : 0)),
    );
    const [[found] = []] = await draw(ends, [{ source: [4] }], {}, { maximumLength: 9, continuation: {} });
    assert.deepEqual([[...(found?.ids ?? [])], found?.tokenLogProbabilities.length], [[4, 4], 3]);
  });

  test('tells every token as it is drawn, and waits for who is told', async () => {
    const told: string[] = [];
    let waiting = 0;
    const options = { ...resolveDecodingOptions({ sample: { samples: 2 }, maximumLength: 3 }), continuation: {} };
    const found = await search(cycle, device, [{ source: [4] }, { source: [5] }], options, {
      onTokens: async (tokens) => {
        assert.equal(waiting++, 0);
        await new Promise((resolve) => setTimeout(resolve, 1));
        waiting--;
        for (const { sentence, sample, id } of tokens) told.push(`${sentence} ${sample}: ${id}`);
      },
    });
    const expected = [4, 5, 6].flatMap((id) => ['0 0', '0 1', '1 0', '1 1'].map((row) => `${row}: ${id}`));
    assert.deepEqual(told, expected);
    assert.deepEqual(found.map(texts), [
      ['4 5 6', '4 5 6'],
      ['4 5 6', '4 5 6'],
    ]);
  });
});

describe('options of sampling', () => {
  test('a beam and samples exclude each other in one call, and a call overrides its defaults', () => {
    const usage = (pattern: RegExp) => (error: unknown) =>
      error instanceof DecadeError && error.kind === 'usage' && pattern.test(error.message);
    assert.throws(() => resolveDecodingOptions({ beam: 4, sample: {} }), usage(/decoding options\.beam: 4 together with sample/));
    assert.throws(() => resolveDecodingOptions({ nbest: 4, sample: {} }), usage(/decoding options\.nbest/));
    assert.equal(resolveDecodingOptions({ sample: { topK: 5 } }, { beam: 8, nbest: 4 }).sample?.topK, 5);
    assert.equal(resolveDecodingOptions({ beam: 2 }, { sample: {} }).sample, undefined);
    assert.equal(resolveDecodingOptions({}, { sample: { seed: 7 } }).sample?.seed, 7);
    assert.throws(() => resolveDecodingOptions({ sample: { topP: 0 } }), usage(/decoding options\.sample\.topP: 0/));
    assert.throws(() => resolveDecodingOptions({ sample: { tempreature: 1 } as object }), usage(/tempreature/));
  });
});
