import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import { createModel } from '../../src/models/create.js';
import { NgramCounting } from '../../src/models/ngram/counting.js';
import { NgramModel } from '../../src/models/ngram/ngram.js';
import { tablesOf } from '../../src/models/ngram/tables.js';
import { NgramTrie } from '../../src/models/ngram/trie.js';
import { Memory } from '../../src/tensor/memory.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { beginId, endId, ownSpecialIds } from '../../src/text/tokenizer.js';
import { KneserNeyReference } from './kneser-ney-reference.js';

const vocabulary = 14;
/** All but padding and `<s>`. */
const predicted = Array.from({ length: vocabulary }, (_, id) => id).filter((id) => !ownSpecialIds.forbidden.includes(id));

/** Sentences in which few words are frequent, some empty. */
function sentencesOf(count: number, seed = 1): number[][] {
  const key = randomKey(seed, 'corpus');
  const draw = (index: number, limit: number) => uniformInteger(key, index, limit);
  return Array.from({ length: count }, (_, sentence) =>
    Array.from(
      { length: draw(100 * sentence, 7) },
      (_value, place) => 4 + draw(100 * sentence + 2 * place + 1, 1 + draw(100 * sentence + 2 * place + 2, 10)),
    ),
  );
}

async function counted(order: number, sentences: readonly (readonly number[])[], buffer?: number) {
  const spill = { files: memoryFiles(), directory: 'spill' };
  const counting = new NgramCounting({ kind: 'ngram', order }, { target: vocabulary }, spill, buffer);
  for (const [key, target] of sentences.entries()) await counting.add({ key, source: [], target });
  const spilled = await spill.files.list('spill');
  const { options, parameters } = await counting.finish();
  await counting.dispose();
  const model = createModel(options, { target: vocabulary });
  model.parameters.allocate(new Memory({ shared: false }));
  await PlacedValues.of(model.parameters).fill(parameters);
  assert.deepEqual(await spill.files.list('spill'), [], 'nothing is left of what was spilled');
  return { trie: new NgramTrie(tablesOf(model.parameters, order)), spilled, options, model };
}

/** All histories of up to so many tokens. */
function histories(length: number): number[][] {
  const shorter = length === 0 ? [] : histories(length - 1);
  const longest = shorter.filter((history) => history.length === length - 1);
  const tokens = [beginId, ...predicted];
  return length === 0 ? [[]] : [...shorter, ...longest.flatMap((history) => tokens.map((token) => [...history, token]))];
}

function after(trie: NgramTrie, history: readonly number[]) {
  return history.reduce((state, token) => trie.score(state, token)[1], trie.start);
}

describe('an n-gram model', () => {
  for (const [order, sentences] of [
    [1, 40],
    [2, 40],
    [3, 400],
    [4, 60],
    [5, 25],
  ] as const) {
    test(`of order ${order} is smoothed as the equations say, after every history`, async () => {
      const corpus = sentencesOf(sentences, order);
      const reference = new KneserNeyReference(order, corpus, beginId, endId, predicted);
      const { trie } = await counted(order, corpus);
      const all = histories(2).concat(corpus.slice(0, 12).map((sentence) => [beginId, ...sentence]));
      const distribution = new Float32Array(vocabulary);
      for (const history of all) {
        const state = after(trie, history);
        trie.predict(state, distribution);
        const total = distribution.reduce((sum, value) => sum + Math.exp(value), 0);
        assert.ok(Math.abs(total - 1) < 1e-5, `${history}: ${total}`);
        for (const token of predicted) {
          const [logProbability] = trie.score(state, token);
          const expected = Math.log(reference.probability(history, token));
          assert.ok(Math.abs(logProbability - expected) < 1e-5, `${history} -> ${token}: ${logProbability}, not ${expected}`);
          assert.ok(Math.abs(logProbability - (distribution[token] as number)) < 1e-5);
        }
      }
    });
  }

  test('takes its own discounts where there are enough counts of counts, and the usual ones elsewhere', () => {
    const reference = new KneserNeyReference(3, sentencesOf(400, 3), beginId, endId, predicted);
    assert.notDeepEqual(reference.discounts[2], [0.5, 1, 1.5]);
    assert.deepEqual(reference.discounts[0], [0.5, 1, 1.5]);
  });

  test('counted in files, with little in memory at once, is the same', async () => {
    const corpus = sentencesOf(80);
    const [whole, inFiles] = [await counted(3, corpus), await counted(3, corpus, 24)];
    assert.equal(whole.spilled.length, 0);
    assert.ok(inFiles.spilled.length > 5);
    assert.deepEqual(inFiles.options, whole.options);
    for (const { name, value } of whole.model.parameters) {
      assert.deepEqual(inFiles.model.parameters.get(name)?.value.toArray(), value.toArray(), name);
    }
  });

  test('a text in parts is counted as one', async () => {
    const tokens = sentencesOf(30).flat();
    const whole = await counted(3, [tokens]);
    const spill = { files: memoryFiles(), directory: 'spill' };
    const counting = new NgramCounting({ kind: 'ngram', order: 3 }, { target: vocabulary }, spill);
    for (let at = 0; at < tokens.length; at += 7) {
      const isLast = at + 7 >= tokens.length;
      const before = at === 0 ? {} : { before: tokens[at - 1] };
      await counting.add({ key: at, source: [], target: tokens.slice(at, at + 7), ends: isLast, ...before });
    }
    assert.deepEqual((await counting.finish()).options, whole.options);
  });

  test('forgets what no longer matters: states that predict the same for ever are one', async () => {
    const { trie } = await counted(3, [
      [4, 5, 6],
      [7, 5, 8],
    ]);
    // Nothing was ever seen after 6 but the end, nor after 9.
    assert.equal(after(trie, [4, 9]), after(trie, [9]));
    assert.equal(after(trie, [9]), trie.start);
    assert.notEqual(after(trie, [4, 5]), after(trie, [7, 5]));
  });

  test('is no model of pairs, nor of another vocabulary', () => {
    assert.throws(
      () => new NgramModel({ kind: 'ngram', order: 2 }, { source: 5, target: 5 }),
      /ngram for pairs; expected ngram for text only/,
    );
    assert.throws(() => new NgramModel({ kind: 'ngram', order: 2, ngrams: [6, 9] }, { target: 5 }), /6 unigrams for 5 tokens/);
  });
});
