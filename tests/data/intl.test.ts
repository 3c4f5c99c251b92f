import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CategorisedPair } from '../../src/data/generators/intl.js';
import { composeIntlCorpus, intlCategories, intlCorpus } from '../../src/data/generators/intl.js';
import { supportedLanguage } from '../../src/data/generators/languages.js';

const english = { from: 'en', to: 'fr', pairs: 3000, heldOut: 81 };
const corpus = intlCorpus(english);
const heldOut = [...corpus.dev, ...corpus.test];

function wordsOf(pairs: readonly CategorisedPair[], side: 'source' | 'target'): Set<string> {
  return new Set(pairs.flatMap((pair) => pair[side].split(/\s+/u)));
}

test('the corpus has the sizes that were asked for', () => {
  assert.equal(corpus.train.length, 3000);
  assert.ok(corpus.dev.length >= 81 && corpus.dev.length < 81 + intlCategories.length);
  assert.equal(corpus.test.length, corpus.dev.length);
});

test('the same seed gives the same corpus, another seed another', () => {
  assert.deepEqual(intlCorpus(english), corpus);
  assert.notDeepEqual(intlCorpus({ ...english, seed: 2 }).train, corpus.train);
});

test('no sentence stands in two parts, on either side', () => {
  for (const side of ['source', 'target'] as const) {
    const trained = new Set(corpus.train.map((pair) => pair[side]));
    assert.deepEqual(
      heldOut.filter((pair) => trained.has(pair[side])),
      [],
    );
    assert.equal(new Set(heldOut.map((pair) => pair[side])).size, heldOut.length);
  }
});

test('a source sentence has one translation', () => {
  assert.equal(new Set(corpus.train.map((pair) => pair.source)).size, corpus.train.length);
});

test('every word of a held-out sentence occurs in training, on both sides', () => {
  for (const side of ['source', 'target'] as const) {
    const trained = wordsOf(corpus.train, side);
    assert.deepEqual(
      [...wordsOf(heldOut, side)].filter((word) => !trained.has(word)),
      [],
    );
  }
});

test('each category is at least a tenth of every part', () => {
  for (const part of [corpus.train, corpus.dev, corpus.test]) {
    for (const category of corpus.categories) {
      const share = part.filter((pair) => pair.category === category).length / part.length;
      assert.ok(share >= 0.1, `${category}: ${share}`);
    }
  }
});

test('nothing is empty, broken over lines or left untranslated throughout', () => {
  for (const pair of [...corpus.train, ...heldOut]) {
    assert.match(pair.source, /^\S(.*\S)?$/u);
    assert.match(pair.target, /^\S(.*\S)?$/u);
  }
  assert.ok(heldOut.filter((pair) => pair.source === pair.target).length < heldOut.length / 10);
});

test('languages without spaces, from right to left, and with a region or a script work too', () => {
  for (const [from, to] of [
    ['ja', 'th'],
    ['ar', 'pt-BR'],
    ['zh-Hant', 'fi'],
  ] as const) {
    const { dev } = intlCorpus({ from, to, pairs: 2000, heldOut: 16 });
    assert.equal(dev.length, 16);
  }
});

test('a language that the runtime does not have is refused with those that it has', () => {
  assert.throws(() => intlCorpus({ from: 'en', to: 'xx' }), /language 'xx'; expected a language .* de .* fr /);
  assert.throws(() => intlCorpus({ from: 'en_US', to: 'fr' }), /^DecadeError: intl:en_US:fr: language 'en_US'.* Did you mean 'en-US'\?$/);
  assert.throws(() => intlCorpus({ from: 'en', to: 'en' }), /two different languages/);
});

test('a request that cannot be met ends in an error that says what to ask for', () => {
  assert.throws(
    () => intlCorpus({ from: 'en', to: 'fr', pairs: 1, heldOut: 8 }),
    /no new sentence of '.*' found after \d+\. Use more training/,
  );
  assert.throws(() => intlCorpus({ from: 'en', to: 'fr', pairs: 1e9 }), /pairs: 1000000000; expected an integer/);
});

test('the times do not depend on where the machine stands', () => {
  const { TZ } = process.env;
  try {
    process.env.TZ = 'Pacific/Kiritimati';
    assert.deepEqual(intlCorpus(english).dev, corpus.dev);
  } finally {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  }
});

test('a language by its name or as operating systems write it is suggested as its tag', () => {
  const suggestions = { German: 'de', français: 'fr', 'pt_BR.UTF-8': 'pt-BR', EN_gb: 'en-GB' };
  for (const [given, meant] of Object.entries(suggestions)) {
    assert.throws(() => supportedLanguage(given, '--from'), new RegExp(`^DecadeError: --from: language .* Did you mean '${meant}'\\?$`));
  }
  for (const given of ['e', '', 'en-', 'en-XX-YY', 'en/../..', '-', 'x'.repeat(1000)]) {
    assert.throws(() => supportedLanguage(given, '--from'), /^DecadeError: --from: language '/);
  }
  assert.equal(supportedLanguage('PT-br', '--from'), 'pt-BR');
});

test('a corpus that is composed while other tasks go on is the same', async () => {
  let otherTasks = 0;
  const timer = setInterval(() => otherTasks++, 1);
  try {
    const options = { from: 'en', to: 'fr', pairs: 2_000, heldOut: 8 };
    assert.deepEqual(await composeIntlCorpus(options), intlCorpus(options));
    assert.ok(otherTasks > 0);
  } finally {
    clearInterval(timer);
  }
});
