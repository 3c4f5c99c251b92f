import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PhraseTable } from '../../../src/models/phrase/phrase-table.js';
import { translationFeatures, untunedWeights, weightsOf } from '../../../src/models/phrase/search/features.js';
import type { PhraseSearchOptionsInput } from '../../../src/models/phrase/search/options.js';
import { PhraseSearch, type PhraseSearchModel } from '../../../src/models/phrase/search/phrase-search.js';
import { distinct, exhaustiveSearch } from './exhaustive-search.js';
import { randomLanguageModel, randomTable, special, untranslated } from './random-model.js';

const unlimited: PhraseSearchOptionsInput = { popLimit: 1e6, stackSize: 1e6, distortionLimit: 6, optionsPerPhrase: 1e6, nbest: 1e5 };
const sentences = [[4, 5, 6, 7], [4, 4, 5], [7, untranslated, 5, untranslated], [5], []];

function modelOf(seed: number, reordering = false): PhraseSearchModel {
  return {
    table: randomTable({ seed, reordering }),
    languageModel: randomLanguageModel(seed),
    weights: weightsOf(untunedWeights),
    special,
  };
}

function assertClose(actual: number | undefined, expected: number | undefined, message?: string): void {
  assert.ok(actual !== undefined && expected !== undefined && Math.abs(actual - expected) < 1e-9, `${message}: ${actual}, not ${expected}`);
}

describe('phrase search', () => {
  for (const reordering of [false, true]) {
    for (const distortionLimit of [0, 2, 6]) {
      test(`without limits finds what trying everything finds, distortion limit ${distortionLimit}${reordering ? ', with lexicalised reordering' : ''}`, () => {
        for (const [index, sentence] of sentences.entries()) {
          const model = modelOf(index, reordering);
          const search = new PhraseSearch(model, { ...unlimited, distortionLimit });
          const expected = distinct(exhaustiveSearch(model, sentence, distortionLimit));
          const found = search.translate(sentence);
          assert.equal(found.length, expected.length, `${sentence}`);
          for (const [rank, { score, target }] of found.entries()) {
            assertClose(score, expected[rank]?.score, `${sentence}, rank ${rank}`);
            assert.deepEqual(Array.from(target), expected[rank]?.words, `${sentence}, rank ${rank}`);
          }
        }
      });
    }
  }

  test('gives the features of a translation as its definition counts them, and their weighted sum as its score', () => {
    const model = modelOf(2, true);
    const sentence = sentences[2] ?? [];
    const [best] = exhaustiveSearch(model, sentence, 6);
    const [found] = new PhraseSearch(model, unlimited).translate(sentence);
    for (const [index, name] of translationFeatures.entries()) assertClose(found?.features[index], best?.features[name], name);
    const positions = best?.steps.flatMap(({ start, option }) =>
      Array.from(option.alignment, (within) => (within < 0 ? -1 : start + within)),
    );
    assert.deepEqual(Array.from(found?.alignment ?? []), positions);
  });

  test('finds no better translations with more room, and the best with enough', () => {
    const scores = [1, 3, 1_000].map((popLimit) =>
      [1, 2, 3, 4].map((seed) => {
        const search = new PhraseSearch(modelOf(seed), { ...unlimited, popLimit, nbest: 1, distortionLimit: 2 });
        return search.translate([4, 5, 6, 7, 4])[0]?.score ?? NaN;
      }),
    );
    const best = [1, 2, 3, 4].map((seed) => exhaustiveSearch(modelOf(seed), [4, 5, 6, 7, 4], 2)[0]?.score ?? NaN);
    for (const [index, score] of best.entries()) {
      assertClose(scores[2]?.[index], score);
      for (const found of scores) assert.ok((found[index] as number) <= score + 1e-9);
    }
    assert.ok(
      best.some((score, index) => (scores[0]?.[index] as number) < score - 1e-9),
      'one extension is too few',
    );
  });

  test('jumps no farther than the distortion limit, even where jumps are rewarded, and covers every word', () => {
    const sentence = Array.from({ length: 40 }, (_, place) => 4 + ((place * place) % 5));
    const options = [{ target: Int32Array.of(4), features: new Float32Array(4), alignment: Int8Array.of(0) }];
    const table: PhraseTable = { maximumLength: 1, options: () => options };
    const weights = weightsOf({ ...untunedWeights, distortion: -1 });
    for (const distortionLimit of [0, 2, 5]) {
      const search = new PhraseSearch({ ...modelOf(5), table, weights }, { popLimit: 30, stackSize: 3, distortionLimit });
      const order = Array.from(search.translate(sentence)[0]?.alignment ?? []);
      const jumps = order.map((position, place) => Math.abs(position - ((order[place - 1] ?? -1) + 1)));
      assert.equal(Math.max(...jumps), distortionLimit);
      assert.deepEqual(
        order.toSorted((a, b) => a - b),
        [...sentence.keys()],
      );
    }
  });

  test('leaves a word without translation as <unk>, aligned to its place', () => {
    const [found] = new PhraseSearch(modelOf(1), { distortionLimit: 0 }).translate([untranslated]);
    assert.deepEqual([found?.target, found?.alignment], [Int32Array.of(special.unknown), Int32Array.of(0)]);
    assert.equal(found?.features[translationFeatures.indexOf('unknownWord')], -100);
  });

  test('is the same whatever was translated before', () => {
    const options = { popLimit: 20, nbest: 10 };
    const search = new PhraseSearch(modelOf(4), options);
    const first = search.translate([4, 5, 6, 7, 8]);
    search.translate([8, 8, 4, 5]);
    assert.deepEqual(search.translate([4, 5, 6, 7, 8]), first);
    assert.deepEqual(new PhraseSearch(modelOf(4), options).translate([4, 5, 6, 7, 8]), first);
  });

  test('refuses options that it does not have', () => {
    assert.throws(() => new PhraseSearch(modelOf(1), { popLimit: 0 }), /popLimit/);
  });
});
