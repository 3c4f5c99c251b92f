import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../../src/core/errors.js';
import { crossEntropyDifference } from '../../../src/data/curation/cross-entropy.js';
import { type BoundOfShare, filterLines } from '../../../src/data/curation/filter-lines.js';
import { damage, numbersInCommon } from '../../../src/data/curation/measures.js';
import { droppedOf, gathered, pairsOf, textOf } from './lines.js';

const good = ['The weather is lovely today.', "Il fait très beau aujourd'hui."] as const;

test('each rule names what is wrong with a line', async () => {
  const lines = pairsOf(
    good,
    ['', 'Rien.'],
    ['I saw her yesterday.', 'Je lâ€™ai vue hier.'],
    ['It costs 20 euros and 15 cents.', 'Cela coûte 12 euros et 50 centimes.'],
    ['Yes.', 'Oui, mais seulement quand il ne pleut pas et que tout le monde est déjà parti.'],
    ['The new museum of Turin is open.', 'The new museum of Turin is open!'],
    ['Why do you not come with us?', 'Warum kommst du nicht mit uns nach Hause?'],
    ['Well then, let us go home.', 'Bon... alors... rentrons... !!!!!!'],
    ['Call me at 555 1234 567 89 10', '+++ 1 2 3 4 5 6 7 8 9 a'],
  );
  assert.deepEqual(await droppedOf(filterLines(lines, { languages: ['en', 'fr'] })), [
    '2 short',
    '3 damage',
    '4 numbers',
    '5 wordRatio',
    '6 copied',
    '7 language',
    '8 punctuation',
    '9 letters',
  ]);
});

test('a rule can be switched off, or given another bound', async () => {
  const lines = pairsOf(good, ['Stop!', 'Stop !'], ['one two three four five six', 'un deux trois quatre cinq six']);
  assert.deepEqual(await droppedOf(filterLines(lines)), ['2 copied']);
  assert.deepEqual(await droppedOf(filterLines(lines, { copied: 'off' })), []);
  assert.deepEqual(await droppedOf(filterLines(lines, { copied: 'off', long: 5 })), ['3 long']);
});

test('typography of other languages and numbers written their way are no damage', () => {
  assert.equal(damage(['« Voilà\u00a0! » dit-elle, déjà\u00a0là\u00a0; ÇA, c’est l’été…']), 0);
  assert.equal(damage(['Größe: 5 €, „Straße“, naïve, 東京, Çok güzel, São Paulo']), 0);
  assert.ok(damage(['dÃ©jÃ\u00a0 vu']) >= 2);
  assert.equal(damage(['a &amp; b <br> c\ufffd']), 3);
  assert.equal(numbersInCommon(['1,234.5 and 10,000', '1 234,5 et 10\u202f000']), 1);
  assert.equal(numbersInCommon(['three', '3']), undefined);
});

test('a share drops the worst lines, whatever their figures are, and reads the lines again', async () => {
  const rows = [0.9, 0.1, 0.5, 0.7, 0.3, 'x', 0.8, 0.6, 0.4, 0.2];
  const lines = rows.map((score, index) => ({ number: index + 1, sides: ['some words'], columns: ['some words', String(score)] }));
  assert.deepEqual(await droppedOf(filterLines(lines, { scoreColumn: 2, score: '30%' })), ['2 score', '6 score', '10 score']);
  assert.deepEqual(await droppedOf(filterLines(lines, { scoreColumn: 2, score: 0.75 })).then((all) => all.length), 8);
  const once = (async function* () {
    yield* lines;
  })();
  await assert.rejects(droppedOf(filterLines(once, { scoreColumn: 2, score: '30%' })), /other lines when they were read a second time/);
});

test('of lines with the same figure a share drops all or none, never more than it is, and tells', async () => {
  const boundOf = async (scores: readonly number[], share: string) => {
    const lines = scores.map((score, index) => ({ number: index + 1, sides: ['some words'], columns: ['some words', String(score)] }));
    const found: BoundOfShare[] = [];
    const dropped = await droppedOf(filterLines(lines, { scoreColumn: 2, score: share, onBounds: (bounds) => found.push(...bounds) }));
    return { dropped, ...found[0] };
  };
  const rule = { rule: 'score', lines: 10 };
  const equal = await boundOf(Array(10).fill(2), '50%');
  assert.deepEqual(equal, { ...rule, dropped: [], share: '50%', asked: 5, bound: 2, worse: 0, equal: 10 });
  const some = await boundOf([3, 1, 2, 2, 0, 2, 4, 4, 5, 6], '40%');
  assert.deepEqual(some, { ...rule, dropped: ['2 score', '5 score'], share: '40%', asked: 4, bound: 2, worse: 2, equal: 3 });
  const all = await boundOf([3, 1, 2, 2, 0, 2, 4, 4, 5, 6], '50%');
  assert.deepEqual([all.dropped.length, all.bound, all.worse, all.equal], [5, 3, 5, 1]);
});

test('a share of lines is counted as it is written', async () => {
  const lines = textOf(...Array.from({ length: 100 }, (_, index) => 'word '.repeat(index + 1)));
  assert.equal((await droppedOf(filterLines(lines, { long: '29%' }))).length, 29, '0.29 times 100 is a little less than 29');
});

test('rules that lack what they need, and wrong bounds, are refused', async () => {
  const refused = (options: object) =>
    assert.rejects(gathered(filterLines([], options)), (error) => error instanceof DecadeError && error.kind === 'usage');
  await refused({ score: 0.5 });
  await refused({ scorers: { domian: async () => [] } });
  await refused({ domain: 0 });
  await refused({ wordRatio: 'many' });
  await refused({ wordratio: 3 });
  await refused({ languages: ['en', 'xx'] });
});

test('what lines do not have is not asked of them', async () => {
  const usage = (pattern: RegExp) => (error: unknown) =>
    error instanceof DecadeError && error.kind === 'usage' && pattern.test(error.message);
  const nothing = crossEntropyDifference(
    { scoreText: async () => ({ documents: [] }) },
    { scoreText: async () => ({ documents: [] }) },
    'target',
  );
  const text = textOf('some words');
  await assert.rejects(gathered(filterLines(text, { languages: ['en', 'fr'] })), usage(/for text in one language/));
  await assert.rejects(gathered(filterLines(text, { scorers: { domain: nothing } })), usage(/for text in one language/));
  await assert.rejects(gathered(filterLines(pairsOf(good), { scoreColumn: 3, score: 0.5 })), usage(/lines without columns/));
  await assert.rejects(gathered(filterLines(text, { scoreColumn: 3 })), usage(/without a bound/));
});

test('a share is at most all lines', async () => {
  await assert.rejects(gathered(filterLines([], { damage: '101%' })), /expected a number, a share of the lines such as 10%, or off/);
  await assert.rejects(gathered(filterLines([], { damage: 'many' })), /expected a number, a share of the lines such as 10%, or off/);
});

test('a scorer has a figure for each line, and says nothing of a line with NaN', async () => {
  const lines = textOf('one', 'two', 'three');
  const scored = (...figures: number[]) => filterLines(lines, { alignment: 0, scorers: { alignment: async () => figures } });
  assert.deepEqual(await droppedOf(scored(1, Number.NaN, -1)), ['3 alignment']);
  await assert.rejects(droppedOf(scored(1, 2)), /2 figures for 3 lines/);
});
