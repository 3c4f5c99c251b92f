import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { phraseOf } from '../../../src/decoding/constraints/phrase.js';
import type { SentencePhrases } from '../../../src/decoding/constraints/sentence-phrases.js';
import { surfacesOf } from '../../../src/decoding/constraints/surfaces.js';
import { ensembleModel } from '../../../src/decoding/ensemble.js';
import { type DecodingOptionsInput, resolveDecodingOptions } from '../../../src/decoding/options.js';
import { type SearchSentence, search } from '../../../src/decoding/search.js';
import type { Hypothesis } from '../../../src/decoding/search-rows.js';
import type { StepModel } from '../../../src/models/model.js';
import { openTestDevice } from '../../tensor/devices.js';
import { exhaustive, randomModel, randomSources, randomTable, TableModel } from '../models.js';

const device = await openTestDevice();
const source = [5, 6];

/** Tokens from 4 on; the first four are special. `ab` is written by one token or by two, and both go on to be `abb`. */
const written = ['', '', '', '', ' ab', ' a', 'b', ' B'];
const vocabulary = written.length;
const encoder = new TextEncoder();
const surfaces = surfacesOf({ size: vocabulary, bytes: (id) => encoder.encode(written[id]) });
const textOf = (ids: ArrayLike<number>) => Array.from(ids, (id) => (id === 3 ? '⁇' : written[id])).join('');

const tokens: Record<string, number[][]> = {
  ab: [[4], [5, 6]],
  abb: [
    [4, 6],
    [5, 6, 6],
  ],
  a: [[5]],
  b: [[7]],
  B: [[7]],
  'ab B': [[4, 7]],
  'B ab': [[7, 4]],
};
function phrases(must: readonly (readonly string[])[], mustNot: readonly string[] = []): SentencePhrases {
  return {
    required: must.map((forms) => ({ forms: forms.map(phraseOf), tokens: forms.flatMap((form) => tokens[form] ?? []) })),
    forbidden: mustNot.map(phraseOf),
  };
}

/** By a regular expression, and not by what the search uses. */
const has = (ids: ArrayLike<number>, phrase: string) =>
  new RegExp(`(?<![a-zA-Z])${phrase}(?![a-zA-Z])`, phrase.toLowerCase() === phrase ? 'i' : '').test(textOf(ids));
const fits = (ids: ArrayLike<number>, must: readonly (readonly string[])[], mustNot: readonly string[]) =>
  must.every((forms) => forms.some((form) => has(ids, form))) && !mustNot.some((phrase) => has(ids, phrase));

function find(model: StepModel, sentences: readonly SearchSentence[], options: DecodingOptionsInput): Promise<Hypothesis[][]> {
  return search(model, device, sentences, { ...resolveDecodingOptions(options), surfaces });
}

const idsOf = (hypotheses: readonly Hypothesis[] | undefined) => (hypotheses ?? []).map(({ ids }) => [...ids]);

describe('constrained search with a large beam finds what enumeration finds', () => {
  const cases: { must: string[][]; mustNot: string[] }[] = [
    { must: [['ab']], mustNot: [] },
    { must: [['abb']], mustNot: [] },
    { must: [['ab'], ['B']], mustNot: [] },
    { must: [['ab B', 'abb']], mustNot: [] },
    { must: [['B ab']], mustNot: ['a'] },
    { must: [], mustNot: ['ab'] },
    { must: [], mustNot: ['b', 'abb'] },
    { must: [['a'], ['ab']], mustNot: ['b ab'] },
  ];
  for (const [seed, { must, mustNot }] of cases.entries()) {
    test(`must ${must.map((forms) => forms.join('|')).join(', ')}; must not ${mustNot.join(', ')}`, async () => {
      const table = randomTable(vocabulary, seed, { bias: (seed % 3) - 1 });
      const all = exhaustive(vocabulary, table, source, 4)
        .filter(({ ids }) => fits(ids, must, mustNot))
        .sort((a, b) => b.logProbability / (b.ids.length + 1) - a.logProbability / (a.ids.length + 1));
      const sentence = { source, phrases: phrases(must, mustNot) };
      const [found] = await find(new TableModel(vocabulary, table), [sentence], { beam: 1000, nbest: 5, maximumLength: 4 });
      assert.deepEqual(
        idsOf(found),
        all.slice(0, 5).map(({ ids }) => ids),
      );
      found?.forEach(({ logProbability }, rank) => {
        assert.ok(Math.abs(logProbability - (all[rank]?.logProbability ?? 0)) < 1e-5);
      });
    });
  }
});

describe('constrained search with a small beam', () => {
  const must = [['ab'], ['B']];
  test('finds what must occur and keeps what must not out', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const model = new TableModel(vocabulary, randomTable(vocabulary, seed));
      for (const beamWidth of ['shrinking', 'constant'] as const) {
        const [found] = await find(model, [{ source, phrases: phrases(must, ['abb']) }], { beam: 4, beamWidth, maximumLength: 8 });
        assert.ok(fits(found?.[0]?.ids ?? [], must, ['abb']), textOf(found?.[0]?.ids ?? []));
      }
    }
  });

  test('a phrase that cannot be written leaves the plain search, and what must not occur still does not', async () => {
    const model = new TableModel(vocabulary, randomTable(vocabulary, 3, { bias: -1 }));
    const long = phrases([['ab'], ['B'], ['a']]);
    const options = { beam: 3, nbest: 3, maximumLength: 2 };
    const [plain, constrained] = [await find(model, [{ source }], options), await find(model, [{ source, phrases: long }], options)];
    assert.deepEqual(constrained, plain);
    const [found] = await find(model, [{ source, phrases: phrases([['ab'], ['B'], ['a']], ['b']) }], options);
    assert.ok(found?.length === 3 && found.every(({ ids }) => !has(ids, 'b')));
  });

  test('sentences of a batch find what they find alone, those without phrases what plain search finds', async () => {
    const choices = [phrases([['ab']]), undefined, phrases([], ['a']), phrases([['B'], ['abb']], ['b ab'])];
    const sources = randomSources(4, 7);
    const sentences = sources.map((of, index) => ({ source: of, ...(choices[index] && { phrases: choices[index] }) }));
    const members = [1, 2].map((seed) => randomModel(device, { attention: 'dot' }, { vocabulary, seed }));
    for (const model of [...members, ensembleModel(members)]) {
      const options = { beam: 5, nbest: 5, maximumLength: 7 };
      const together = await find(model, sentences, options);
      for (const [index, sentence] of sentences.entries()) {
        assert.deepEqual(idsOf((await find(model, [sentence], options))[0]), idsOf(together[index]));
      }
      assert.deepEqual(idsOf(together[1]), idsOf((await find(model, [{ source: sources[1] ?? [] }], options))[0]));
    }
  });

  test('a prefix counts, and goes on', async () => {
    const model = new TableModel(vocabulary, randomTable(vocabulary, 4, { bias: 3 }));
    const [found] = await find(model, [{ source, prefix: [7, 5], phrases: phrases([['B'], ['ab']]) }], { beam: 3, maximumLength: 6 });
    assert.ok(has(found?.[0]?.ids ?? [], 'ab'));
    assert.deepEqual([...(found?.[0]?.ids ?? [])].slice(0, 2), [7, 5]);
  });

  test('samples are kept from what must not occur', async () => {
    const model = new TableModel(vocabulary, randomTable(vocabulary, 5, { bias: -1 }));
    const sentence = { source, phrases: phrases([], ['ab', 'b']) };
    const [found] = await find(model, [sentence], { sample: { samples: 60 }, maximumLength: 30 });
    const ended = found?.filter(({ ids }) => ids.length < 30) ?? [];
    assert.ok(ended.length > 10 && ended.every(({ ids }) => !has(ids, 'ab') && !has(ids, 'b')));
  });
});

describe('diverse beam search', () => {
  const sources = randomSources(3, 7);
  const sentences = sources.map((of) => ({ source: of }));

  test('with one group is beam search, bit for bit', async () => {
    for (const beamWidth of ['shrinking', 'constant'] as const) {
      for (const model of [new TableModel(9, randomTable(9, 2)), randomModel(device, { attention: 'dot' })]) {
        const options = { beam: 6, nbest: 6, beamWidth, maximumLength: 7 };
        const diverse = await find(model, sentences, { ...options, diversity: { groups: 1 } });
        assert.deepEqual(diverse, await find(model, sentences, options));
      }
    }
  });

  test('without strength every group finds the same, once', async () => {
    const model = new TableModel(9, randomTable(9, 2));
    const diverse = await find(model, sentences, { beam: 6, nbest: 6, maximumLength: 7, diversity: { groups: 3, strength: 0 } });
    assert.deepEqual(diverse.map(idsOf), (await find(model, sentences, { beam: 2, nbest: 2, maximumLength: 7 })).map(idsOf));
  });

  /** Groups of one place, as the paper tells it: each takes the best token after those before it have taken theirs. */
  function plainGroups(of: readonly number[], groups: number, strength: number, maximumLength: number) {
    const table = randomTable(9, 2);
    const rows: { ids: number[]; sum: number; ended: boolean }[] = Array.from({ length: groups }, () => ({
      ids: [],
      sum: 0,
      ended: false,
    }));
    for (let step = 0; step <= maximumLength; step++) {
      const taken: number[] = [];
      for (const row of rows.filter(({ ended }) => !ended)) {
        const logits = table(of, row.ids);
        const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
        const allowed = step === maximumLength ? [2] : [2, 3, 4, 5, 6, 7, 8];
        const value = (id: number) => (logits[id] ?? 0) - strength * taken.filter((each) => each === id).length;
        const best = allowed.reduce((most, id) => (value(id) > value(most) ? id : most));
        taken.push(best);
        row.sum += (logits[best] ?? 0) - total;
        if (best === 2) row.ended = true;
        else row.ids.push(best);
      }
    }
    const distinct = new Map(rows.map(({ ids, sum }) => [ids.join(' '), { ids, score: sum / (ids.length + 1) }]));
    return [...distinct.values()].sort((a, b) => b.score - a.score).map(({ ids }) => ids);
  }

  test('finds what groups find one after the other', async () => {
    for (const strength of [0.2, 1, 5]) {
      const found = await find(new TableModel(9, randomTable(9, 2)), sentences, {
        beam: 4,
        nbest: 4,
        maximumLength: 6,
        diversity: { groups: 4, strength },
      });
      assert.deepEqual(
        found.map(idsOf),
        sources.map((of) => plainGroups(of, 4, strength, 6)),
      );
    }
  });
});
